"""A task performed, by whatever process or machine has it."""

from __future__ import annotations

import contextlib

from escalera.core.memory import keep_memory
from escalera.ladder.schema import Rung
from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.synced import synced
from escalera.run.task import Task, open_data


def perform(task: Task, failed: frozenset[str], events: Events) -> Outcome:
    """Train a task, or go on with it, whatever comes of it; it does not start from rungs that `failed`."""
    # They bring the networks along, which a climb with nothing left to train does without.
    from escalera.core.runtime import threads
    from escalera.run.attempt import attempt

    keep_memory()
    rung = Rung.model_validate_json(task.rung)
    if task.source.fold is None:
        events.rung_begins(rung, task.seed, task.place)
    open_data(task.source)  # where they cannot be had, no rung can be trained, and the climb ends

    def work(heard: Events) -> Outcome:
        with threads(task.threads) if task.threads else contextlib.nullcontext():
            return attempt(task, rung, failed, heard)

    return synced(task, rung, events, work)
