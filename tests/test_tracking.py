"""Tracking: the same events for a tracker, whatever it is, and what is said of one that is absent or fails."""

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from escalera import cli
from escalera.core.errors import EscaleraError
from escalera.experiment import tracking
from escalera.experiment.climb import climb, load_ladder
from escalera.experiment.tracking.follow import Follower, close, flat, numbers
from escalera.experiment.tracking.log import Tracked
from escalera.run.events import Events, Progress, together

TINY: dict[str, Any] = {
    "name": "tiny",
    "data": {"source": "digits", "validation": 0.2, "test": 0.5},
    "rungs": [
        {"name": "mlp", "model": {"kind": "mlp", "dense": [4]}, "train": {"epochs": 2}},
        {"name": "wider", "change": {"model.dense": [8]}},
    ],
}


class Memory:
    look = "look"

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def begin(self, ladder: str) -> None:
        self.told.append(("begin", ladder))

    def open(self, run: Tracked) -> Tracked:
        self.told.append(("open", run.rung, run.seed, run.settings["train.epochs"]))
        return run

    def epoch(self, handle: Tracked, number: int, values: Mapping[str, float]) -> None:
        self.told.append(("epoch", handle.rung, handle.seed, number, {"val_loss", "accuracy", "lr"} <= set(values)))

    def end(self, handle: Tracked, scores: Mapping[str, float], files: Sequence[Path], state: str) -> None:
        self.told.append(("end", handle.rung, handle.seed, "test_accuracy" in scores, len(files), state))

    def close(self) -> None:
        self.told.append(("close",))


def of_run(rung: str, seed: int) -> list[tuple[Any, ...]]:
    epochs = [("epoch", rung, seed, number, True) for number in (1, 2)]
    return [("open", rung, seed, 2), *epochs, ("end", rung, seed, True, 5, "done")]


def test_a_climb_is_told_once(tmp_path: Path) -> None:
    for expected in ([("begin", "tiny"), *of_run("mlp", 0), *of_run("wider", 0), ("close",)], [("close",)]):
        log = Memory()
        follower = Follower(log)
        climb(load_ladder(TINY), out=tmp_path, events=together([Events(), follower]))
        close(follower)
        assert log.told == expected and not follower.fault


def test_a_training_beside_a_finished_one_is_followed_and_not_that(tmp_path: Path) -> None:
    """With other settings it takes the place of the other once it is done."""

    class Exact(Memory):
        def epoch(self, handle: Tracked, number: int, values: Mapping[str, float]) -> None:
            self.told.append((number, values["loss"]))

        def end(self, handle: Tracked, scores: Mapping[str, float], files: Sequence[Path], state: str) -> None:
            self.told.append(
                (state, "epochs: 1\n" in next(file for file in files if file.suffix == ".yaml").read_text())
            )

    climb(load_ladder(TINY), out=tmp_path, rungs=["mlp"])
    follower = Follower(log := Exact())
    found = climb(
        load_ladder(TINY, ["train.epochs=1", "train.batch_size=32"]), out=tmp_path, rungs=["mlp"], events=follower
    )
    [epoch] = found["mlp"].dir.read_history()
    assert log.told[2:] == [(1, epoch["loss"]), ("done", True)] and not follower.fault


def test_runs_side_by_side_are_told_apart(tmp_path: Path) -> None:
    log = Memory()
    follower = Follower(log)
    listener = together([follower])
    reading = load_ladder(TINY)
    climb(reading, out=tmp_path)
    log.told.clear()
    follower.ladder_begins(reading.ladder, tmp_path / "tiny", 2, 2)
    both = [listener.of_run(name, 0) for name in ("mlp", "wider")]
    for one, name in zip(both, ("mlp", "wider"), strict=True):
        one.rung_begins(reading.ladder[name], 0, "1/2")
    for one in both[::-1]:
        one.epoch_ends(Progress(2, 2, 5, 5, 1.0, 0.1, 0.9, 1.0))
    both[0].rung_failed(reading.ladder["mlp"], "no", "")
    close(follower)
    assert [told[:2] for told in log.told[1:3]] == [("open", "mlp"), ("open", "wider")]
    assert log.told[3:5] == of_run("wider", 0)[1:3]
    assert log.told[7:] == [
        ("end", "mlp", 0, False, 0, "failed"),
        ("end", "wider", 0, False, 0, "stopped"),
        ("close",),
    ]


