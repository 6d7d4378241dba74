"""What is heard of a trial: how far it is, and who performs it; the rest is said once it is over, in one line."""

from __future__ import annotations

from typing import Any

from escalera.ladder.schema import Rung
from escalera.run.events import Events, Progress


class Muffled(Events):
    """Passes on what a person wants to know of one of many trials; `apart` where each of them has its own line."""

    def __init__(self, listener: Events, *, apart: bool = False) -> None:
        self.listener, self.apart = listener, apart

    def workers_begin(self, count: int, threads: int, limit: str, each: int, free: int) -> None:
        """So many at once."""
        self.listener.workers_begin(count, threads, limit, each, free)

    def workers_end(self) -> None:
        """Nobody trains any more."""
        self.listener.workers_end()

    def source_sent(self, source: str, size: int, place: str) -> None:
        """A source is on its way."""
        self.listener.source_sent(source, size, place)

    def worker_lost(self, rung: str, seed: int, reason: str, again: bool) -> None:
        """A process is gone."""
        self.listener.worker_lost(rung, seed, reason, again)

    def of_run(self, rung: str, seed: int) -> Events:
        """Its line."""
        return Muffled(self.listener.of_run(rung, seed), apart=True)

    def rung_begins(self, rung: Rung, seed: int, place: str) -> None:
        """Open its line, where it has one."""
        if self.apart:
            self.listener.rung_begins(rung, seed, place)

    def training_begins(self, progress: Progress) -> None:
        """The first step is next."""
        self.listener.training_begins(progress)

    def step_ends(self, progress: Progress) -> None:
        """Some steps later."""
        self.listener.step_ends(progress)

    def epoch_ends(self, progress: Progress) -> None:
        """An epoch is over."""
        self.listener.epoch_ends(progress)

    def training_ends(self) -> None:
        """The last step is over."""
        self.listener.training_ends()

    def trial_pauses(self) -> None:
        """It waits for whether it goes on."""
        self.listener.trial_pauses()

    def trial_ends(self, record: dict[str, Any], metrics: dict[str, Any]) -> None:
        """It is over."""
        self.listener.trial_ends(record, metrics)

    def rung_failed(self, rung: Rung, message: str, trace: str) -> None:
        """It is over too; why is said by the search."""
        self.listener.trial_pauses()
