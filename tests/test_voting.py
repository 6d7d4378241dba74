"""A votes run from the ladder to its files: features once, five classifiers, the vote, the prediction, bad input."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

import escalera as esc
from escalera.cli.terminal import Narrator
from escalera.core.errors import LadderError, RunError
from escalera.core.files import read_json
from escalera.core.rundir import RunDir
from escalera.data.dataset import Dataset, Split
from escalera.data.sources.open import open_source
from escalera.evaluate.metrics import softmax
from escalera.experiment import climb as climbing
from escalera.inference.predictor import open_run
from escalera.ladder import schema
from escalera.ladder.change import difference
from escalera.models.ensemble import classifiers
from escalera.run import ablation, fit_ensemble
from escalera.train.checkpoint import read_tensors, write_tensors

LADDER = """
name: counting
data: {source: digits}
train: {epochs: 1, batch_size: 512}
rungs:
  - name: cnn
    model: {kind: cnn, blocks: [[4], [4]]}
  - name: fused
    change:
      model:
        kind: fusion
        branches:
          one: {kind: transfer, weights: {from: cnn}, trainable: none}
          two: {kind: conv1d, widths: [3], kernel: 3}
  - name: votes
    change:
      model:
        kind: votes
        features: {from: fused}
        classifiers:
          - {name: logistic_regression, max_iter: 20}
          - {name: linear_svm, max_iter: 5}
          - {name: nearest_neighbours, k: 5}
          - {name: random_forest, trees: 5}
          - {name: gradient_boosting, iterations: 2}
