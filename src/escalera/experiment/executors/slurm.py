"""Tasks as jobs of Slurm, by submitit. Only JSON crosses the wire, in files of the folder that all machines see."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, Literal

from escalera.core.errors import EscaleraError
from escalera.core.runtime import choose_device
from escalera.experiment.executors.mailbox import EVERY, Mailbox
from escalera.run import remote
from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.task import Task

HERE = "local"
"""In place of a partition: this machine, to try it without Slurm."""
CORES = 4
"""Cores of a job."""
UNKNOWN = 20
"""After so many looks in a row that fail, a job is given up; a disk or a controller may be away for a moment."""
MINUTES = 24 * 60
"""What a job may take; one that runs into it is put into the queue again, and goes on."""


class Performed:
    """What Slurm runs: one order; a job that is preempted or runs out of time is put into the queue again as it was."""

    def __call__(self, text: str) -> str:
        """Perform it."""
        return remote.perform_order(text)

    def checkpoint(self, text: str) -> Any:
        """The same again: the run knows where it stands."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self, text)


class Pool:
    """Puts each task into Slurm's queue."""

    def __init__(
        self, events: Events, tasks: Sequence[Task], jobs: int | Literal["auto"], device: str, where: str = ""
    ) -> None:
        if tasks[0].store is not None:
            expected = "a folder that all machines see as --out"
            raise EscaleraError(f"--cluster slurm: expected {expected}, received {tasks[0].store}")
        self.events, self.tasks = events, tasks
        self.at_once = len(tasks) if jobs == "auto" else min(jobs, len(tasks))
        self.climb = uuid.uuid4().hex
        self.working: dict[Any, tuple[Task, frozenset[str], Future[Outcome]]] = {}
        self.unknown: Counter[Any] = Counter()
        """How often in a row nobody could say of a job whether it is over."""
        self.waiting: deque[tuple[Task, frozenset[str], Future[Outcome]]] = deque()
        self.lock, self.over = threading.Lock(), threading.Event()
        on_gpu = where != HERE and device != "cpu" and choose_device(device).type == "cuda"
        self.executor = _executor(str(remote.folder_of(tasks[0]) / "slurm"), where, on_gpu)

    def __enter__(self) -> Pool:
        remote.stop_none(self.tasks[0])
        self.mailbox = Mailbox(self.events)
        self.events.workers_begin(self.at_once, CORES, "cluster", 0, 0)
        self.thread = threading.Thread(target=self._look, daemon=True)
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Have what runs stop where it can go on from, and take what waits out of the queue."""
        try:
            if error is not None:
                remote.stop_all(self.tasks[0])
                with self.lock:
                    working = list(self.working)
                for job in working:
                    # One that cannot be taken out hears of the stop once it begins, and the others are taken out.
                    with contextlib.suppress(Exception):
                        if job.state == "PENDING":
                            job.cancel()
        finally:
            self.over.set()
            self.thread.join()
            self.mailbox.close()
            self.events.workers_end()

    def submit(self, task: Task, failed: frozenset[str]) -> Future[Outcome]:
        """Put it into the queue, or keep it until fewer are there than may be at once."""
        future: Future[Outcome] = Future()
        self._queue(replace(task, threads=CORES), failed, future)
        return future

    def _queue(self, task: Task, failed: frozenset[str], future: Future[Outcome]) -> None:
        self.mailbox.watch(task)
        with self.lock:
            self.waiting.append((task, failed, future))
            self._fill()

    def _fill(self) -> None:
        while self.waiting and len(self.working) < self.at_once:
            task, failed, future = self.waiting.popleft()
            try:
                order = remote.order(task, failed, self.climb, self.mailbox.supplier.key(task))
                job = self.executor.submit(Performed(), order)
            except Exception as error:  # the other tasks go on
                self._settle(task, failed, future, partial(_refused, task, _in_words(error)))
            else:
                self.working[job] = task, failed, future

    def _look(self) -> None:
        """Ask now and then which jobs are over; Slurm tells nobody."""
        while not self.over.wait(EVERY):
            with self.lock:
                found = [(job, self._ended(job)) for job in self.working]
                ended = [(job, find, *self.working.pop(job)) for job, find in found if find is not None]
                self._fill()
            for job, find, task, failed, future in ended:
                self._settle(task, failed, future, partial(find, task, job))

    def _ended(self, job: Any) -> Callable[[Task, Any], Outcome] | None:
        """What finds what came of a job, where it is over or nobody can say any more whether it is."""
        try:
            over = job.done()
        except Exception as error:
            self.unknown[job] += 1
            if self.unknown[job] < UNKNOWN:
                return None
            with contextlib.suppress(Exception):  # nobody waits for it any more
                job.cancel()
            return partial(_given_up, why=_in_words(error))
        self.unknown.pop(job, None)
        return _outcome if over else None

    def _settle(self, task: Task, failed: frozenset[str], future: Future[Outcome], find: Callable[[], Outcome]) -> None:
        """Have who waits for a task know what came of it, or what goes wrong in telling that."""
        try:
            self.mailbox.settle(task, future, find, partial(self._queue, task, failed, future))
        except BaseException as error:
            if not future.done():
                future.set_exception(error)


def _in_words(error: Exception) -> str:
    """The last line of what Slurm, or submitit, has said."""
    lines = str(error).strip().splitlines()
    return lines[-1][:300] if lines else type(error).__name__


def _refused(task: Task, why: str) -> Outcome:
    return Outcome(*task.key, "failed", f"Slurm did not take its job: {why}")


def _given_up(task: Task, job: Any, why: str) -> Outcome:
    message = f"Slurm's job {job.job_id} was given up, since nobody could say whether it is over: {why}"
    return Outcome(*task.key, "failed", message)


def _outcome(task: Task, job: Any) -> Outcome:
    # Its own result is a pickle, in a folder that others may write to.
    with contextlib.suppress(OSError):
        return remote.outcome(remote.outcome_of(task).read_text(encoding="utf-8"))
    lines = (job.stderr() or "").strip().splitlines()
    why = f": {lines[-1][:300]}" if lines else ""
    return Outcome(*task.key, "failed", f"Slurm's job {job.job_id} ended as {job.state}{why}")


def _executor(folder: str, where: str, on_gpu: bool) -> Any:
    """What submits; raises EscaleraError where submitit or Slurm are not there."""
    try:
        import submitit
    except ImportError as error:
        raise EscaleraError(
            "--cluster slurm: expected submitit, found none. Install it: pip install 'escalera[slurm]'"
        ) from error
    try:
        executor = submitit.AutoExecutor(folder=folder, cluster=HERE if where == HERE else "slurm")
    except RuntimeError as error:
        raise EscaleraError(
            f"--cluster slurm: expected Slurm's command srun, found none ({error}). Type the command on a login node."
        ) from error
    executor.update_parameters(timeout_min=MINUTES, cpus_per_task=CORES, gpus_per_node=int(on_gpu), name="escalera")
    if where and where != HERE:
        executor.update_parameters(slurm_partition=where)
    return executor
