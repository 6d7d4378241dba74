"""What waits for what: a rung that starts from another's weights, features or training begins when that one is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

from escalera.ladder.schema import Ladder
from escalera.run import lineage
from escalera.run.outcome import Key, Outcome
from escalera.run.status import trains_alike
from escalera.run.task import Task


def before(ladder: Ladder, rung: str) -> set[str]:
    """The rungs that a rung waits for: those whose weights it starts from, and its parent where it trains the same."""
    found = ladder[rung]
    parent = ladder[found.parent] if found.parent else None
    taken_over = {parent.name} if parent and trains_alike(parent.config, found.config) else set()
    return lineage.sources(found.config) | taken_over


def walk(
    tasks: Sequence[Task],
    waits: Mapping[str, set[str]],
    start: Callable[[Task, frozenset[str]], Future[Outcome]],
) -> Iterator[Outcome]:
    """Start each task once those are over that it waits for, with the same seed, and give what came of it.

    `waits` are the rungs that a rung waits for, of which only those count that are tasks too; `start` is told which
    rungs have failed with its seed. Of several whose turn has come the first begins first.
    """
    left = {task.key: task for task in tasks}
    running: dict[Future[Outcome], Key] = {}
    failed: set[Key] = set()
    while left or running:
        at_work = {*left, *running.values()}
        ready = next((key for key in left if not any((name, key[1]) in at_work for name in waits[key[0]])), None)
        if ready is not None:
            lost = frozenset(name for name, seed in failed if seed == ready[1])
            running[start(left.pop(ready), lost)] = ready
        done, _ = wait(running, timeout=0 if ready is not None else None, return_when=FIRST_COMPLETED)
        for future in done:
            outcome = future.result()
            if outcome.state == "failed":
                failed.add(running[future])
            del running[future]
            yield outcome
