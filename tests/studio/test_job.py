"""A climb as a process of its own: begun, watched, stopped and taken up again; one at a time."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from escalera import load_ladder
from escalera.core.errors import LadderError, RunError
from escalera.core.files import read_json, write_json, write_sealed
from escalera.core.rundir import RunDir
from escalera.run import status
from escalera.studio.i18n import load_words
from escalera.studio.job import Job, Progress, Request, plan, settings
from escalera.studio.progress import ProgressView
from escalera.studio.standing import Hunt, Step, step_of
from escalera.train.checkpoint import find_checkpoint

LADDER = """
name: tiny
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - name: mlp
    model: {kind: mlp, dense: [16]}
    train: {epochs: 1}
  - name: cnn
    change: {model: {kind: cnn, blocks: [[4]], head: {dense: [8]}}}
"""
"""Without its reasons, that of the runs in conftest."""
TINY = """
name: tiny
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - name: mlp
    model: {kind: mlp, dense: [16]}
    train: {epochs: 400, early_stopping: null}
  - name: wider
    change: {model.dense: [32], train.epochs: 1}
"""


@pytest.fixture
def ladder(tmp_path: Path) -> str:
    (tmp_path / "tiny.yaml").write_text(TINY)
    return str(tmp_path / "tiny.yaml")


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that were to be processes; none is begun."""
    begun: list[list[str]] = []

    class Process:
        pid = os.getpid()

        def __init__(self, command: list[str], **_: Any) -> None:
            begun.append(command)

        def wait(self) -> int:
            return 0

    monkeypatch.setattr(subprocess, "Popen", Process)
    return begun


def until(job: Job, so: Callable[[Progress], bool], seconds: float = 120) -> Progress:
    end = time.monotonic() + seconds
    while True:
        found = job.progress()
        if found is not None and so(found):
            return found
        assert time.monotonic() < end, found
        time.sleep(0.1)


def test_nothing_was_begun(tmp_path: Path) -> None:
    job = Job(tmp_path)
    assert (job.running(), job.progress(), job.request()) == (False, None, None)
    job.stop()
    (tmp_path / ".studio").mkdir()
    for text in ("", "[]", "{}", '{"process": 1}'):
        (tmp_path / ".studio" / "climb.json").write_text(text)
        assert job.progress() is None


def test_a_file_of_another_process_of_that_number_is_not_a_climb(tmp_path: Path) -> None:
    asked = {"ladder": "digits", "rungs": ["mlp"], "seeds": 1, "sets": []}
    write_json(tmp_path / ".studio" / "climb.json", {"process": os.getpid(), "born": 1.0, **asked})
    found = Job(tmp_path).progress()
    assert found is not None
    assert not found.running
    assert [(step.rung, step.standing) for step in found.steps] == [("mlp", "waiting")]


def test_wrong_settings_are_told_before_anything_is_begun(tmp_path: Path, ladder: str) -> None:
    with pytest.raises(LadderError, match="did you mean 'epochs'"):
        Job(tmp_path).start(Request(ladder, sets=["train.epohcs=3"]))
    assert not (tmp_path / ".studio").exists()


def test_the_time_left_goes_by_what_epochs_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"epochs": 4, "progressive": [{"share": 0.5, "scale": 0.5}]}
    cnn = {"kind": "cnn", "blocks": [[4]], "head": {"pool": "average"}}
    [rung] = load_ladder(
        {"name": "grows", "data": {"source": "digits"}, "rungs": [{"name": "cnn", "model": cnn, "train": sizes}]}
    ).rungs
    run = RunDir(tmp_path)
    write_json(run.record, {"state": "running"})
    monkeypatch.setattr(status, "unfinished", lambda *_: run)
    for lines, left in (([], None), ([2.0], 18), ([2.0, 2.0], 16), ([2.0, 2.0, 8.0], 8), (5 * [2.0], 0)):
        run.history.write_text(
            "".join(json.dumps({"epoch": n, "seconds": took}) + "\n" for n, took in enumerate(lines, start=1))
        )
        assert step_of(run, rung, 0, running=True).left == left


