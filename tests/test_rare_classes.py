"""Rare classes are heard: weights, a balanced sampler, focal loss, and metrics that count every class alike."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import escalera as esc
from escalera.core.errors import LadderError
from escalera.core.files import read_json
from escalera.core.rundir import RunDir
from escalera.core.translation import translate

TINY = """
name: tiny
data: {source: digits, validation: 0.2, test: 0.5}
train:
  epochs: 2
  batch_size: 64
  class_weights: {7: 3, 12: 2}
rungs:
  - name: base
    model: {kind: mlp, dense: [8]}
  - name: other
    change:
      train.class_weights: {zero: 2}
"""


def digits(**train: Any) -> dict[str, Any]:
    return {
        "name": "tiny",
        "data": {"source": "digits", "validation": 0.2, "test": 0.5},
        "train": {"epochs": 2, "batch_size": 64, **train},
        "rungs": [{"name": "base", "model": {"kind": "mlp", "dense": [8]}}],
    }


def rare(count: int = 12) -> dict[str, Any]:
    """Two classes that overlap, the second with few rows: what is likelier is the first, whatever a row shows."""
    random = np.random.default_rng(0)
    labels = np.array([0] * 600 + [1] * 3 * count)
    grey = random.normal(100 + 45 * labels, 25).clip(0, 255).astype(np.uint8)
    images = np.tile(grey[:, None, None], (1, 4, 4))
    return {"train": (images, np.array(["often", "rare"])[labels])}


def test_weights_of_classes_that_are_not_there_are_told_together(tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    with pytest.raises(LadderError) as caught:
        esc.climb(esc.load_ladder(path), out=tmp_path / "runs")
    told = [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]
    assert told == [
        "7: train.class_weights.12: expected a class of 'digits', received '12'; did you mean '2'?",
        "13: rungs[1] (other).change.train.class_weights.zero: expected a class of 'digits', received 'zero'; "
        "known: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
    ]
    assert translate(told[0].partition(": ")[2].partition(": ")[2], "es") == (
        "se esperaba una clase de «digits», se recibió «12»; ¿quisiste decir «2»?"
    )


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ({"class_weights": "equal"}, "train.class_weights: expected 'balanced' or a mapping"),
        ({"class_weights": {"1": 0}}, "expected a number above 0, received 0"),
        ({"class_weights": [1, 2]}, "train.class_weights: expected 'balanced' or a mapping"),
        ({"sampler": "balance"}, "did you mean 'balanced'?"),
        ({"loss": {"name": "focall"}}, "unknown name 'focall'; did you mean 'focal'?"),
        ({"loss": {"name": "focal", "gamma": -1}}, "expected a number of at least 0, received -1"),
        ({"loss": {"name": "cross_entropy", "gamma": 2}}, "train.loss.gamma: unknown key 'gamma'; known: name"),
        ({"loss": "focal"}, "train.loss: expected a mapping such as {name: ...}, received 'focal'"),
    ],
)
def test_what_cannot_be_is_said(train: dict[str, Any], message: str) -> None:
    with pytest.raises(LadderError) as caught:
        esc.load_ladder(digits(**train))
    assert message in str(caught.value)


def test_the_history_has_what_counts_every_class_alike(tmp_path: Path) -> None:
    stopping = {"monitor": ["val_macro_f1", "val_balanced_accuracy"], "patience": 5}
    runs = esc.climb(esc.load_ladder(digits(early_stopping=stopping, epochs=4)), out=tmp_path, quiet=True)
    run = RunDir(tmp_path / "tiny" / "base" / "seed-0")
    history = run.read_history()
    best = max(history, key=lambda epoch: epoch["val_macro_f1"])
    assert not runs.failed
    assert run.read_record()["best_epoch"] == best["epoch"]
    validation = read_json(run.metrics)["validation"]
    assert validation["macro_f1"] == pytest.approx(best["val_macro_f1"])
    assert validation["balanced_accuracy"] == pytest.approx(best["val_balanced_accuracy"])


@pytest.mark.parametrize(
    "settings", [{"class_weights": "balanced"}, {"class_weights": {"rare": 17}}, {"sampler": "balanced"}]
)
@pytest.mark.filterwarnings("ignore:.*rare")
def test_a_rare_class_is_heard(settings: dict[str, Any], tmp_path: Path) -> None:
    ladder = digits(epochs=30, optimizer={"name": "adam", "lr": 0.01})
    ladder["data"] = {"validation": 0.2, "test": 0.4}
    ladder["rungs"].append({"name": "heard", "change": {f"train.{key}": value for key, value in settings.items()}})
    runs = esc.climb(ladder, data=rare(), out=tmp_path, quiet=True)
    assert not runs.failed
    plain, heard = (
        read_json(tmp_path / "tiny" / name / "seed-0" / "metrics.json")["test"]["balanced_accuracy"]
        for name in ("base", "heard")
    )
    assert heard > plain + 0.05


def test_the_verdicts_are_about_the_metric(tmp_path: Path) -> None:
    from escalera.report.story import read_story

    ladder = digits(epochs=30, optimizer={"name": "adam", "lr": 0.01})
    ladder["data"] = {"validation": 0.2, "test": 0.4}
    ladder["rungs"].append({"name": "heard", "change": {"train.class_weights": "balanced"}})
    esc.climb(ladder, data=rare(40), out=tmp_path, quiet=True)
    by_accuracy = read_story(tmp_path / "tiny").rungs[1]
    ladder["evaluate"] = {"metric": "balanced_accuracy"}
    before = (tmp_path / "tiny" / "heard" / "seed-0" / "run.json").read_bytes()
    esc.climb(ladder, data=rare(40), out=tmp_path, quiet=True)
    assert (tmp_path / "tiny" / "heard" / "seed-0" / "run.json").read_bytes() == before
    story = read_story(tmp_path / "tiny")
    assert story.metric == "balanced_accuracy"
    rung = story.rungs[1]
    assert by_accuracy.step and by_accuracy.step.verdict != "better"
    assert rung.step and rung.step.verdict == "better"
    assert rung.interval and rung.score and rung.interval[0] < rung.score < rung.interval[1]
    page = (tmp_path / "tiny" / "report.html").read_text()
    assert "is the best by balanced accuracy" in page
    assert "Test, balanced accuracy," in page


def test_a_ladder_has_one_metric() -> None:
    ladder = digits()
    ladder["rungs"] += [{"name": "two", "change": {"evaluate.metric": "macro_f1"}}, {"name": "three"}]
    with pytest.raises(LadderError) as caught:
        esc.load_ladder(ladder)
    message = (
        "expected the metric of the first rung for all of a ladder, 'accuracy', received 'macro_f1'; write "
        "evaluate.metric once, above the rungs"
    )
    assert [problem.message for problem in caught.value.problems] == [message]
    assert "se esperaba en toda la escalera" in translate(message, "es")


def test_explore_says_that_classes_are_uneven_and_what_helps() -> None:
    from escalera.data.explore.source import uneven
    from escalera.data.images import Images, ImageSet

    def images(*counts: int) -> ImageSet:
        labels = np.repeat(np.arange(len(counts)), counts)
        train = Images(np.zeros((len(labels), 2, 2, 1), np.uint8), labels, None)
        return ImageSet("mine", ["a", "b", "c"][: len(counts)], {"train": train})

    assert uneven(images(10, 2)) == []
    [note] = uneven(images(1200, 100, 11))
    assert note == (
        "mine: class 'a' has 1,200 images in train and 'c' 11: a network may ignore the rare one and look good by "
        "accuracy. Judge by evaluate.metric: balanced_accuracy, and give rare classes weight by train.class_weights: "
        "balanced or train.sampler: balanced."
    )
    assert translate(note, "es").startswith("mine: la clase «a» tiene")
