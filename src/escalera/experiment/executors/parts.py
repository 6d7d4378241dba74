"""The folds of a rung side by side: each is a task of its own, and after the last they are put together as one run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import replace

from escalera.ladder.schema import Rung
from escalera.run.events import Events
from escalera.run.outcome import Outcome
from escalera.run.synced import synced
from escalera.run.task import Task, open_data

Submit = Callable[[Task, frozenset[str]], Future[Outcome]]


def trainings(task: Task) -> int:
    """How many trainings a task is: one for each of its folds."""
    folds = Rung.model_validate_json(task.rung).config.data.folds
    return folds if folds is not None and task.on == "test" else 1


def in_parts(task: Task, failed: frozenset[str], submit: Submit, events: Events) -> Future[Outcome]:
    """What comes of a task whose folds are all submitted at once; `events` hears of what is before them."""
    rung, whole = Rung.model_validate_json(task.rung), Future[Outcome]()
    open_data(task.source)  # as in `perform`
    opened = _opened(task, rung, failed, events)
    if opened.state != "paused":
        whole.set_result(opened)
        return whole
    task = replace(task, fresh=False)  # it goes on with what is open now
    parts = [submit(task.of_fold(number), failed) for number in range(1, trainings(task) + 1)]
    left, turn = set(parts), threading.Lock()

    def over(part: Future[Outcome]) -> None:
        with turn:
            left.discard(part)
            last = not left
        if last:
            _join(parts, whole, lambda: submit(task, failed))

    for part in parts:
        part.add_done_callback(over)
    return whole


def _opened(task: Task, rung: Rung, failed: Collection[str], events: Events) -> Outcome:
    """What came of a task before its folds; it is paused where these are to be trained.

    At a URL its run is fetched and put there once for all folds, which are gone on from elsewhere by its record.
    """
    from escalera.run.attempt import open_folds

    def work(heard: Events) -> Outcome:
        return open_folds(task, rung, failed, heard) or Outcome(*task.key, "paused")

    return synced(task, rung, events, work)


def _join(parts: Collection[Future[Outcome]], whole: Future[Outcome], submit: Callable[[], Future[Outcome]]) -> None:
    """Have the whole put together, unless a part has failed, or was stopped."""
    try:
        outcomes = [_result(part) for part in parts]
        lost = next((one for one in outcomes if one.state == "failed"), None)
        if lost is not None:
            whole.set_result(lost)
            return
        submit().add_done_callback(lambda joined: _pass_on(joined, whole))
    except (Exception, KeyboardInterrupt) as error:
        whole.set_exception(error)


def _pass_on(joined: Future[Outcome], whole: Future[Outcome]) -> None:
    try:
        whole.set_result(_result(joined))
    except (Exception, KeyboardInterrupt) as error:
        whole.set_exception(error)


def _result(part: Future[Outcome]) -> Outcome:
    """What came of it; raises KeyboardInterrupt where it never began, since somebody stops everything."""
    if part.cancelled():
        raise KeyboardInterrupt
    return part.result()
