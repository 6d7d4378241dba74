"""Who performs tasks: a file for each executor, and its word in EXECUTORS."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from functools import partial
from importlib import import_module
from typing import Literal, Protocol

from escalera.core.errors import EscaleraError, nearest
from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.task import Task

EXECUTORS = ("serial", "processes", "together", "ray", "slurm")
"""A file beside this one each. It has a class `Pool`, made with the listener of events, all tasks, how many may be at
work at once, and the device."""
CLUSTERS = ("ray", "slurm")
"""Those that reach other machines, and take a place after a colon: an address, or a partition."""
Make = Callable[[Events, Sequence[Task], int | Literal["auto"], str], "Executor"]


class Executor(AbstractContextManager["Executor"], Protocol):
    """Takes tasks whose turn has come, and performs them in whatever order; on leaving it, nothing is at work.

    So many are performed `at_once`; more that are submitted wait.
    """

    at_once: int

    def submit(self, task: Task, failed: frozenset[str]) -> Future[Outcome]:
        """Perform a task, now or later; it does not start from rungs that `failed`."""


def executor(name: str) -> Make:
    """What makes the executor of a name, as `ray` or `ray:10.0.0.1:6379`; raises EscaleraError where there is none."""
    word, _, where = name.partition(":")
    if word not in EXECUTORS:
        raise EscaleraError(f"unknown executor '{word}'; {nearest(word, EXECUTORS)}")
    make: Callable[..., Executor] = import_module(f"escalera.experiment.executors.{word}").Pool
    if not where:
        return make
    if word not in CLUSTERS:
        raise EscaleraError(f"executor '{name}': only {' and '.join(CLUSTERS)} take a place, as ray:HOST:PORT")
    return partial(make, where=where)


@contextlib.contextmanager
def ahead(make: Make, jobs: int | Literal["auto"], runs: int) -> Iterator[Make]:
    """What makes the same executor, of which begins at once what needs no task yet; on leaving it, all of that is over.

    So many `runs` come first. Workers of this machine import what they need while the pictures are read.
    """
    begin = getattr(make, "ahead", None)
    if begin is None or runs == 0:
        yield make
        return
    with begin(jobs, runs) as begun:
        yield begun
