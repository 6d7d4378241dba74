"""Climbing as a user does it, on scikit-learn's digits and networks that train in a second."""

import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from rich.console import Console

import escalera as esc
from escalera.cli.terminal import Narrator
from escalera.core.errors import EscaleraError, LadderError, RunError, TrainingError
from escalera.core.files import read_json
from escalera.core.locking import lock
from escalera.core.rundir import RunDir
from escalera.core.runtime import threads
from escalera.experiment import climb as climbing
from escalera.experiment.summary import outcome as summary_of
from escalera.run import as_begun, attempt, fit
from escalera.run.events import Events, Progress
from escalera.train.callbacks import History
from escalera.train.loop import Callback, Training, train

TINY = """
name: tiny
title: {en: "A tiny ladder", es: "Una escalera pequeña"}
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - name: mlp
    why: {en: "A start.", es: "Un comienzo."}
    model: {kind: mlp, dense: [16], dropout: 0.1}
    train:
      epochs: 3
      batch_size: 64
      optimizer: {name: adam, lr: 0.01}
      early_stopping: {monitor: val_loss}
  - name: cnn
    change:
      model: {kind: cnn, blocks: [[8]], batch_norm: conv, head: {dense: [16]}}
      augment: {rotation: 10, shift: 0.1}
      data.normalize: standard
"""


@pytest.fixture
def ladder(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


def climb(ladder: Path, out: Path, *sets: str, **more: Any) -> dict[str, esc.Run]:
    return climbing.climb(esc.load_ladder(ladder, sets), out=out, **more)


def test_of_a_ladder_that_is_refused_no_folder_stays(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY.replace("source: digits", "source: nowhere"))
    with pytest.raises(EscaleraError, match="nowhere"):
        climb(tmp_path / "tiny.yaml", tmp_path / "new" / "runs")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]
    (tmp_path / "runs" / "tiny").mkdir(parents=True)
    with pytest.raises(EscaleraError, match="nowhere"):
        climb(tmp_path / "tiny.yaml", tmp_path / "runs")
    assert (tmp_path / "runs" / "tiny").is_dir()


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of the second epoch of the first training."""

    class Press(Callback):
        pressed = False

        def on_step_end(self, training: Training) -> None:
            if not Press.pressed and training.epoch == 2 and training.step == 3:
                Press.pressed = True
                signal.raise_signal(signal.SIGINT)

    class HistoryThenPress(History):
        on_step_end = Press().on_step_end

    monkeypatch.setattr(fit, "History", HistoryThenPress)


def test_a_climb_leaves_what_the_design_says(ladder: Path, tmp_path: Path) -> None:
    runs = climb(ladder, tmp_path / "runs", command="escalera climb tiny.yaml")
    folder = tmp_path / "runs" / "tiny"
    assert sorted(path.name for path in folder.iterdir()) == [
        ".lock", ".lock-holder", "cnn", "figures", "ladder.json", "mlp", "pictures.parquet", "report.html",
    ]  # fmt: skip
    run = RunDir(folder / "cnn" / "seed-0")
    names = {path.name for path in run.path.iterdir() if not path.name.startswith("events.")} - {"splits.parquet"}
    assert names == {
        "config.yaml", "environment.json", "run.json", "history.jsonl", "last", "best.safetensors",
        "predictions.parquet", "metrics.json", "doubt.json", "figures", "explanations.npz",
        "facets.parquet",
    }  # fmt: skip
    assert len(list(run.path.glob("events.out.tfevents.*"))) == 1
    record = read_json(run.record)
    assert (record["state"], record["test_looks"], record["error"]) == ("done", 1, None)
    assert record["parameters"] == {
        "total": 80 + 32 + 2064 + 170,
        "trainable": 80 + 16 + 2064 + 170,
        "non_trainable": 16,
    }
    assert record["flops_per_image"] == 2 * (8 * 8 * 8 * 9 + 128 * 16 + 16 * 10)
    assert record["data"]["rows"] == {"train": 717, "validation": 179, "test": 901}
    assert len(record["data"]["mean"]) == 1
    assert [line["epoch"] for line in run.read_history()] == [1, 2, 3]
    table = pq.read_table(run.predictions).to_pydict()
    accuracy = np.mean(np.argmax(table["logits"], 1) == table["label"])
    assert runs["cnn"].metrics["test"]["accuracy"] == pytest.approx(accuracy)
    written = read_json(folder / "ladder.json")
    assert written["command"] == "escalera climb tiny.yaml"
    assert {"path": "data.normalize", "before": "unit", "after": "standard"} in written["rungs"][1]["change"]
    page = (folder / "report.html").read_text()
    assert "A tiny ladder" in page and "Grad-CAM" in page and "<symbol" in page


def test_the_saved_run_predicts_what_it_predicted(ladder: Path, tmp_path: Path) -> None:
    run = climb(ladder, tmp_path / "runs")["cnn"]
    from escalera.data.sources.open import open_source

    images = open_source("digits", data_root=None, image_size=None, channels=None).splits["train"].images
    table = pq.read_table(run.dir.predictions).to_pydict()
    logits = np.array(table["logits"])
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(run.predict(images[table["row"]]), expected, atol=1e-5)


@pytest.mark.slow
def test_a_network_goes_with_its_rung_without_any_collection(ladder: Path, tmp_path: Path) -> None:
    """In a process of its own: the first import of parts of torch keeps what calls it."""
    code = f"""
