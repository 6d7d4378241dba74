"""Tasks on other machines: what crosses, who holds a run, what is told, and the engines where they are installed.

Ray listens on all interfaces of a machine: it runs in a network of its own that has the loopback alone.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import escalera as esc
from escalera.core import lease as leasing
from escalera.core.errors import EscaleraError, RunError
from escalera.core.files import read_json, sha256
from escalera.core.lease import Holder, lease
from escalera.core.runtime import threads
from escalera.core.translation import translate
from escalera.experiment import climb as climbing
from escalera.experiment.executors import executor
from escalera.experiment.executors import mailbox as mailboxes
from escalera.experiment.executors.mailbox import Mailbox
from escalera.experiment.stage import tasks_of
from escalera.ladder.read import Reading
from escalera.run import remote
from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.task import Task

LADDER = """
name: far
data: {source: digits, validation: 0.2, test: 0.4}
train: {epochs: 2, batch_size: 128, optimizer: {name: adam, lr: 0.01}}
rungs:
  - name: mlp
    model: {kind: mlp, dense: [4]}
  - name: votes
    change: {model: {kind: votes, features: {from: mlp}, classifiers: [{name: linear_svm}, {name: nearest_neighbours}]}}
"""


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    path = tmp_path / "far.yaml"
    path.write_text(LADDER)
    return esc.load_ladder(path)


@pytest.fixture
def task(reading: Reading, tmp_path: Path) -> Task:
    folder = tmp_path / "runs" / "far"
    folder.mkdir(parents=True)
    (made,) = tasks_of(reading, [(reading.ladder["mlp"], 0)], folder, None, "cpu", fresh=False, skip_bad=False)
    return replace(made, threads=1)


def perform(task: Task, **changes: Any) -> Outcome:
    given = json.loads(remote.order(task, (), "a climb"))
    return remote.outcome(remote.perform_order(json.dumps({**given, **changes})))


def nothing() -> None:
    pass


def never() -> bool:
    return False


class Heard(Events):
    def __init__(self) -> None:
        self.said: list[str] = []

    def rung_begins(self, rung: Any, seed: int, place: str) -> None:
        self.said.append(f"begins {rung.name}")

    def rung_ends(self, record: Any, metrics: Any) -> None:
        self.said.append(f"ends {record['rung']}")

    def worker_lost(self, rung: str, seed: int, reason: str, again: bool) -> None:
        self.said.append(f"lost {rung}: {reason}")


def test_an_order_is_text_and_what_happens_is_told_through_files(task: Task) -> None:
    heard = Heard()
    mailbox = Mailbox(heard)
    mailbox.watch(task)
    assert perform(task) == Outcome("mlp", 0)
    mailbox.end(task)
    mailbox.close()
    assert heard.said == ["begins mlp", "ends mlp"]
    assert read_json(task.run.record)["state"] == "done"
    assert not list(remote.folder_of(task).rglob("*.lease"))
    assert json.loads(remote.outcome_of(task).read_text()) == asdict(Outcome("mlp", 0))


def test_a_finished_run_is_not_looked_at_again(task: Task) -> None:
    perform(task)
    record = task.run.record.read_bytes()
    assert perform(task) == Outcome("mlp", 0)
    assert task.run.record.read_bytes() == record
    assert read_json(task.run.record)["test_looks"] == 1


def test_another_version_is_told_with_the_machine(task: Task) -> None:
    outcome = perform(task, versions={"torch": "1.0"})
    assert outcome.state == "failed"
    assert outcome.error.startswith(f"{platform.node()}: expected torch 1.0, as where the climb was begun, found ")
    assert outcome.error.endswith(". Install the same there.")


def test_a_folder_that_is_not_shared_is_told_with_the_machine(task: Task) -> None:
    shutil.rmtree(task.folder)
    assert perform(task).error == (
        f"{platform.node()}: the folder {task.folder} is not there. --out has to be a folder that all machines see "
        "under the same name, or a URL as s3://bucket/runs."
    )
    assert not Path(task.folder).exists()


def test_a_folder_is_the_same_wherever_a_task_is_performed(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(task.folder)
    monkeypatch.chdir(folder.parent.parent)
    order = remote.order(replace(task, folder="runs/far"), (), "a climb")
    monkeypatch.chdir(folder)
    assert remote.outcome(remote.perform_order(order)) == Outcome("mlp", 0)
    assert task.run.record.exists()


def test_data_that_are_not_there_are_told_with_the_machine(task: Task) -> None:
    absent = replace(task.source, data=task.source.data.replace("digits", "cifar10"), data_root="/nowhere")
    outcome = perform(replace(task, source=absent))
    assert outcome.state == "failed" and outcome.error.startswith(f"{platform.node()}: ")


def test_what_was_stopped_is_not_begun(task: Task) -> None:
    remote.folder_of(task).mkdir()
    remote.stop_of(task).touch()
    with pytest.raises(KeyboardInterrupt):
        perform(task)
    assert not task.run.path.exists()


def test_a_lease_is_held_by_one(tmp_path: Path) -> None:
    path = tmp_path / "a" / "seed-0.lease"
    with lease(path, never, nothing):
        expected = (
            rf"{platform.node()} \(process {os.getpid()}\) is at work at .*seed-0\. Wait until it is done, or give "
        )
        with pytest.raises(RunError, match=expected), lease(path, never, nothing):
            pass
    assert not path.exists()


def test_the_lease_of_a_dead_process_is_taken_at_once(tmp_path: Path) -> None:
    path = tmp_path / "seed-0.lease"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path.write_text(json.dumps(asdict(Holder("x", platform.node(), gone.pid))))
    began = time.monotonic()
    with lease(path, never, nothing):
        assert time.monotonic() - began < leasing.STALE / 2


def test_the_lease_of_a_machine_that_says_no_more_is_taken_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leasing, "STALE", 0.4)
    path = tmp_path / "seed-0.lease"
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()  # here nobody has this number; there it may be the climb that works
    path.write_text(json.dumps(asdict(Holder("x", "another machine", gone.pid))))
    began = time.monotonic()
    with lease(path, never, nothing):
        assert time.monotonic() - began >= 0.4
        assert json.loads(path.read_text())["host"] == platform.node()


def test_of_two_that_take_a_lease_over_at_the_same_moment_one_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither has heard of the other: who has written last has it, and the first one finds that out."""
    monkeypatch.setattr(leasing, "STALE", 0.0)
    path = tmp_path / "seed-0.lease"
    other = json.dumps(asdict(Holder("x", "another machine", 1)))
    path.write_text(other)
    own = leasing.File.write

    def both(slip: leasing.File, text: str, owner: str) -> None:
        own(slip, text, owner)
        own(slip, other, "x")

    monkeypatch.setattr(leasing.File, "write", both)
    with pytest.raises(RunError) as caught, lease(path, never, nothing):
        pytest.fail("both would train the same run")
    assert str(caught.value) == (
        f"somebody else has begun to work at {tmp_path / 'seed-0'} at the same moment. Wait until they are done, or "
        "give this climb a place of its own with --out."
    )
    assert translate(str(caught.value), "es").endswith("o da a esta ejecución un lugar propio con --out.")
    assert path.read_text() == other


