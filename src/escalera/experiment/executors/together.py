"""One task after the other in this process, which leads others: they take part in each training.

The others are processes of this machine, or those that torchrun began beside this one. Nothing listens on a network:
they meet in a file, and what gloo sends goes through the loopback interface.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import IO, Literal

from escalera.core.child import APART, last_line, thread_limits
from escalera.core.errors import TrainingError
from escalera.core.ranks import launched, meeting_in
from escalera.core.runtime import cores
from escalera.run.events import Events
from escalera.run.gang import Leader, leader_of_launch, leading
from escalera.run.outcome import Outcome
from escalera.run.perform import perform
from escalera.run.task import Task

SECONDS_TO_LEAVE = 10
"""How long the others may take to end when there is no more to do."""


class Pool:
    """Performs a task as soon as it is submitted, with so many processes, and returns when it is done."""

    at_once = 1

    def __init__(self, events: Events, tasks: Sequence[Task], jobs: int | Literal["auto"], device: str) -> None:
        self.events = events
        self.count = 1 if jobs == "auto" else jobs
        self.threads = max(1, cores() // self.count)
        self.others: dict[int, Follower] = {}

    def __enter__(self) -> Pool:
        self.events.devices_begin(self.count, self.threads)
        if launched():
            self.leader = leader_of_launch()
            return self
        self.folder = tempfile.TemporaryDirectory(prefix="escalera-", ignore_cleanup_errors=True)
        self.store = Path(self.folder.name) / "store"
        self.leader = Leader(meeting_in(self.store, 0, self.count), self._check)
        loop = {"GLOO_SOCKET_IFNAME": _loopback(), "NCCL_SOCKET_IFNAME": _loopback()}
        os.environ |= {name: value for name, value in loop.items() if value and name not in os.environ}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the others go."""
        if launched():
            return
        self.leader.end()
        for other in self.others.values():
            other.end(SECONDS_TO_LEAVE if kind is None else 0)
        self.folder.cleanup()

    def submit(self, task: Task, failed: frozenset[str]) -> Future[Outcome]:
        """Perform it. Raises KeyboardInterrupt where the user stops it, whichever process heard of it."""
        task = replace(task, threads=self.threads)
        if not launched():
            self._complete()
        future: Future[Outcome] = Future()
        with leading(self.leader, asdict(task)):
            future.set_result(perform(task, failed, self.events))
        return future

    def _complete(self) -> None:
        """Have everybody be there: one that was lost in a training is replaced for the next."""
        for rank in range(1, self.count):
            here = self.others.get(rank)
            if here is None or here.process.poll() is not None:
                if here is not None:
                    here.end(0)
                first = self.leader.number + 1
                self.others[rank] = Follower(self.store, rank, self.count, first, self.threads)

    def _check(self) -> None:
        for rank, other in self.others.items():
            if other.process.poll() is not None:
                raise TrainingError(
                    f"expected {self.count} processes to compute this training, and the one numbered {rank} "
                    f"ended with exit code {other.process.poll()}: {other.last_words()}. Free some memory, or use "
                    "fewer --devices, and type the command again."
                )


class Follower:
    """A process that takes part in what this one leads."""

    def __init__(self, store: Path, rank: int, count: int, first: int, threads: int) -> None:
        self.log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "escalera.run.follow", str(store), *map(str, (rank, count, first))],
            stdin=subprocess.PIPE,
            stdout=self.log,
            stderr=self.log,
            env={**os.environ, **thread_limits(threads)},
            **APART,
        )

    def end(self, seconds: float) -> None:
        """Wait so long for it to end by itself, and end it then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            assert self.process.stdin is not None
            self.process.stdin.close()
        self.log.close()

    def last_words(self) -> str:
        """The last line that it has written."""
        return last_line(self.log) or "it said nothing"


def _loopback() -> str:
    """The name of the interface of this machine alone; empty where nobody says."""
    import psutil

    found = psutil.net_if_addrs().items()
    return next((name for name, ways in found if any(way.address == "127.0.0.1" for way in ways)), "")