"""
NAMES = ["logistic_regression", "linear_svm", "nearest_neighbours", "random_forest", "gradient_boosting"]


@pytest.fixture
def ladder(tmp_path: Path) -> Path:
    path = tmp_path / "counting.yaml"
    path.write_text(LADDER)
    return path


def climb(ladder: Path, out: Path, **more: Any) -> dict[str, esc.Run]:
    runs = climbing.climb(esc.load_ladder(ladder), out=out, **more)
    errors = {name: read_json(run.dir.record).get("error") for name, run in runs.items() if run.state != "done"}
    assert errors == {}
    return runs


def test_a_votes_run_is_a_run_like_any_other(ladder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "runs"
    told = StringIO()
    runs = climb(ladder, out, events=Narrator(Console(file=told)))
    assert "what each branch knows alone, and what is lost when it sees another row" in told.getvalue()
    run = runs["votes"].dir
    record, metrics = read_json(run.record), read_json(run.metrics)
    assert list(record["classifiers"]) == NAMES
    assert record["features"] == 4 * 2 * 2 + 3 * 16
    assert metrics["test"]["accuracy"] > 0.8
    assert set(metrics["beside"]) == {*(f"classifier:{name}" for name in NAMES), "network:head"}
    assert metrics["beside"]["network:head"] == pytest.approx(runs["fused"].metrics["test"]["accuracy"])
    table = pq.read_table(run.predictions)
    assert table["row"].equals(pq.read_table(runs["fused"].dir.predictions)["row"])
    heats = {name: entry["temperature"] for name, entry in record["classifiers"].items()}
    assert {name for name, heat in heats.items() if heat != 1} == {"linear_svm"}
    assert len(record["agreement"]["names"]) == len(record["agreement"]["shares"]) == 7

    page = (out / "counting" / "report.html").read_text()
    assert page.count("Learning curves</h3>") == 2
    assert page.count("Validation and test</h3>") == 1
    assert "No epoch of this run was recorded" not in page

    # What it says of pictures is what it said of the test rows.
    rows = table["row"].to_numpy()[:20]
    images = open_source("digits", data_root=None, image_size=None, channels=None).splits["train"].images[rows]
    stored = softmax(np.stack(table["logits"].to_numpy()[:20]))
    assert runs["votes"].predict(images) == pytest.approx(stored, abs=1e-5)
    # It needs the run that its features come from no more.
    moved = tmp_path / "elsewhere"
    shutil.copytree(run.path, moved)
    shutil.move(out, tmp_path / "gone")
    assert open_run(RunDir(moved)).predict(images) == pytest.approx(stored, abs=1e-5)
    shutil.move(tmp_path / "gone", out)

    # Finished, it is left alone; with other classifiers the features come from the cache.
    before = run.predictions.stat().st_mtime_ns
    climb(ladder, out)
    assert run.predictions.stat().st_mtime_ns == before
    monkeypatch.setattr(fit_ensemble, "fit_preparation", lambda *_: pytest.fail("features computed twice"))
    text = LADDER.replace(
        "        classifiers:", "        vote: hard\n        weighting: validation\n        classifiers:"
    )
    ladder.write_text(text)
    again = climb(ladder, out)["votes"].dir
    weights = [entry["weight"] for entry in read_json(again.record)["classifiers"].values()]
    assert weights == [entry["validation_accuracy"] for entry in record["classifiers"].values()]

    tampered = again.path / "classifiers" / "linear_svm.skops"
    tampered.write_bytes(tampered.read_bytes()[:-1])
    with pytest.raises(RunError, match=r"linear_svm.skops is not what was written .its SHA-256 differs"):
        esc.Run(again).predict(images)
    shifted = again.path / "preparation.safetensors"
    tensors = read_tensors(shifted)
    write_tensors(shifted, {**tensors, "mean": tensors["mean"] + 1})
    with pytest.raises(RunError, match=r"preparation.safetensors is not what was written .its SHA-256"):
        esc.Run(again).predict(images)


def test_features_of_the_same_rows_are_others_where_the_pictures_are(tmp_path: Path) -> None:
    """Files of a folder may be replaced without the network being trained anew."""
    (tmp_path / "best.safetensors").write_bytes(b"weights")
    config = esc.load_ladder("cifar10-multimodal").ladder["votes"].config
    model = config.model
    assert isinstance(model, schema.Votes)

    def key(pixel: int) -> str:
        part = Split(np.full((10, 4, 4, 1), pixel, np.uint8), np.arange(10) % 2, np.arange(6))
        data = Dataset("photos", ["a", "b"], part, replace(part, rows=np.arange(6, 8)), part)
        return fit_ensemble._key(config, model, data, RunDir(tmp_path))

    assert key(0) == key(0) != key(200)


def test_a_record_without_its_classifiers_is_refused(tmp_path: Path) -> None:
    from escalera.builders.ensemble import Ballot
    from escalera.ladder.schema import Votes, Weights

    model = Votes(kind="votes", features=Weights.model_validate({"from": "cnn"}))
    run = RunDir(tmp_path)
    for kept, told in (
        (None, "classifiers: expected some, received None"),
        ([1], r"classifiers: expected some, received \[1\]"),
        ({"gbm": []}, "classifiers.gbm: it lacks its sha256"),
        ({"gbm": {"weight": 1}}, "classifiers.gbm: it lacks its sha256"),
        ({"gbm": {"sha256": "x", "weight": None}}, "classifiers.gbm: it lacks its weight"),
    ):
        run.record.write_text(json.dumps({"state": "done", "classifiers": kept}))
        with pytest.raises(RunError, match=rf"could not read {run.record}: {told}"):
            Ballot(run, model)


def test_what_was_fitted_before_an_interruption_is_not_fitted_again(
    ladder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "runs"
    climb(ladder, out, rungs=["cnn", "fused"])
    fit = classifiers.fit
    asked: list[str] = []

    def stop_at_the_forest(name: str, *rest: Any) -> object:
        asked.append(name)
        if name == "random_forest" and asked.count(name) == 1:
            raise KeyboardInterrupt
        return fit(name, *rest)

    monkeypatch.setattr(fit_ensemble, "fit", stop_at_the_forest)
    with pytest.raises(KeyboardInterrupt):
        esc.climb(esc.load_ladder(ladder), out=out)
    climb(ladder, out)
    assert asked == [*NAMES[:4], *NAMES[3:]]


@pytest.mark.parametrize(
    ("more", "free", "ways"),
    [
        ("", 700_000, "Write model.pool: average or model.pca: 16, or take a network with fewer features"),
        # The covariance itself would not fit.
        ("", 20_000, "Write model.pool: average, or take a network with fewer features"),
        ("        pool: average\n", 20_000, "Take a network with fewer features, or fewer rows"),
        ("        pool: average\n        pca: 9\n", 20_000, "Take a network with fewer features, or fewer rows"),
    ],
)
def test_features_that_do_not_fit_in_memory(
    ladder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str, free: int, ways: str
) -> None:
    ladder.write_text(LADDER.replace("        classifiers:", more + "        classifiers:"))
    monkeypatch.setattr(fit_ensemble, "free_memory", lambda: free)
    monkeypatch.setattr(fit_ensemble, "features", lambda *_: pytest.fail("computed all the same"))
    run = esc.climb(esc.load_ladder(ladder), out=tmp_path / "runs")["votes"]
    assert run.state == "failed"
    width = 7 if more else 64
    needed = 4 * 5 * 1438 * width + (16 * 7**2 if "pca" in more else 0)
    assert read_json(run.dir.record)["error"] == (
        f"1,438 rows of {width} features do not fit in memory: with what the classifiers need they take about "
        f"{needed / 1e9:.1f} GB, and 0.0 GB are free. Nothing was computed. {ways}."
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "{name: nearest_neighbours, k: 5}",
            "{name: nearest_neighbors, k: 5}",
            "unknown name 'nearest_neighbors'; did you mean 'nearest_neighbours'?",
        ),
        ("{name: nearest_neighbours, k: 5}", "{name: nearest_neighbours, c: 5}", "unknown key 'c'; known: name, k"),
        ("{name: linear_svm, max_iter: 5}", "{name: random_forest}", "expected each classifier once, received "
         "'random_forest' twice"),
        ("features: {from: fused}", "features: {from: fusd}", "unknown rung 'fusd'; did you mean 'fused'?"),
        ("        features: {from: fused}\n", "        features: {from: fused}\n        vote: both\n",
         "expected one of 'soft', 'hard', received 'both'"),
        ("    change:\n      model:\n        kind: votes",
         "    change:\n      data.validation: 0.3\n      model:\n        kind: votes",
         "expected the run of a network that learned from the very same data as this rung"),
    ],
)  # fmt: skip
def test_votes_with_mistakes(ladder: Path, old: str, new: str, message: str) -> None:
    assert old in LADDER
    ladder.write_text(LADDER.replace(old, new))
    with pytest.raises(LadderError) as caught:
        esc.load_ladder(ladder)
    assert message in str(caught.value)


def test_votes_on_votes(ladder: Path) -> None:
    more = "  - name: more\n    change: {model: {kind: votes, features: {from: votes}}}\n"
    ladder.write_text(LADDER + more)
    with pytest.raises(LadderError, match="expected the run of a network, received one of kind votes"):
        esc.load_ladder(ladder)


def test_what_a_branch_knows_alone_is_learned_from_some_rows(
    ladder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(network: object, train: Any, test: Any, names: list[str]) -> dict[str, np.ndarray]:
        asked.append((sum(len(labels) for _, labels in train()), sum(len(labels) for _, labels in test()), names))
        return {}

    monkeypatch.setattr(ablation, "LEARNED", 100)
    monkeypatch.setattr(ablation, "alone", counted)
    climb(ladder, tmp_path / "runs", rungs=["cnn", "fused"])
    assert asked == [(100, 359, ["two"])]


def test_what_changed_is_what_was_written(ladder: Path) -> None:
    reading = esc.load_ladder(ladder)
    fused, votes = reading.ladder["fused"], reading.ladder["votes"]
    [change] = difference(fused.config, votes.config)
    assert change.before["branches"]["one"] == {"kind": "transfer", "weights": {"from": "cnn"}, "trainable": "none"}
    assert set(change.after) == {"kind", "features", "classifiers"}
    # Of the same kind too, where the branches are told whole, and of weights from elsewhere nothing but where.
    houses = esc.load_ladder("houses").ladder
    changes = difference(houses["combined"].config, houses["combined-scratch"].config)
    [branches] = [change for change in changes if change.path == "model.branches"]
    assert branches.before["table"] == {"kind": "transfer", "weights": {"from": "table"}}
    assert branches.after["table"] == {"kind": "table", "dense": [64, 32], "dropout": 0.2}
    transfer = houses["transfer"].config
    model = transfer.model.model_copy(
        update={"weights": schema.Weights(**{"from": "photo"}), "like": fused.config.model}
    )
    moved = transfer.model_copy(update={"model": model})
    assert [change.path for change in difference(transfer, moved)] == ["model.weights.from"]
    # Beside a file of weights somebody has to write it.
    config = fused.config.model_dump(mode="json")
    branch = {"kind": "transfer", "weights": "a.safetensors", "like": {"kind": "cnn", "blocks": [[4]]}}
    config["model"] = {"kind": "fusion", "branches": {"one": branch, "two": {"kind": "mlp", "dense": [4]}}}
    [change] = difference(votes.config, type(fused.config).model_validate(config))
    assert change.after["branches"]["one"] == branch