def test_whoever_loses_a_lease_or_is_told_to_stop_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leasing, "BEAT", 0.02)
    path, stopped = tmp_path / "seed-0.lease", threading.Event()
    with lease(path, never, stopped.set):
        path.write_text(json.dumps(asdict(Holder("x", "another machine", 1))))
        assert stopped.wait(10)
    assert json.loads(path.read_text())["owner"] == "x"
    path.unlink()
    stopped.clear()
    with lease(path, lambda: True, stopped.set):
        assert stopped.wait(10)


def test_a_disk_that_is_away_for_a_moment_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, stopped, away = tmp_path / "seed-0.lease", threading.Event(), threading.Event()

    def unless_away(do: Callable[..., Any]) -> Callable[..., Any]:
        def done(*what: Any) -> Any:
            if away.is_set():
                raise OSError("the network is away")
            return do(*what)

        return done

    monkeypatch.setattr(leasing, "BEAT", 0.02)
    monkeypatch.setattr(leasing.File, "read", unless_away(leasing.File.read))
    monkeypatch.setattr(leasing.File, "write", unless_away(leasing.File.write))
    with lease(path, never, stopped.set):
        away.set()
        time.sleep(0.2)
        away.clear()
        before, end = json.loads(path.read_text())["beat"], time.monotonic() + 10
        while json.loads(path.read_text())["beat"] == before:
            assert time.monotonic() < end, "it says no more, and the next one would take the run over"
            time.sleep(0.02)
    assert not stopped.is_set()


