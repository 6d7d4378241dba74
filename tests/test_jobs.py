"""Runs that are trained side by side: the same bits, what waits for what, processes that are lost, and Ctrl-C."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

import psutil
import pytest

import escalera as esc
from escalera.core.errors import EscaleraError
from escalera.core.files import read_json, sha256
from escalera.core.runtime import threads
from escalera.experiment import climb as climbing
from escalera.experiment import jobs as counting
from escalera.experiment import stage
from escalera.experiment.executors import nursery as nursing
from escalera.experiment.executors import processes
from escalera.experiment.executors.connection import Forked, Worker
from escalera.experiment.executors.nursery import Nursery
from escalera.experiment.executors.processes import Pool
from escalera.experiment.jobs import choose_jobs
from escalera.experiment.stage import tasks_of
from escalera.ladder.read import Reading
from escalera.models.summary import Layer, Summary
from escalera.run import wire
from escalera.run.events import Events, Progress
from escalera.run.outcome import Outcome
from escalera.run.task import Task, data_kept, open_data

LADDER = """
name: jobs
data: {source: digits, validation: 0.2, test: 0.4}
train: {epochs: 2, batch_size: 128, optimizer: {name: adam, lr: 0.01}}
rungs:
  - name: cnn
    model: {kind: cnn, blocks: [[4]], head: {dense: [8], dropout: 0.2}}
  - name: flipped
    change: {evaluate.tta: flip}
  - name: votes
    from: cnn
    change: {model: {kind: votes, features: {from: cnn}, classifiers: [{name: linear_svm}, {name: nearest_neighbours}]}}
  - name: mlp
    from: cnn
    change: {model: {kind: mlp, dense: [4]}}
"""


def two(events: Events, task: Task) -> Pool:
    """Two workers of one thread, as a machine of two cores has them."""
    return Pool(events, [task, replace(task, seed=1)], 2, "cpu")


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "cores", lambda: 2)


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    path = tmp_path / "jobs.yaml"
    path.write_text(LADDER)
    return esc.load_ladder(path)


class Heard(Events):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.lost: list[tuple[str, int, str, bool]] = []
        self.begun: list[tuple[str, int]] = []
        self.ended = 0

    def rung_begins(self, rung: Any, seed: int, place: str) -> None:
        self.begun.append((rung.name, seed))

    def worker_lost(self, rung: str, seed: int, reason: str, again: bool) -> None:
        self.lost.append((rung, seed, reason, again))

    def workers_end(self) -> None:
        self.ended += 1


def made(folder: Path) -> dict[str, str]:
    """The SHA-256 of what every run of a ladder answered and learned."""
    names = ("predictions.parquet", "best.safetensors", "preparation.safetensors")
    return {str(path.relative_to(folder)): sha256(path) for name in names for path in folder.rglob(name)}


def workers(of: int | None = None) -> list[psutil.Process]:
    """The processes that this one, or another, has begun to train."""
    found = psutil.Process(of).children(recursive=True)
    kinds = ("executors.worker", "executors.nursery")
    ours = []
    for child in found:
        with contextlib.suppress(psutil.Error):  # it ended meanwhile, or was killed and nobody has asked for it yet
            ours += [child] if any(kind in " ".join(child.cmdline()) for kind in kinds) else []
    # On Linux they are forked from one that trains nothing itself.
    begun = {child.pid for child in ours}
    return [child for child in ours if child.ppid() in begun or not processes.FORKS]


def long(reading: Reading, tmp_path: Path) -> tuple[list[Task], Path]:
    """One task that trains until somebody ends it."""
    endless = reading.ladder["mlp"].model_dump()
    endless["config"]["train"]["epochs"] = 100_000
    endless["config"]["train"]["early_stopping"] = None
    rung = type(reading.ladder["mlp"]).model_validate(endless)
    folder = tmp_path / "runs" / "jobs"
    pending = [(rung, 0)]
    return tasks_of(reading, pending, folder, None, "cpu", fresh=False, skip_bad=False), folder


def wait_for(path: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.02)


def written(path: Path) -> int | None:
    """When a file was written; None in the instant in which another takes its place."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


