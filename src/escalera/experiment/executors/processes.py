"""Several tasks at once, each in a process of this machine that is used again for the next one.

A thread waits for each process; what crosses between them are lines of JSON. A process that is lost is told with its
signal, and its task is taken up once more from its last checkpoint.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Literal

from escalera.core.child import thread_limits
from escalera.core.errors import EscaleraError
from escalera.core.runtime import gpus
from escalera.experiment.executors import Make
from escalera.experiment.executors.connection import Forked, LostWorkerError, Spawned, Worker
from escalera.experiment.executors.nursery import Nursery
from escalera.experiment.executors.parts import in_parts, trainings
from escalera.experiment.jobs import choose_jobs, likely_threads
from escalera.ladder.schema import Rung
from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.task import Task

ATTEMPTS = 2
"""How often a task is begun whose process is lost; a training that ends a process twice would do so again."""
FORKS = sys.platform == "linux"
"""Whether workers are forked from one that has imported all; libraries of other systems do not stand it."""


class Pool:
    """Performs so many tasks at once, in the order in which they come.

    Its workers are forked from a `nursery` that was begun ahead, where that has their number of threads.
    """

    def __init__(
        self,
        events: Events,
        tasks: Sequence[Task],
        jobs: int | Literal["auto"],
        device: str,
        nursery: Nursery | None = None,
    ) -> None:
        self.events = events
        self.jobs = choose_jobs(jobs, tasks, device)
        self.at_once = self.jobs.count
        self.hands = ThreadPoolExecutor(self.jobs.count)
        self.places: SimpleQueue[int] = SimpleQueue()
        self.workers: dict[int, Worker] = {}
        self.limits = thread_limits(self.jobs.threads)
        self.begun_ahead = nursery
        self.nursery: Nursery | None = None
        self.stopping = False
        # Listeners are made for one thread; here each worker has one that tells them something.
        self.telling = threading.RLock()

    def __enter__(self) -> Pool:
        for place in range(self.jobs.count):
            self.places.put(place)
        if FORKS:
            self.nursery = self._fitting() or Nursery(self.limits)
        jobs = self.jobs
        self.events.workers_begin(jobs.count, jobs.threads, jobs.limit, jobs.each, jobs.free)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Have everybody stop where they can go on from; a second Ctrl-C ends them at once."""
        self.stopping = True
        try:
            self.hands.shutdown(wait=False, cancel_futures=True)
            for worker in list(self.workers.values()):
                worker.stop()
            self.hands.shutdown(wait=True)
        finally:
            for worker in list(self.workers.values()):
                worker.end()
            if self.nursery is not None and self.nursery is not self.begun_ahead:
                self.nursery.close()
            self.events.workers_end()

    @classmethod
    @contextlib.contextmanager
    def ahead(cls, jobs: int | Literal["auto"], runs: int) -> Iterator[Make]:
        """What makes it, while there is a nursery already, with the threads that so many runs will probably have."""
        if not FORKS:
            yield cls
            return
        with contextlib.closing(Nursery(thread_limits(likely_threads(jobs, runs)))) as nursery:
            yield partial(cls, nursery=nursery)

    def _fitting(self) -> Nursery | None:
        """The one that was begun ahead; None, and its memory free again, where it has another number of threads."""
        ahead = self.begun_ahead
        if ahead is None or (ahead.limits == self.limits and ahead.process.poll() is None):
            return ahead
        ahead.close()
        return None

    def submit(self, task: Task, failed: frozenset[str]) -> Future[Outcome]:
        """Perform it as soon as a worker is free."""
        task = replace(task, threads=self.jobs.threads)
        if self.at_once == 1 or trainings(task) == 1:
            return self._begin(task, failed)
        with self.telling:
            return in_parts(task, failed, self._begin, self.events.of_run(*task.key))

    def _begin(self, task: Task, failed: frozenset[str]) -> Future[Outcome]:
        return self.hands.submit(self._perform, task, failed)

    def _perform(self, task: Task, failed: frozenset[str]) -> Outcome:
        place = self.places.get()
        try:
            return self._attempts(task, failed, place)
        finally:
            self.places.put(place)

    def _attempts(self, task: Task, failed: frozenset[str], place: int) -> Outcome:
        lost = ""
        for attempt in range(ATTEMPTS):
            try:
                return self._worker(place).perform(task, failed, self._tell)
            except LostWorkerError as loss:
                self.workers.pop(place).end()
                if self.stopping:
                    raise KeyboardInterrupt from loss
                lost = str(loss)
                with self.telling:
                    self.events.worker_lost(task.called, task.seed, lost, again=attempt + 1 < ATTEMPTS)
        return _failed(task, lost)

    def _worker(self, place: int) -> Worker:
        if self.stopping:
            raise KeyboardInterrupt
        if place not in self.workers:
            self.workers[place] = (
                Forked(self.nursery, _gpu(place)) if self.nursery else Spawned({**self.limits, **_gpu(place)})
            )
        return self.workers[place]

    def _tell(self, task: Task, event: str, arguments: str) -> None:
        # It brings pydantic's models of all events along.
        from escalera.run.wire import deliver

        with self.telling:
            deliver(event, arguments, self.events.of_run(task.called, task.seed))


def _gpu(place: int) -> dict[str, str]:
    """The setting that leaves a process one GPU of those that there are; none where there is at most one."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = seen.split(",") if seen else [str(number) for number in range(gpus())]
    return {"CUDA_VISIBLE_DEVICES": names[place % len(names)]} if len(names) > 1 else {}


def _failed(task: Task, lost: str) -> Outcome:
    """Write down that a task has failed whose process was lost every time."""
    from escalera.run.attempt import note_failure
    from escalera.run.status import unfinished

    rung = Rung.model_validate_json(task.rung)
    message = f"{lost}, {ATTEMPTS} times. Free some memory, or use fewer --jobs, and type the command again."
    with contextlib.suppress(EscaleraError):
        note_failure(unfinished(task.run, rung) or task.run, rung, task.seed, message)
    return Outcome(task.name, task.seed, "failed", message)