import gc, weakref
from pathlib import Path
from escalera.experiment.climb import climb, load_ladder
from escalera.run.events import Events
from escalera.run import fit

gc.disable()
networks = []
summarise = fit.summarise
def noted(network, *arguments):
    networks.append(weakref.ref(network))
    return summarise(network, *arguments)
fit.summarise = noted
climb(load_ladder({str(ladder)!r}, ["train.epochs=1"]), out=Path({str(tmp_path)!r}), device="cpu")
print([network() is None for network in networks])
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (found.stdout, found.returncode) == ("[True, True]\n", 0), found.stderr


def test_finished_rungs_are_not_trained_again(ladder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = climb(ladder, tmp_path)
    stamp = first["mlp"].dir.record.stat().st_mtime_ns
    report = (tmp_path / "tiny" / "report.html").stat().st_mtime_ns
    monkeypatch.setattr(attempt, "attempt", lambda *_, **__: pytest.fail("trained again"))
    again = climb(ladder, tmp_path)
    assert again["mlp"].dir.record.stat().st_mtime_ns == stamp
    assert (tmp_path / "tiny" / "report.html").stat().st_mtime_ns == report
    climb(ladder, tmp_path, language="es")
    assert "Una escalera pequeña" in (tmp_path / "tiny" / "report.html").read_text()


def test_a_price_does_not_train_again_but_is_counted(ladder: Path, tmp_path: Path) -> None:
    climb(ladder, tmp_path, rungs=["mlp"])
    before = (tmp_path / "tiny/mlp/seed-0/best.safetensors").stat().st_mtime_ns
    run = climb(ladder, tmp_path, "evaluate.price_per_hour=3600", "evaluate.currency=EUR", rungs=["mlp"])["mlp"]
    assert run.dir.best.stat().st_mtime_ns == before
    record = read_json(run.dir.record)
    assert record["price"] == {"amount": pytest.approx(record["seconds"], abs=1e-3), "currency": "EUR"}


def test_a_changed_rung_is_trained_again_and_the_old_one_kept(ladder: Path, tmp_path: Path) -> None:
    climb(ladder, tmp_path, rungs=["mlp"])
    run = climb(ladder, tmp_path, "train.epochs=1", rungs=["mlp"])["mlp"]
    assert len(run.dir.read_history()) == 1
    previous = RunDir(run.dir.path.with_name("seed-0.kept-001"))
    assert len(previous.read_history()) == 3
    assert previous.state() == "done"


def test_fresh_trains_again_to_the_same_result(ladder: Path, tmp_path: Path) -> None:
    first = climb(ladder, tmp_path, rungs=["cnn"])["cnn"].metrics
    assert climb(ladder, tmp_path, rungs=["cnn"], fresh=True)["cnn"].metrics == first
    assert (tmp_path / "tiny/cnn/seed-0.kept-001/best.safetensors").exists()


def test_an_interrupted_climb_goes_on_bit_for_bit(ladder: Path, tmp_path: Path, interrupt: None) -> None:
    with pytest.raises(KeyboardInterrupt):
        climb(ladder, tmp_path / "cut")
    cut = RunDir(tmp_path / "cut/tiny/mlp/seed-0")
    assert cut.state() == "running"
    assert len(cut.read_history()) == 1
    climb(ladder, tmp_path / "cut")
    climb(ladder, tmp_path / "whole")
    for name in ("mlp", "cnn"):
        one, other = (RunDir(tmp_path / which / "tiny" / name / "seed-0") for which in ("cut", "whole"))
        assert one.best.read_bytes() == other.best.read_bytes()
        assert one.metrics.read_bytes() == other.metrics.read_bytes()
        assert read_json(one.record)["test_looks"] == 1
        keys = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr")
        assert [[line[key] for key in keys] for line in one.read_history()] == [
            [line[key] for key in keys] for line in other.read_history()
        ]


def test_a_run_keeps_its_number_of_threads(
    ladder: Path, tmp_path: Path, interrupt: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(as_begun, "THREAD_FLOPS", 1)
    file = io.StringIO()
    with threads(2):
        with pytest.raises(KeyboardInterrupt):
            climb(ladder, tmp_path / "cut", rungs=["cnn"])
        whole = climb(ladder, tmp_path / "whole", rungs=["cnn"])["cnn"].dir
    cut = climb(ladder, tmp_path / "cut", rungs=["cnn"], events=Narrator(Console(file=file)))["cnn"].dir
    assert "goes on with 2 threads, as it began, where 1 would be taken here: only so" in file.getvalue()
    assert torch.get_num_threads() == 1
    assert cut.read_record()["threads"] == read_json(cut.environment)["threads"] == 2
    assert cut.best.read_bytes() == whole.best.read_bytes()


def test_a_small_network_has_one_thread_however_many_there_are(ladder: Path, tmp_path: Path) -> None:
    with threads(2):
        small = climb(ladder, tmp_path / "two", rungs=["cnn"])["cnn"].dir
        assert torch.get_num_threads() == 2
    alone = climb(ladder, tmp_path / "one", rungs=["cnn"])["cnn"].dir
    assert small.read_record()["threads"] == read_json(small.environment)["threads"] == 1
    assert small.best.read_bytes() == alone.best.read_bytes()


@pytest.mark.parametrize("left", ["", '{"epoch": 1, "loss": 77.0}\n', "[]\n3\n"])
def test_a_damaged_history_is_told_and_written_again(ladder: Path, tmp_path: Path, interrupt: None, left: str) -> None:
    file = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        climb(ladder, tmp_path / "cut", "train.epochs=5", rungs=["mlp"])
    cut = RunDir(tmp_path / "cut/tiny/mlp/seed-0")
    before = cut.read_history()
    cut.history.write_text(left)
    climb(ladder, tmp_path / "cut", "train.epochs=5", rungs=["mlp"], events=Narrator(Console(file=file)))
    assert f"{cut.history} was damaged; it is written again from the checkpoint" in file.getvalue()
    assert cut.read_history()[:1] == before


def test_several_seeds(ladder: Path, tmp_path: Path) -> None:
    climb(ladder, tmp_path, "train.epochs=1", seeds=2)
    written = read_json(tmp_path / "tiny" / "ladder.json")
    assert [entry["seeds"] for entry in written["rungs"]] == [[0, 1], [0, 1]]
    rows = [pq.read_table(tmp_path / f"tiny/mlp/seed-{seed}/predictions.parquet") for seed in (0, 1)]
    assert rows[0]["row"].equals(rows[1]["row"])  # the split is the ladder's, not the seed's
    assert not rows[0]["logits"].equals(rows[1]["logits"])
    # A later climb with one seed still shows what is there.
    climb(ladder, tmp_path, "train.epochs=1")
    assert read_json(tmp_path / "tiny" / "ladder.json")["rungs"][0]["seeds"] == [0, 1]


def test_a_failed_rung_does_not_stop_the_others(ladder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    diverged: list[str] = []

    def diverge(training: Training, *arguments: Any, **more: Any) -> None:
        if training.steps and not diverged:
            diverged.append("once")
            raise TrainingError("the loss became nan at epoch 1, step 2.")
        train(training, *arguments, **more)

    monkeypatch.setattr(fit, "train", diverge)
    runs = climb(ladder, tmp_path)
    assert (runs["mlp"].state, runs["cnn"].state) == ("failed", "done")
    record = read_json(runs["mlp"].dir.record)
    assert record["error"] == "the loss became nan at epoch 1, step 2."
    assert "the loss became nan" in (tmp_path / "tiny" / "report.html").read_text()
    assert climb(ladder, tmp_path)["mlp"].state == "done"


def test_a_defect_of_ours_is_told_as_such(ladder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "summarise", lambda *_: 1 / 0)
    runs = climb(ladder, tmp_path, rungs=["mlp"])
    assert read_json(runs["mlp"].dir.record)["error"] == "unexpected ZeroDivisionError: division by zero"


def test_an_unknown_rung_is_named_with_its_nearest(ladder: Path, tmp_path: Path) -> None:
    with pytest.raises(EscaleraError) as caught:
        climb(ladder, tmp_path, rungs=["mlpp"])
    assert str(caught.value) == "--rung mlpp: the ladder 'tiny' has no such rung; did you mean 'mlp'?"


def test_a_network_that_vanishes_is_told_before_anything_runs(ladder: Path, tmp_path: Path) -> None:
    ladder.write_text(TINY.replace("[[8]]", "[[8], [8], [8], [8]]"))
    with pytest.raises(LadderError) as caught:
        climb(ladder, tmp_path)
    assert str(caught.value) == (
        f"{ladder}:16: rungs[1] (cnn).change.model.blocks: the feature map vanishes at the pooling of block 4: "
        "expected at least 2x2 pixels there, received 1x1 from pictures of 8x8. Take at most 3 blocks, or a larger "
        "data.image_size.\n1 problem in the ladder; nothing was run."
    )
    assert not (tmp_path / "tiny" / "mlp").exists()


def test_shapes_are_told_together_with_the_other_mistakes(ladder: Path) -> None:
    text = (
        TINY.replace("[[8]]", "[[8], [8], [8], [8]]")
        + "  - name: third\n    from: mlp\n    change: {train.epohcs: 4}\n"
    )
    ladder.write_text(text)
    with pytest.raises(LadderError) as caught:
        esc.load_ladder(ladder)
    assert len(caught.value.problems) == 2
    assert [problem.line for problem in caught.value.problems] == [16, 21]


def test_a_second_copy_is_refused(ladder: Path, tmp_path: Path) -> None:
    import os

    with lock(tmp_path / "tiny"), pytest.raises(RunError) as caught:
        climb(ladder, tmp_path)
    assert str(caught.value) == (
        f"another climb (process {os.getpid()}) is at work in {tmp_path / 'tiny'}. "
        "Wait until it is done, or give this one a place of its own with --out."
    )


def test_runs_in_a_place_that_cannot_be_written(ladder: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file, not a folder")
    with pytest.raises(RunError, match=r"could not write in .*tiny: Not a directory. Give another place with --out."):
        climb(ladder, tmp_path / "runs")


def test_the_outcome_for_programs(ladder: Path, tmp_path: Path) -> None:
    climb(ladder, tmp_path, "train.epochs=1")
    outcome = json.loads(json.dumps(summary_of(tmp_path / "tiny")))
    assert [row["name"] for row in outcome["rungs"]] == ["mlp", "cnn"]
    assert outcome["rungs"][0]["difference"] is None
    assert outcome["rungs"][1]["verdict"] in ("better", "worse", "no evidence")
    assert outcome["rungs"][1]["parent"] == "mlp"


REGIMES = """
name: regimes
data: {source: digits, validation: 0.2, test: 0.5, normalize: standard}
rungs:
  - name: all
    model: {kind: cnn, blocks: [[8]], dropout: 0.1, batch_norm: block, l2: 1e-3, head: {dense: [16], l2: 1e-4}}
    augment: {rotation: 10, random_ops: 1, erasing: 0.3, mixup: 0.4, cutmix: 1.0}
    train:
      epochs: 4
      batch_size: 64
      ema: 0.9
      label_smoothing: 0.1
      optimizer: {name: adam, lr: 0.01}
      schedule: {name: plateau, patience: 1, factor: 0.5}
      early_stopping: {monitor: val_loss}
  - name: both-sides
    change: {evaluate.tta: flip}
"""


def test_every_regime_together_goes_on_bit_for_bit(tmp_path: Path, interrupt: None) -> None:
    path = tmp_path / "regimes.yaml"
    path.write_text(REGIMES)
    with pytest.raises(KeyboardInterrupt):
        climb(path, tmp_path / "cut", rungs=["all"])
    cut = climb(path, tmp_path / "cut", rungs=["all"])["all"].dir
    whole = climb(path, tmp_path / "whole", rungs=["all"])["all"].dir
    assert cut.best.read_bytes() == whole.best.read_bytes()
    assert cut.metrics.read_bytes() == whole.metrics.read_bytes()
    keys = ("loss", "accuracy", "penalty", "val_loss", "lr")
    assert [[line[key] for key in keys] for line in cut.read_history()] == [
        [line[key] for key in keys] for line in whole.read_history()
    ]
    # What the run stands by is the average, and it is what validation saw.
    best = min(line["val_loss"] for line in whole.read_history())
    assert read_json(whole.metrics)["validation"]["loss"] == pytest.approx(best, rel=1e-5)


def test_judging_otherwise_trains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "regimes.yaml"
    path.write_text(REGIMES)
    first = climb(path, tmp_path, rungs=["all"])["all"]
    before = first.metrics["test"]
    weights = first.dir.best.read_bytes()
    monkeypatch.setattr("escalera.builders.penalty", lambda *_: lambda: pytest.fail("trained again"))
    again = climb(path, tmp_path, "evaluate.tta=flip_shift", rungs=["all"])["all"]
    assert again.dir.best.read_bytes() == weights
    assert again.metrics["test"]["loss"] != before["loss"]
    record = read_json(again.dir.record)
    assert (record["tta"], record["test_looks"], record["epochs"]) == ("flip_shift", 2, 4)
    # A rung that changes the evaluation alone takes over its parent's training.
    both = climb(path, tmp_path, rungs=["both-sides"])["both-sides"]
    record = read_json(both.dir.record)
    assert (record["tta"], record["test_looks"], record["trained_as"]) == ("flip", 1, "all")
    assert record["seconds"] == read_json(again.dir.record)["seconds"]
    assert both.dir.best.read_bytes() == weights
    assert len(both.dir.read_history()) == 4
    assert both.metrics["test"]["loss"] not in (before["loss"], again.metrics["test"]["loss"])
    from escalera.data.sources.open import open_source

    images = open_source("digits", data_root=None, image_size=None, channels=None).splits["train"].images
    table = pq.read_table(both.dir.predictions).to_pydict()
    logits = np.array(table["logits"])
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(both.predict(images[table["row"]]), expected, atol=1e-5)


def test_config_yaml_is_the_resolved_configuration(ladder: Path, tmp_path: Path) -> None:
    run = climb(ladder, tmp_path, "train.epochs=1")["cnn"]
    config = yaml.safe_load(run.dir.config.read_text())
    assert config["model"]["blocks"] == [[8]]
    expected = {
        "name": "adam",
        "lr": 0.01,
        "backbone_lr": None,
        "layer_decay": None,
        "bias_scaler": None,
        "betas": [0.9, 0.999],
        "epsilon": 1e-07,
    }
    assert config["train"]["optimizer"] == expected


def test_votes_that_waited_in_vain_are_cast_once_the_network_is_there(tmp_path: Path) -> None:
    mapping = {
        "name": "late",
        "data": {"source": "digits", "validation": 0.2, "test": 0.4},
        "train": {"epochs": 1, "batch_size": 128},
        "rungs": [
            {"name": "mlp", "model": {"kind": "mlp", "dense": [4]}},
            {"name": "votes", "change": {"model": {"kind": "votes", "features": {"from": "mlp"},
                                                   "classifiers": [{"name": "nearest_neighbours"}]}}},
        ],
    }  # fmt: skip

    class Cut(Events):
        def epoch_ends(self, progress: Progress) -> None:
            raise OSError("the disk went away")

    reading = esc.load_ladder(mapping)
    results = climbing.climb(reading, out=tmp_path, events=Cut())
    assert [outcome.rung for outcome in results.failed] == ["mlp", "votes"]
    results = climbing.climb(reading, out=tmp_path)
    assert not results.failed and read_json(results["votes"].dir.record)["test_looks"] == 1
