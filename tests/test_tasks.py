"""Tasks, who performs them, what waits for what, and that fitting never sees a test row."""

import pickle
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import escalera as esc
from escalera.core.errors import EscaleraError
from escalera.core.files import read_json
from escalera.core.rundir import RunDir
from escalera.data.dataset import Split
from escalera.evaluate.predict import scores
from escalera.experiment import climb as climbing
from escalera.experiment.executors import executor
from escalera.experiment.graph import before, walk
from escalera.experiment.stage import tasks_of
from escalera.run import fitting
from escalera.run.events import Events
from escalera.run.fit import fit
from escalera.run.fit_ensemble import fit_ensemble
from escalera.run.outcome import Outcome
from escalera.run.perform import perform
from escalera.run.task import Task, data_kept, data_of, open_data

LADDER = """
name: tasks
data: {source: digits, validation: 0.2, test: 0.4}
train: {epochs: 1, batch_size: 128, optimizer: {name: adam, lr: 0.01}}
rungs:
  - name: cnn
    model: {kind: cnn, blocks: [[4]], head: {dense: [8]}}
  - name: flipped
    change: {evaluate.tta: flip}
  - name: votes
    from: cnn
    change: {model: {kind: votes, features: {from: cnn}, classifiers: [{name: linear_svm}, {name: nearest_neighbours}]}}
  - name: mlp
    from: cnn
    change: {model: {kind: mlp, dense: [4]}}
"""


@pytest.fixture
def reading(tmp_path: Path) -> Any:
    path = tmp_path / "tasks.yaml"
    path.write_text(LADDER)
    return esc.load_ladder(path)


def tasks(reading: Any, folder: Path) -> dict[str, Task]:
    pending = [(rung, 0) for rung in reading.rungs]
    made = tasks_of(reading, pending, folder, None, "cpu", fresh=False, skip_bad=False)
    return {task.key[0]: task for task in made}


def test_a_task_is_plain_values_and_any_process_can_perform_it(reading: Any, tmp_path: Path) -> None:
    task = tasks(reading, tmp_path / "runs")["mlp"]
    raw = pickle.dumps(task)
    assert len(raw) < 5_000
    with data_kept():
        assert perform(pickle.loads(raw), frozenset(), Events()) == Outcome("mlp", 0)
    assert read_json(task.run.record)["state"] == "done"


def test_a_task_that_fails_says_why_in_its_outcome(reading: Any, tmp_path: Path) -> None:
    with data_kept():
        outcome = perform(tasks(reading, tmp_path / "runs")["votes"], frozenset(), Events())
    assert (outcome.rung, outcome.state) == ("votes", "failed")
    assert "starts from the weights of the rung 'cnn', which was never trained" in outcome.error


def test_data_are_opened_once_and_not_kept(reading: Any, tmp_path: Path) -> None:
    source = tasks(reading, tmp_path)["cnn"].source
    with data_kept():
        assert open_data(source) is open_data(replace(source))
        first = open_data(source)
    with data_kept():
        assert open_data(source) is not first


class Sealed(Split):
    """The rows of test whose pixels nobody may look at."""

    def __getattribute__(self, name: str) -> Any:
        assert name != "images", "somebody looks at the images of test"
        return super().__getattribute__(name)


def test_fitting_never_sees_a_test_row(reading: Any, tmp_path: Path) -> None:
    with data_kept():
        data = open_data(tasks(reading, tmp_path)["cnn"].source)
    test = Sealed(data.test.images, data.test.labels, data.test.rows)
    sealed = replace(data, test=test)
    with pytest.raises(AssertionError, match="somebody looks"):
        _ = sealed.test.images
    place = tmp_path / "runs" / "tasks"
    run = RunDir(place / "cnn" / "seed-0")
    fitted = fit(reading.ladder["cnn"], 0, sealed, run, device="cpu", events=Events())
    assert (
        fitted is not None and fitted.record["test_looks"] == 0 and fitted.checked().keys() == {"train", "validation"}
    )
    assert not run.predictions.exists() and not run.metrics.exists()
    with pytest.raises(AssertionError, match="somebody looks"):
        fitted.answer(sealed.test)
    run.write_record({**fitted.record, "state": "done"})
    votes = RunDir(place / "votes" / "seed-0")
    ensemble = fit_ensemble(reading.ladder["votes"], 0, sealed, votes, device="cpu", events=Events())
    assert ensemble.checked().keys() == {"validation"} and not votes.predictions.exists()


