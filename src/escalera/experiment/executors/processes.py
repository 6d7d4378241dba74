"""Several tasks at once, each in a process of this machine that is used again for the next one.

A thread waits for each process; what crosses between them are lines of JSON. A process that is lost is told with its
signal, and its task is taken up once more from its last checkpoint.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Literal, TextIO

from escalera.core.child import APART, last_line, thread_limits
from escalera.core.errors import EscaleraError
from escalera.core.runtime import gpus
from escalera.experiment.executors.nursery import Nursery
from escalera.experiment.executors.parts import in_parts, trainings
from escalera.experiment.jobs import choose_jobs
from escalera.ladder.schema import Rung
from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.task import Task

ATTEMPTS = 2
"""How often a task is begun whose process is lost; a training that ends a process twice would do so again."""
FORKS = sys.platform == "linux"
"""Whether workers are forked from one that has imported all; libraries of other systems do not stand it."""


class Pool:
    """Performs so many tasks at once, in the order in which they come."""

    def __init__(self, events: Events, tasks: Sequence[Task], jobs: int | Literal["auto"], device: str) -> None:
        self.events = events
        self.jobs = choose_jobs(jobs, tasks, device)
        self.at_once = self.jobs.count
        self.hands = ThreadPoolExecutor(self.jobs.count)
        self.places: SimpleQueue[int] = SimpleQueue()
        self.workers: dict[int, Worker] = {}
        self.limits = thread_limits(self.jobs.threads)
        self.nursery: Nursery | None = None
        self.stopping = False
        # Listeners are made for one thread; here each worker has one that tells them something.
        self.telling = threading.RLock()

    def __enter__(self) -> Pool:
        for place in range(self.jobs.count):
            self.places.put(place)
        if FORKS:
            self.nursery = Nursery(self.limits)
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
            if self.nursery is not None:
                self.nursery.close()
            self.events.workers_end()

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


class LostWorkerError(Exception):
    """A process is gone that was to perform a task."""


class Worker:
    """The line to a process that performs one task after the other; how it is begun and ends is its kind's."""

    orders: TextIO
    answers: TextIO
    log: IO[bytes]

    def __init__(self) -> None:
        self.writing = threading.Lock()
        self.process: int | None = None

    def code(self) -> int:
        """How the process has ended: -9 is by SIGKILL."""
        raise NotImplementedError

    def end(self) -> None:
        """End it at once; what it has written can be gone on from."""
        raise NotImplementedError

    def perform(self, task: Task, failed: frozenset[str], tell: Callable[[Task, str, str], None]) -> Outcome:
        """What came of a task, while `tell` is called with it, an event and its arguments.

        Raises LostWorkerError where the process ends before, EscaleraError where it could not even begin.
        """
        self._write({"task": asdict(task), "failed": sorted(failed)})
        with contextlib.suppress(OSError, ValueError):  # the line is cut
            for line in self.answers:
                message = json.loads(line)
                if "ready" in message:
                    self.process = message["ready"]
                elif "outcome" in message:
                    return Outcome(**message["outcome"])
                else:
                    tell(task, message["event"], message["arguments"])
        code = self.code()
        if self.process is None and code > 0:
            raise EscaleraError(
                f"a worker process could not begin (exit code {code}): {self.said()}. Expected the same Escalera in "
                f"{sys.executable} as here; without --jobs the rungs are trained one after the other, in this process."
            )
        raise LostWorkerError(_how(code, self.said()))

    def stop(self) -> None:
        """Have it end where it can go on from."""
        self._write({"stop": True})

    def said(self) -> str:
        """The last line that it has written into its log."""
        return last_line(self.log)

    def _write(self, message: object) -> None:
        # One that is gone is noticed where its answer is waited for.
        with self.writing, contextlib.suppress(OSError, ValueError):
            self.orders.write(json.dumps(message) + "\n")
            self.orders.flush()


class Spawned(Worker):
    """A process of its own, which imports all that it needs."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__()
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the worker
        self.begun = subprocess.Popen(
            [sys.executable, "-P", "-m", "escalera.experiment.executors.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            encoding="utf-8",
            env={**os.environ, **environment},
            **APART,
        )
        assert self.begun.stdin and self.begun.stdout
        self.orders, self.answers = self.begun.stdin, self.begun.stdout  # type: ignore[assignment]

    def code(self) -> int:
        """How the process has ended."""
        return self.begun.wait()

    def end(self) -> None:
        """End it at once."""
        self.begun.kill()
        self.begun.wait()
        for stream in (self.orders, self.answers, self.log):
            with contextlib.suppress(OSError):
                stream.close()


class Forked(Worker):
    """A process that shares what the nursery has imported."""

    def __init__(self, nursery: Nursery, environment: Mapping[str, str]) -> None:
        super().__init__()
        self.nursery = nursery
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the worker
        self.line = nursery.fork(self.log, environment)
        self.orders = self.line.makefile("w", encoding="utf-8")
        self.answers = self.line.makefile("r", encoding="utf-8")

    def code(self) -> int:
        """How the process has ended, or the nursery, where it never began."""
        return self.nursery.code(self.process)

    def said(self) -> str:
        """The last line that it, or the nursery, has written."""
        return super().said() or last_line(self.nursery.log)

    def end(self) -> None:
        """End it at once; one that is still beginning ends when it finds the line cut."""
        if self.process is not None and self.process not in self.nursery.codes:
            with contextlib.suppress(OSError):
                os.kill(self.process, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self.line.shutdown(socket.SHUT_RDWR)
        for stream in (self.orders, self.answers, self.line, self.log):
            with contextlib.suppress(OSError):
                stream.close()


def _gpu(place: int) -> dict[str, str]:
    """The setting that leaves a process one GPU of those that there are; none where there is at most one."""
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = seen.split(",") if seen else [str(number) for number in range(gpus())]
    return {"CUDA_VISIBLE_DEVICES": names[place % len(names)]} if len(names) > 1 else {}


def _how(code: int, said: str) -> str:
    """How a process ended, in words."""
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        if name == "SIGKILL":
            return "its process was ended by SIGKILL, which the system sends too where memory runs out"
        return f"its process was ended by {name}"
    return f"its process ended with exit code {code}" + (f": {said}" if said else "")


def _failed(task: Task, lost: str) -> Outcome:
    """Write down that a task has failed whose process was lost every time."""
    from escalera.run.attempt import note_failure
    from escalera.run.status import unfinished

    rung = Rung.model_validate_json(task.rung)
    message = f"{lost}, {ATTEMPTS} times. Free some memory, or use fewer --jobs, and type the command again."
    with contextlib.suppress(EscaleraError):
        note_failure(unfinished(task.run, rung) or task.run, rung, task.seed, message)
    return Outcome(task.name, task.seed, "failed", message)