def test_a_run_that_begins_again_is_told_as_lost(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailboxes, "EVERY", 0.01)
    heard = Heard()
    mailbox = Mailbox(heard)
    mailbox.watch(task)
    perform(task)
    text = remote.events_of(task).read_bytes()
    # The process was lost within a line.
    begins = next(line for line in text.splitlines() if b"rung_begins" in line)
    with remote.events_of(task).open("ab") as file:
        file.write(b'{"event": "epo\n' + begins + b"\n")
    mailbox.end(task)
    mailbox.close()
    assert heard.said == ["begins mlp", "ends mlp", f"lost mlp: {mailboxes.LOST}", "begins mlp"]


def test_places_are_for_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EscaleraError, match="executor 'processes:3': only ray and slurm take a place, as ray:"):
        executor("processes:3")
    with pytest.raises(EscaleraError, match=r"unknown executor 'rai'; did you mean 'ray'\?"):
        executor("rai")


def test_ray_and_submitit_that_are_not_there(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    for word, library in (("ray", "ray"), ("slurm", "submitit")):
        monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(EscaleraError, match=rf"--cluster {word}: expected .+, found none\. Install it: pip "):
            executor(f"{word}:127.0.0.1:1")(Events(), [task], "auto", "cpu")


@pytest.mark.parametrize("given", ["ray://10.0.0.1:10001", "ray:ray://10.0.0.1:10001"])
def test_an_address_of_ray_client_is_refused(given: str, task: Task) -> None:
    with pytest.raises(EscaleraError) as caught:
        executor(given)(Events(), [task], "auto", "cpu")
    assert str(caught.value) == (
        "--cluster ray://10.0.0.1:10001: expected the head of a cluster, as ray:10.0.0.1:6379, without slashes and "
        "with the port of ray start --head; received an address of Ray Client, which is not supported"
    )
    assert translate(str(caught.value), "es").startswith("--cluster ray://10.0.0.1:10001: se esperaba la cabeza")


def test_a_ray_with_known_holes_is_refused(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", type("Old", (), {"__version__": "2.51.0"}))
    expected = r"--cluster ray: expected Ray 2\.60 or newer, found 2\.51\.0, which has holes that are known\."
    with pytest.raises(EscaleraError, match=expected):
        executor("ray:127.0.0.1:1")(Events(), [task], "auto", "cpu")


def test_a_ray_without_a_token_is_refused(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    from escalera.experiment.executors import ray as engine

    engine._have_token.cache_clear()
    monkeypatch.setitem(sys.modules, "ray", type("New", (), {"__version__": "2.60.0"}))
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    expected = r"--cluster ray: expected to import Ray itself, with a token, found that it is imported already without"
    with pytest.raises(EscaleraError, match=expected):
        executor("ray")(Events(), [task], "auto", "cpu")


needs_ray = pytest.mark.skipif(not find_spec("ray"), reason="Ray is not installed")


@needs_ray
@pytest.mark.network
@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (
            "127.0.0.1:9",
            r"--cluster ray:127\.0\.0\.1:9: nobody answers there \(.+\)\. Expected the head of a Ray",
        ),
        ("somewhere", r"--cluster ray:somewhere: expected HOST:PORT, as ray:10\.0\.0\.1:6379"),
        ("127.0.0.1:99999", r"--cluster ray:127\.0\.0\.1:99999: nobody answers there"),
    ],
)
def test_a_cluster_that_cannot_be_reached_is_one_error(place: str, expected: str, task: Task) -> None:
    began = time.monotonic()
    with pytest.raises(EscaleraError, match=expected), executor(f"ray:{place}")(Events(), [task], "auto", "cpu"):
        pass
    assert time.monotonic() - began < 10


def made(folder: Path) -> dict[str, str]:
    names = ("predictions.parquet", "best.safetensors", "preparation.safetensors")
    return {str(path.relative_to(folder)): sha256(path) for name in names for path in folder.rglob(name)}


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("submitit"), reason="submitit is not installed")
@pytest.mark.skipif(sys.platform == "win32", reason="Slurm is for Linux")
def test_slurm_gives_the_bits_of_one_after_the_other(
    reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from escalera.experiment.executors import slurm

    monkeypatch.setattr(slurm, "CORES", 1)
    with threads(1):
        esc.climb(reading, out=tmp_path / "one", quiet=True)
    heard = Heard()
    results = climbing.climb(reading, out=tmp_path / "two", executor="slurm:local", events=heard)
    assert not results.failed and made(tmp_path / "two") == made(tmp_path / "one")
    assert heard.said == ["begins mlp", "ends mlp", "begins votes", "ends votes"]


class Queue:
    """In place of Slurm: a job is over when it is taken, unless the rung's seed has something else to happen."""

    def __init__(
        self, refuses: tuple[int, ...] = (), lost: dict[int, int] | None = None, pending: tuple[int, ...] = ()
    ) -> None:
        self.refuses, self.lost, self.pending = refuses, lost or {}, pending
        self.cancelled: list[int] = []

    def submit(self, performed: Any, order: str) -> Any:
        queue, task = self, Task.of(json.loads(order)["task"])
        if task.seed in self.refuses:
            raise RuntimeError("sbatch: error: slurm_load_jobs\nsbatch: error: Socket timed out")

        class Job:
            job_id, state = task.seed, "PENDING" if task.seed in queue.pending else "RUNNING"

            def done(self) -> bool:
                if queue.lost.get(task.seed, 0) > 0:
                    queue.lost[task.seed] -= 1
                    raise OSError(116, "Stale file handle")
                return task.seed not in queue.pending

            def cancel(self) -> None:
                queue.cancelled.append(task.seed)
                raise RuntimeError("scancel: error: Invalid job id specified")

        remote.outcome_of(task).parent.mkdir(parents=True, exist_ok=True)
        remote.outcome_of(task).write_text(json.dumps(asdict(Outcome(*task.key))))
        return Job()


def queued(task: Task, queue: Queue, monkeypatch: pytest.MonkeyPatch) -> list[Future[Outcome]]:
    """What comes of a task with three seeds, one after the other, and then of a fourth."""
    from escalera.experiment.executors import slurm

    monkeypatch.setattr(slurm, "_executor", lambda *_: queue)
    monkeypatch.setattr(slurm, "EVERY", 0.001)
    tasks = [replace(task, seed=seed) for seed in range(4)]
    with slurm.Pool(Events(), tasks, 1, "cpu", "local") as pool:
        first = [pool.submit(one, frozenset()) for one in tasks[:3]]
        wait(first, timeout=60)
        last = pool.submit(tasks[3], frozenset())
        wait([last], timeout=60)
    return [*first, last]


def test_a_job_that_slurm_does_not_take_fails_alone(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    found = queued(task, Queue(refuses=(1, 3)), monkeypatch)
    error = "Slurm did not take its job: sbatch: error: Socket timed out"
    assert [one.result(timeout=0) for one in found] == [
        Outcome("mlp", 0), Outcome("mlp", 1, "failed", error), Outcome("mlp", 2), Outcome("mlp", 3, "failed", error)
    ]  # fmt: skip
    assert translate(error, "es") == "Slurm no ha aceptado su trabajo: sbatch: error: Socket timed out"


def test_a_job_of_which_nobody_can_say_whether_it_is_over_is_given_up(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of which that was so for a moment is not."""
    from escalera.experiment.executors import slurm

    queue = Queue(lost={0: slurm.UNKNOWN, 1: slurm.UNKNOWN - 1})
    found = [one.result(timeout=0) for one in queued(task, queue, monkeypatch)]
    error = "Slurm's job 0 was given up, since nobody could say whether it is over: [Errno 116] Stale file handle"
    assert found == [Outcome("mlp", 0, "failed", error), *(Outcome("mlp", seed) for seed in (1, 2, 3))]
    assert queue.cancelled == [0]
    assert translate(error, "es").startswith("se ha abandonado el trabajo 0 de Slurm, porque nadie ha podido decir")


def test_each_job_that_waits_is_taken_out_whatever_becomes_of_the_others(
    task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    from escalera.experiment.executors import slurm

    queue = Queue(pending=(1, 2))
    monkeypatch.setattr(slurm, "_executor", lambda *_: queue)
    monkeypatch.setattr(slurm, "EVERY", 0.001)
    tasks = [replace(task, seed=seed) for seed in range(3)]
    with pytest.raises(KeyboardInterrupt), slurm.Pool(Events(), tasks, 3, "cpu", "local") as pool:
        over, *_ = [pool.submit(one, frozenset()) for one in tasks]
        wait([over], timeout=60)
        raise KeyboardInterrupt
    assert sorted(queue.cancelled) == [1, 2]


def test_a_job_that_ended_without_an_outcome_says_how(task: Task) -> None:
    from escalera.experiment.executors import slurm

    for last, why in (("", ""), ("slurmstepd: out of memory", ": slurmstepd: out of memory")):
        job = SimpleNamespace(job_id=7, state="FAILED", stderr=lambda last=last: last)
        error = slurm._outcome(replace(task, seed=9), job).error
        assert error == f"Slurm's job 7 ended as FAILED{why}"
        assert translate(error, "es") == f"el trabajo 7 de Slurm ha terminado como FAILED{why}"


def test_what_goes_wrong_in_telling_of_a_job_is_told_of_that_job(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Mailbox.end

    def end(self: Mailbox, over: Task) -> None:
        original(self, over)
        if over.seed == 1:
            raise ValueError("no JSON")

    monkeypatch.setattr(Mailbox, "end", end)
    found = queued(task, Queue(), monkeypatch)
    with pytest.raises(ValueError, match="no JSON"):
        found[1].result(timeout=0)
    assert [found[seed].result(timeout=0) for seed in (0, 2, 3)] == [Outcome("mlp", seed) for seed in (0, 2, 3)]


ALONE = """
import fcntl, os, socket, struct, sys
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, struct.pack("16sh14x", b"lo", 0x41))
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Puts up the loopback of a new network (SIOCSIFFLAGS), and becomes the program."""
KILLED = """
import os, sys, threading, time
from pathlib import Path
from types import SimpleNamespace
import psutil
import escalera as esc
from escalera.experiment.climb import climb
from escalera.run.events import Events

folder = Path(sys.argv[1])

class Heard(Events):
    def worker_lost(self, rung, seed, reason, again):
        print("lost", rung, again, flush=True)
    def epoch_ends(self, progress):
        if progress.epoch > 2 and not done:
            for process in psutil.process_iter():
                if "perform_order" in " ".join(process.cmdline()):
                    done.append(process.pid)
                    process.kill()

done = []
reading = esc.load_ladder(folder / "far.yaml", ["train.epochs=60"])
climb(reading, out=folder / "three", rungs=["mlp"], executor="ray")  # a cluster before this one, in the same process
results = climb(reading, out=folder / "two", executor="ray", jobs=2, events=Heard())
print("failed", results.failed, "ray.data" in sys.modules)
"""


def alone() -> list[str]:
    """What begins a program in a network of its own; skips where the system lets nobody make one."""
    command = ["unshare", "-rn", sys.executable, "-c", ALONE, sys.executable]
    try:
        subprocess.run([*command, "-c", ""], check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"no network of one's own here: {error}")
    return command


@needs_ray
@pytest.mark.slow
@pytest.mark.network
def test_ray_gives_the_bits_of_one_after_the_other_though_a_worker_is_killed(tmp_path: Path) -> None:
    command = alone()
    (tmp_path / "far.yaml").write_text(LADDER)
    (tmp_path / "killed.py").write_text(KILLED)
    with threads(1):
        esc.climb(esc.load_ladder(tmp_path / "far.yaml", ["train.epochs=60"]), out=tmp_path / "one", quiet=True)
    found = subprocess.run(
        [*command, str(tmp_path / "killed.py"), str(tmp_path)], capture_output=True, text=True, timeout=300
    )
    assert "lost mlp True" in found.stdout, found.stdout + found.stderr
    assert "failed [] False" in found.stdout
    assert made(tmp_path / "two") == made(tmp_path / "one")
    record = read_json(tmp_path / "two" / "far" / "mlp" / "seed-0" / "run.json")
    assert record["test_looks"] == 1
