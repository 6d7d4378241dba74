"""Who performs tasks: a file for each executor, and its word in EXECUTORS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Literal, Protocol

from escalera.core.errors import EscaleraError, nearest
from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.task import Task

EXECUTORS = ("serial", "processes")
"""The files beside this one. Each has a class `Pool`, made with the listener of events, all tasks, how many may be at
work at once, and the device."""
Make = Callable[[Events, Sequence[Task], int | Literal["auto"], str], "Executor"]


class Executor(AbstractContextManager["Executor"], Protocol):
    """Takes tasks whose turn has come, and performs them in whatever order; on leaving it, nothing is at work."""

    def submit(self, task: Task, failed: frozenset[str]) -> Future[Outcome]:
        """Perform a task, now or later; it does not start from rungs that `failed`."""


def executor(name: str) -> Make:
    """What makes the executor of a name; raises EscaleraError for one that there is not."""
    if name not in EXECUTORS:
        raise EscaleraError(f"unknown executor '{name}'; {nearest(name, EXECUTORS)}")
    make: Make = import_module(f"escalera.experiment.executors.{name}").Pool
    return make