def test_a_ladder_that_builds_itself_is_looked_for_where_the_command_builds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: list[list[str]]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "digits").mkdir(parents=True)
    (tmp_path / "runs" / "digits" / "ladder.json").write_text("{}")  # a person has climbed it
    job = Job(tmp_path / "runs")
    job.start(Request("digits", minutes=3))
    assert "--name=digits-auto" in begun[0]
    move = {"move": "deeper", "name": "deeper", "parent": "baseline", "number": 2, "state": "kept"}
    write_sealed(tmp_path / "runs" / "digits-auto" / "auto" / "auto.json", {"source": "digits", "attempts": [move]})
    found = job.progress()
    assert found is not None
    assert found.request == Request("digits", minutes=3, name="digits-auto")
    assert [one.name for one in found.moves] == ["deeper"]
    # An earlier version did not write down the name.
    write_json(tmp_path / "runs" / ".studio" / "climb.json", {**read_json(job._file), "name": ""})
    found = job.progress()
    assert found is not None
    assert [one.name for one in found.moves] == ["deeper"]


def test_a_folder_of_data_that_is_still_to_be_made_is_not_named(
    tmp_path: Path, ladder: str, begun: list[list[str]]
) -> None:
    """The command refuses one that is not there, and the studio makes its own with the first set of pictures."""
    Job(tmp_path / "runs", tmp_path / "data").start(Request(ladder))
    (tmp_path / "data").mkdir()
    Job(tmp_path / "other", tmp_path / "data").start(Request(ladder))
    assert ["--data-root" in command for command in begun] == [False, True]


@pytest.mark.slow
def test_it_is_begun_watched_stopped_and_taken_up_again(tmp_path: Path, ladder: str) -> None:
    out = tmp_path / "runs"
    job = Job(out)
    job.start(Request(ladder))
    seen = until(job, lambda found: any(step.standing == "running" and step.epoch > 1 for step in found.steps))
    assert seen.running
    assert seen.left is not None
    assert [step.epochs for step in seen.steps] == [400, 1]
    assert seen.steps[1].standing == "waiting"
    # Another studio on the same folder sees it too, and begins no second one.
    with pytest.raises(RunError, match="a climb is at work already"):
        Job(out).start(Request(ladder, rungs=["wider"]))
    Job(out).stop()
    stopped = until(job, lambda found: not found.running)
    assert "stopped; the same command goes on from here" in stopped.log
    run = RunDir(out / "tiny/mlp/seed-0")
    state = find_checkpoint(run.last).state
    assert state is not None and 1 <= state["epoch"] <= len(run.read_history()) < 400
    asked = Job(out).request()
    assert asked == Request(ladder)
    assert asked is not None
    job.start(asked)
    done = until(job, lambda found: not found.running)
    assert [step.standing for step in done.steps] == ["done", "done"], done.log
    assert f"goes on after epoch {state['epoch']}," in done.log
    assert done.steps[0].accuracy == read_json(out / "tiny/mlp/seed-0/metrics.json")["test"]["accuracy"]


@pytest.mark.slow
def test_a_rung_that_fails_is_told(tmp_path: Path, ladder: str) -> None:
    job = Job(tmp_path / "runs")
    job.start(Request(ladder, rungs=["mlp"], sets=["train.epochs=3", "train.optimizer.lr=1e30"]))
    found = until(job, lambda found: not found.running)
    assert found.steps[0].standing == "failed"
    assert "the loss became" in found.steps[0].error