def test_a_tracker_that_fails_costs_no_training(tmp_path: Path) -> None:
    class Full(Memory):
        def epoch(self, handle: Tracked, number: int, values: Mapping[str, float]) -> None:
            raise OSError("disk full\nand more")

    follower = Follower(Full())
    assert not climb(load_ladder(TINY), out=tmp_path, rungs=["mlp"], events=follower).failed
    assert follower.fault == "OSError: disk full"


@pytest.mark.parametrize(("name", "known"), [("mlfow", "did you mean 'mlflow'?"), ("x", "known: mlflow, wandb")])
def test_an_unknown_tracker_is_named(name: str, known: str) -> None:
    with pytest.raises(EscaleraError) as error:
        tracking.find_log(name)
    assert str(error.value).startswith(f"--track {name}: there is no such tracker; {known}")


def test_an_absent_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: None)
    with pytest.raises(EscaleraError, match=r"^--track wandb: expected Weights & Biases, found none\. Install it: pip"):
        tracking.find_log("WandB")


def test_tensorboard_gets_settings_and_scores(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
        EventAccumulator,
    )

    follower = Follower(tracking.find_log("tensorboard"))
    climb(load_ladder(TINY), out=tmp_path, rungs=["mlp"], events=follower)
    close(follower)
    found = EventAccumulator(str(tmp_path / "tiny/mlp/seed-0"))
    found.Reload()
    assert {"val_accuracy", "hparams/test_accuracy"} <= set(found.Tags()["scalars"]) and not follower.fault
    assert follower.log.look == f"tensorboard --logdir {tmp_path / 'tiny'}"


def command(monkeypatch: pytest.MonkeyPatch, place: Path, *more: str) -> int:
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "argv", ["escalera", "climb", "digits", "--rung", "mlp", "--set", "train.epochs=2", *more])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


@pytest.mark.filterwarnings("ignore")
def test_mlflow_nests_seeds_in_rungs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow")
    from mlflow.tracking import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    assert command(monkeypatch, tmp_path, "--track", "mlflow", "--seeds", "2") == 0
    client = MlflowClient()
    experiment = client.get_experiment_by_name("digits")
    assert experiment is not None
    found = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(found) == {"mlp", "mlp, seed 0", "mlp, seed 1"}
    seed = found["mlp, seed 1"]
    assert seed.data.tags["mlflow.parentRunId"] == found["mlp"].info.run_id
    assert seed.data.params["train.epochs"] == "2" and seed.data.params["seed"] == "1"
    assert [one.step for one in client.get_metric_history(seed.info.run_id, "val_loss")] == [1, 2]
    assert 0 < seed.data.metrics["test_accuracy"] < 1
    assert {one.path for one in client.list_artifacts(seed.info.run_id)} >= {"config.yaml", "best.safetensors"}
    assert {run.info.status for run in found.values()} == {"FINISHED"}


@pytest.mark.filterwarnings("ignore")
def test_a_server_that_is_not_there_stops_before_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ana:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert command(monkeypatch, tmp_path, "--track", "mlflow") == 2
    said = capsys.readouterr().err.replace("\n", " ")
    assert "expected a tracking server or database at http://127.0.0.1:9" in said and "secret" not in said
    assert not (tmp_path / "runs/digits/mlp").exists()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_the_others_stay_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if find_spec(name) is None:
        pytest.skip(f"no {name}")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    assert command(monkeypatch, tmp_path, "--track", name) == 0
    found = {"wandb": "wandb/offline-run-*/run-*.wandb", "trackio": "trackio/digits.db"}[name]
    assert len(list(tmp_path.glob(found))) == 1


def test_settings_by_their_paths_and_numbers_alone() -> None:
    assert dict(flat({"a": {"b": 1, "c": None}, "d": [2]})) == {"a.b": 1, "d": [2]}
    assert numbers({"a": 1, "b": True, "c": float("nan"), "d": "x", "e": 0.5}) == {"a": 1.0, "e": 0.5}
