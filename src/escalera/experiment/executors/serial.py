"""One task after the other, in this process."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from types import TracebackType

from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.perform import perform
from escalera.run.task import Task


class Pool:
    """Performs a task as soon as it is submitted, and returns when it is done."""

    at_once = 1

    def __init__(self, events: Events, tasks: Sequence[Task], jobs: object, device: str) -> None:
        self.events = events

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left at work."""

    def submit(self, task: Task, failed: frozenset[str]) -> Future[Outcome]:
        """Perform it. Raises KeyboardInterrupt where the user stops it."""
        future: Future[Outcome] = Future()
        future.set_result(perform(task, failed, self.events))
        return future