def test_what_a_climb_would_replace_is_told_and_stands_until_then(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ladder = str(runs.parent / "tiny.yaml")
    Path(ladder).write_text(LADDER)
    job = Job(runs)
    assert job.replaces(Request(ladder)) == []
    assert job.replaces(Request(ladder, seeds=2)) == []
    other = Request(ladder, rungs=["cnn"], seeds=2, sets=["train.epochs=2"])
    assert job.replaces(other) == ["tiny/cnn/seed-0"]
    with pytest.raises(LadderError):
        job.replaces(Request(ladder, sets=["train.epocs=2"]))

    # What is at work beside it is what is watched.
    from escalera.experiment.climb import climb, load_ladder
    from escalera.run import attempt

    monkeypatch.setattr(attempt, "evaluate", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        climb(load_ladder(ladder, other.sets), out=runs, rungs=other.rungs)
    write_json(runs / ".studio" / "climb.json", {"process": 0, "born": 0, **asdict(replace(other, seeds=1))})
    found = job.progress()
    assert found is not None
    assert [(step.standing, step.epoch, step.epochs) for step in found.steps] == [("waiting", 2, 2)]
    write_json(runs / ".studio" / "climb.json", {"process": 0, "born": 0, **asdict(Request(ladder, rungs=["cnn"]))})
    found = job.progress()
    assert found is not None and [step.standing for step in found.steps] == ["done"]


def test_a_form_becomes_settings() -> None:
    values = {"train.epochs": " 3 ", "train.batch_size": "", "train.optimizer.lr": "1e-3"}
    assert settings(values, "model.head.dropout=0.3\n\n  data.seed=1 ") == [
        "train.epochs=3",
        "train.optimizer.lr=1e-3",
        "model.head.dropout=0.3",
        "data.seed=1",
    ]


def test_the_plan_of_what_is_asked(ladder: str) -> None:
    rows = plan(Request(ladder, rungs=["wider"], sets=["train.epochs=2"]))
    assert [(row["name"], row["epochs"]) for row in rows] == [("wider", 2)]


SEARCHED = """
name: hunted
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - name: mlp
    model: {kind: mlp, dense: [8]}
    train: {epochs: 1, batch_size: 256}
  - name: tuned
    search: {over: {model.dense: [[4], [8], [16]]}, method: grid, epochs: 1}
"""


def test_a_search_is_watched_and_its_rung_is_what_it_found(tmp_path: Path) -> None:
    from escalera.experiment.climb import climb, load_ladder
    from escalera.run.events import Events

    class Stop(Events):
        def trial_reported(self, trial: Any, best: Any, trials: int | None) -> None:
            if trial.number == 1:
                raise KeyboardInterrupt

    (tmp_path / "hunted.yaml").write_text(SEARCHED)
    ladder, runs = str(tmp_path / "hunted.yaml"), tmp_path / "runs"
    write_json(runs / ".studio" / "climb.json", {"process": 0, "born": 0, **asdict(Request(ladder))})
    job = Job(runs)

    def hunt() -> Hunt:
        found = job.progress()
        assert found is not None
        return found.hunts[0]

    assert hunt() == Hunt("tuned", "waiting", 0, 3)
    with pytest.raises(KeyboardInterrupt):
        climb(load_ladder(ladder), out=runs, events=Stop())
    assert (hunt().standing, hunt().trials, hunt().of) == ("waiting", 2, 3)
    assert 0 < (hunt().best or 0) < 1
    climb(load_ladder(ladder), out=runs)
    found = job.progress()
    assert found is not None
    assert (hunt().standing, hunt().trials) == ("done", 3)
    assert [(step.rung, step.standing) for step in found.steps] == [("mlp", "done"), ("tuned", "done")]
    # What the search has found counts as asked for.
    assert job.replaces(Request(ladder)) == []
    for code, words in (("en", "trials: 3 of 3, best "), ("es", "ensayos: 3 de 3, mejor: ")):
        view = ProgressView(load_words(code))
        assert words in view.html(found)
    assert view.html(replace(found, hunts=[Hunt("tuned", "running", 4, None, 0.25, True)])).count(
        "ensayos: 4, menor pérdida: 0,250"
    )


def test_why_a_climb_broke_off_is_open_to_read() -> None:
    waiting = Step("mlp", 0, "waiting", 0, 3)
    for steps in ([waiting], []):
        page = ProgressView(load_words("en")).html(Progress(Request("tiny"), False, steps, "error: no such source"))
        assert "Stopped. Runs finished: 0 of" in page and "<details open>" in page and "error: no such source" in page
    page = ProgressView(load_words("en")).html(Progress(Request("tiny"), True, [waiting], "still at it"))
    assert "<details>" in page