@pytest.mark.slow
def test_side_by_side_gives_the_bits_of_one_after_the_other(reading: Reading, tmp_path: Path) -> None:
    with threads(1):
        esc.climb(reading, out=tmp_path / "one", seeds=2, quiet=True)
    heard = Heard()
    results = climbing.climb(reading, out=tmp_path / "two", seeds=2, jobs=2, events=heard)
    assert made(tmp_path / "two") == made(tmp_path / "one")
    assert len(made(tmp_path / "one")) == 18
    assert not results.failed and heard.ended == 1 and not workers()
    # What starts from another's training or features waits for that one, with the same seed, and for no other.
    for seed in (0, 1):
        assert heard.begun.index(("cnn", seed)) < heard.begun.index(("votes", seed))
    assert heard.begun[:2] in ([("cnn", 0), ("cnn", 1)], [("cnn", 1), ("cnn", 0)])
    record = read_json(tmp_path / "two" / "jobs" / "mlp" / "seed-1" / "run.json")
    assert record["threads"] == 1


@pytest.mark.skipif(not processes.FORKS, reason="workers are forked on Linux alone")
@pytest.mark.parametrize(("guessed", "begun"), [(1, 1), (7, 2)])
def test_workers_import_while_the_pictures_are_read(
    guessed: int, begun: int, reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From what was begun ahead, unless it turns out to have another number of threads; and nothing is left of it."""
    nurseries: list[Nursery] = []
    before_pictures = []

    class Noted(Nursery):
        def __init__(self, limits: Any) -> None:
            super().__init__(limits)
            nurseries.append(self)

    def opened(source: Any) -> Any:
        before_pictures.append(len(nurseries))
        return open_data(source)

    monkeypatch.setattr(processes, "Nursery", Noted)
    monkeypatch.setattr(processes, "likely_threads", lambda jobs, runs: guessed)
    monkeypatch.setattr(stage, "open_data", opened)
    for _ in range(2):  # the second time nothing is left to train
        results = climbing.climb(reading, out=tmp_path, rungs=["mlp"], seeds=2, jobs=2)
        assert not results.failed
        assert len(nurseries) == begun
    assert before_pictures == [1]
    assert [one.limits["OMP_NUM_THREADS"] for one in nurseries] == [str(guessed), "1"][:begun]
    assert all(one.process.returncode == -signal.SIGKILL for one in nurseries)


@pytest.fixture
def forked() -> Iterator[tuple[Nursery, Forked]]:
    """A nursery, and a worker of it that is at work."""
    with contextlib.closing(Nursery({"OMP_NUM_THREADS": "1"})) as nursery:
        worker = Forked(nursery, {})
        worker.process = json.loads(worker.answers.readline())["ready"]
        yield nursery, worker
        worker.end()


def of_thread(nursery: Nursery, process: int | None) -> int | None:
    """How a worker ended, as a thread finds it; None where it never comes back."""
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(nursery.code(process)), daemon=True)
    thread.start()
    thread.join(60)
    return found[0] if found else None


@pytest.mark.skipif(not processes.FORKS, reason="workers are forked on Linux alone")
def test_a_nursery_that_says_nothing_holds_nobody_up(
    forked: tuple[Nursery, Forked], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is swapped out, say; once it is back, what it has to tell is heard."""
    nursery, worker = forked
    assert worker.process is not None
    os.kill(nursery.process.pid, signal.SIGSTOP)
    while psutil.Process(nursery.process.pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.01)
    os.kill(worker.process, signal.SIGTERM)
    with monkeypatch.context() as patch:
        patch.setattr(nursing, "TOLD", 0.0)
        assert of_thread(nursery, worker.process) == -signal.SIGKILL
        assert of_thread(nursery, None) == -signal.SIGKILL
    os.kill(nursery.process.pid, signal.SIGCONT)
    monkeypatch.setattr(nursing, "TOLD", 60.0)
    assert of_thread(nursery, worker.process) == -signal.SIGTERM


@pytest.mark.skipif(not processes.FORKS, reason="workers are forked on Linux alone")
def test_how_a_nursery_ended_is_known_of_its_workers(
    forked: tuple[Nursery, Forked], monkeypatch: pytest.MonkeyPatch
) -> None:
    nursery, worker = forked
    monkeypatch.setattr(nursing, "TOLD", 60.0)
    os.kill(nursery.process.pid, signal.SIGTERM)
    assert of_thread(nursery, worker.process) == of_thread(nursery, None) == -signal.SIGTERM


@pytest.mark.parametrize(
    ("asked", "cores", "runs", "expected"), [("auto", 8, 3, 2), ("auto", 2, 5, 1), (2, 8, 5, 4), (9, 4, 9, 1)]
)
def test_the_threads_that_runs_will_have_are_known_before_the_data_are(
    asked: Any, cores: int, runs: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "cores", lambda: cores)
    assert counting.likely_threads(asked, runs) == expected


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_lost_process_is_told_and_its_run_taken_up_from_its_checkpoint(reading: Reading, tmp_path: Path) -> None:
    (task,), _ = long(reading, tmp_path)
    heard = Heard()

    def end_twice() -> None:
        state = task.run.last / "state.json"
        wait_for(state)
        workers()[0].kill()
        first = written(state)
        while written(state) in (first, None):
            time.sleep(0.02)
        workers()[0].kill()

    ending = threading.Thread(target=end_twice)
    ending.start()
    with two(heard, task) as pool:
        outcome = pool.submit(task, frozenset()).result(timeout=120)
    ending.join()
    why = "its process was ended by SIGKILL, which the system sends too where memory runs out"
    assert heard.lost == [("mlp", 0, why, True), ("mlp", 0, why, False)]
    message = f"{why}, 2 times. Free some memory, or use fewer --jobs, and type the command again."
    assert outcome == Outcome("mlp", 0, "failed", message)
    record = read_json(task.run.record)
    assert (record["state"], record["error"]) == ("failed", message)
    assert len(task.run.read_history()) > 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_process_lost_once_changes_no_bit(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(LADDER)
    reading = esc.load_ladder(tmp_path / "jobs.yaml", ["train.epochs=40"])
    with threads(1):
        esc.climb(reading, out=tmp_path / "one", rungs=["mlp"], quiet=True)

    class Killer(Heard):
        def epoch_ends(self, progress: Progress) -> None:
            if progress.epoch > 2 and not self.lost:
                for worker in workers():
                    worker.kill()

    heard = Killer()
    results = climbing.climb(reading, out=tmp_path / "two", rungs=["mlp"], executor="processes", jobs=2, events=heard)
    assert [again for *_, again in heard.lost] == [True] and not results.failed
    assert made(tmp_path / "two") == made(tmp_path / "one")


@pytest.mark.slow
def test_stopping_leaves_what_can_be_gone_on_from(reading: Reading, tmp_path: Path) -> None:
    (task,), _ = long(reading, tmp_path)
    with pytest.raises(KeyboardInterrupt), two(Events(), task) as pool:
        future = pool.submit(task, frozenset())
        wait_for(task.run.last / "state.json")
        raise KeyboardInterrupt
    assert not workers()
    with pytest.raises(KeyboardInterrupt):
        future.result(timeout=0)
    assert read_json(task.run.record)["state"] == "running"
    assert read_json(task.run.record)["test_looks"] == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a parent's death is seen by the end of its pipe everywhere")
def test_workers_end_with_their_parent(reading: Reading, tmp_path: Path) -> None:
    (task,), _ = long(reading, tmp_path)
    code = (
        "import json, sys; from escalera.run.task import *; from escalera.experiment.executors.processes import *;"
        "t = json.loads(sys.argv[1]); task = Task(**{**t, 'source': Source(**t['source'])});"
        "pool = Pool(Events(), [task], 1, 'cpu').__enter__(); pool.submit(task, frozenset()).result()"
    )
    import subprocess
    from dataclasses import asdict

    parent = subprocess.Popen([sys.executable, "-c", code, json.dumps(asdict(task))])
    wait_for(task.run.last / "state.json")
    children = psutil.Process(parent.pid).children(recursive=True)
    assert workers(parent.pid)
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


def test_a_worker_that_cannot_begin_is_one_error(
    reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shadow = tmp_path / "shadow" / "escalera"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("raise ImportError('no module named torch')")
    monkeypatch.setenv("PYTHONPATH", str(shadow.parent))
    (task,), _ = long(reading, tmp_path)
    expected = (
        r"a worker process could not begin \(exit code 1\): ImportError: no module named torch. "
        r"Expected the same Escalera in .+ as here; without --jobs the rungs are trained one after the other"
    )
    with two(Events(), task) as pool, pytest.raises(EscaleraError, match=expected):
        pool.submit(task, frozenset()).result(timeout=60)
    assert not task.run.path.exists()


@pytest.mark.slow
def test_a_task_that_fails_in_a_worker_says_why(reading: Reading, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    pending = [(reading.ladder["votes"], 0)]
    (task,) = tasks_of(reading, pending, folder, None, "cpu", fresh=False, skip_bad=False)
    with two(Events(), task) as pool:
        outcome = pool.submit(task, frozenset()).result(timeout=60)
    assert outcome.state == "failed"
    assert "starts from the weights of the rung 'cnn', which was never trained" in outcome.error


def tasks(reading: Reading, tmp_path: Path, seeds: int = 4) -> list[Task]:
    pending = [(rung, seed) for rung in reading.rungs for seed in range(seeds)]
    return tasks_of(reading, pending, tmp_path, None, "cpu", fresh=False, skip_bad=False)


@pytest.mark.parametrize(
    ("cores", "free", "expected"),
    [
        (4, 1 << 40, (4, 1, "cores")),
        (64, 1 << 40, (16, 4, "runs")),
        (64, 3 << 30, (6, 10, "memory")),
        (64, 1 << 20, (1, 64, "memory")),
    ],
)
def test_auto_takes_what_the_machine_has_room_for(
    cores: int, free: int, expected: Any, reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "cores", lambda: cores)
    monkeypatch.setattr(counting, "free_memory", lambda: free)
    with data_kept():
        jobs = choose_jobs("auto", tasks(reading, tmp_path), "cpu")
    assert (jobs.count, jobs.threads, jobs.limit) == expected


def test_more_than_the_memory_holds_is_refused_before_anything_is_trained(
    reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "free_memory", lambda: 2_000_000_000)
    expected = (
        r"--jobs 8: expected at most 3, since 8 trainings at once take about 3\.\d GB and 2\.0 GB of memory are free\. "
        r"Use --jobs 3, or --jobs auto, which takes as many as the memory holds\."
    )
    with pytest.raises(EscaleraError, match=expected):
        climbing.climb(reading, out=tmp_path, seeds=2, jobs=8)
    assert not list(tmp_path.rglob("run.json"))


def test_a_larger_network_takes_more_memory(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(LADDER)
    sizes = []
    for blocks in ("[[4]]", "[[512]]"):
        with data_kept():
            reading = esc.load_ladder(tmp_path / "jobs.yaml", [f"model.blocks={blocks}", "model.kind=cnn"][:1])
            sizes.append(choose_jobs(2, tasks(reading, tmp_path)[:2], "cpu").each)
    assert counting.WORKER_BYTES < sizes[0] < sizes[1]


PROGRESS = Progress(1, 2, 3, 4, 0.375, float("nan"), 0.5, 10.0, None, "")
SAID: dict[str, Any] = {
    "source_read": {"step": "decoding", "done": 1, "of": 2},
    "layers": {"summary": Summary([Layer("a", "Linear", (3,), 4, None)], 4, 4), "from_epoch": None},
    "resumes": {"epoch": 3},
    "training_begins": {"progress": PROGRESS},
    "step_ends": {"progress": PROGRESS},
    "epoch_ends": {"progress": replace(PROGRESS, loss=float("inf"))},
    "training_ends": {},
    "rung_ends": {"record": {"rung": "é", "loss": float("nan")}, "metrics": {"test": {"accuracy": 1.0}}},
    "features_ready": {"columns": 1, "rows": 2, "seconds": 0.5},
    "kept": {"kept": Path("a/b")},
    "home_chosen": {"home": Path("a/seed-0")},
    "put_back": {"kept": Path("a"), "place": Path("b")},
    "begins_anew": {"faults": ["a", "b"], "kept": Path("c")},
    "threads_kept": {"begun": 1, "here": 2},
}


@pytest.mark.parametrize("name", SAID)
def test_events_cross_as_they_are(name: str) -> None:
    sent: list[tuple[str, str]] = []
    getattr(wire.sender(lambda event, arguments: sent.append((event, arguments))), name)(**SAID[name])
    heard: dict[str, Any] = {}
    listener = Events()
    setattr(listener, name, lambda **given: heard.update(given))
    wire.deliver(*sent[0], listener)
    assert repr(heard) == repr(SAID[name])


def test_every_event_can_cross() -> None:
    for name in wire._event_names():
        hints = get_type_hints(getattr(Events, name), localns=wire._NAMES)
        parameters = [each for each in inspect.signature(getattr(Events, name)).parameters if each != "self"]
        assert list(wire._arguments(name).model_fields) == parameters
        assert set(parameters) <= set(hints)


@pytest.mark.slow
def test_a_second_ctrl_c_ends_workers_at_once(
    reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (task,), _ = long(reading, tmp_path)
    # The first one reaches nobody: a worker that hangs.
    monkeypatch.setattr(Worker, "stop", lambda self: None)
    timer = threading.Timer(3, os.kill, (os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt), two(Events(), task) as pool:
        pool.submit(task, frozenset())
        wait_for(task.run.last / "state.json")
        timer.start()
        raise KeyboardInterrupt
    assert not workers()
