"""The connection to a process that performs tasks: what is asked of it, what it answers, and how it has ended."""

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
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import IO, TextIO

from escalera.core.child import APART, last_line
from escalera.core.errors import EscaleraError
from escalera.experiment.executors.nursery import Nursery
from escalera.run.outcome import Outcome
from escalera.run.task import Task


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
                f"a worker process could not begin (exit code {code}): {self.last_words()}. Expected the same Escalera "
                f"in {sys.executable} as here; without --jobs the rungs are trained one after the other, in this "
                "process."
            )
        raise LostWorkerError(_how(code, self.last_words()))

    def stop(self) -> None:
        """Have it end where it can go on from."""
        self._write({"stop": True})

    def last_words(self) -> str:
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

    def last_words(self) -> str:
        """The last line that it, or the nursery, has written."""
        return super().last_words() or last_line(self.nursery.log)

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


def _how(code: int, last_words: str) -> str:
    """How a process ended, in words."""
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
        if name == "SIGKILL":
            return "its process was ended by SIGKILL, which the system sends too where memory runs out"
        return f"its process was ended by {name}"
    return f"its process ended with exit code {code}" + (f": {last_words}" if last_words else "")