def test_of_many_rows_of_train_a_part_is_asked_about(
    reading: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "RECALLED", 100)
    with data_kept():
        data = open_data(tasks(reading, tmp_path)["cnn"].source)
    run = RunDir(tmp_path / "runs" / "tasks" / "cnn" / "seed-0")
    fitted = fit(reading.ladder["cnn"], 0, data, run, device="cpu", events=Events())
    assert fitted is not None
    train, some = fitted.checked()["train"], data.train.drawn(100)
    assert len(some.rows) == 100 and (some.rows[:-1] < some.rows[1:]).all() and set(some.rows) < set(data.train.rows)
    assert train == {**scores(fitted.fitting.predictions(some)), "asked": 100}
    assert (data.train.drawn(100).rows == some.rows).all() and data.train.drawn(len(data.train.rows)) is data.train


def test_what_waits_for_what(reading: Any) -> None:
    waits = {name: before(reading.ladder, name) for name in ("cnn", "flipped", "votes", "mlp")}
    assert waits == {"cnn": set(), "flipped": {"cnn"}, "votes": {"cnn"}, "mlp": set()}


def test_a_walk_starts_what_is_ready_and_tells_what_failed(reading: Any, tmp_path: Path) -> None:
    """Several at a time: what waits begins when the other is over, of the same seed, and hears that it failed."""
    made = [replace(task, seed=seed) for task in tasks(reading, tmp_path).values() for seed in (0, 1)]
    waits: Mapping[str, set[str]] = {task.key[0]: before(reading.ladder, task.key[0]) for task in made}
    started: list[tuple[str, int, frozenset[str]]] = []
    open_: dict[tuple[str, int], Future[Outcome]] = {}

    def start(task: Task, failed: frozenset[str]) -> Future[Outcome]:
        started.append((*task.key, failed))
        open_[task.key] = Future()
        if task.key in (("cnn", 0), ("cnn", 1)) and len(open_) == 2:
            # Both networks are at work before either ends.
            open_["cnn", 0].set_result(Outcome("cnn", 0, "failed", "no reason"))
            open_["cnn", 1].set_result(Outcome("cnn", 1))
        elif task.key[0] != "cnn":
            open_[task.key].set_result(Outcome(*task.key))
        return open_[task.key]

    outcomes = list(walk(made, waits, start))
    assert len(outcomes) == 8 and [name for name, *_ in started[:2]] == ["cnn", "cnn"]
    heard = {(name, seed): failed for name, seed, failed in started}
    assert heard["votes", 0] == {"cnn"} and heard["votes", 1] == frozenset()


def test_an_executor_that_there_is_not(reading: Any, tmp_path: Path) -> None:
    with pytest.raises(EscaleraError, match=r"unknown executor 'seriel'; did you mean 'serial'\?"):
        executor("seriel")
    with pytest.raises(EscaleraError, match="unknown executor 'many'; known: serial"):
        climbing.climb(reading, out=tmp_path, executor="many")


def test_a_listener_to_what_is_no_event() -> None:
    with pytest.raises(EscaleraError, match=r"Mine.rung_end: there is no such event; did you mean 'rung_ends'\?"):

        class Mine(Events):
            def rung_end(self) -> None: ...


def test_a_climb_gives_the_runs_of_every_seed(reading: Any, tmp_path: Path) -> None:
    heard: list[str] = []

    class Mine(Events):
        def rung_ends(self, record: dict[str, Any], metrics: dict[str, Any]) -> None:
            heard.append(f"{record['rung']} {record['seed']}")

    found = climbing.climb(reading, out=tmp_path / "runs", rungs=["cnn", "votes"], seeds=2, events=Mine())
    assert sorted(heard) == ["cnn 0", "cnn 1", "votes 0", "votes 1"]
    assert sorted(found.runs) == [("cnn", 0), ("cnn", 1), ("votes", 0), ("votes", 1)] and list(found) == [
        "cnn",
        "votes",
    ]
    table = found.table()
    assert list(table["state"]) == ["done"] * 4 and table["test_accuracy"].between(0, 1).all()
    assert list(found.history().groupby(["rung", "seed"]).size()) == [1, 1]
    assert "<table" in found._repr_html_() and "<table" in found["cnn"]._repr_html_()
    assert found.failed == [] and found.report.exists()
    with pytest.raises(KeyError, match="there is no rung 'vote' among these; did you mean 'votes'"):
        _ = found["vote"]


def test_rows_are_set_aside_for_sets_but_where_all_are_validation_in_turn(tmp_path: Path) -> None:
    reading = esc.load_ladder("digits", ["evaluate.coverage=0.9"])
    rung = reading.ladder["mlp"]
    [task] = tasks_of(reading, [(rung, 0)], tmp_path, None, "cpu", fresh=False, skip_bad=False)
    with data_kept():
        for on in ("test", "validation"):
            found = data_of(replace(task, on=on), rung)
            assert found.calibration is not None and len(found.calibration.rows)
        assert data_of(replace(task, on="validation", source=replace(task.source, turn=1)), rung).calibration is None
