"""What searches have found: read from the folders of their rungs, and laid over the ladder as if it had been typed."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from escalera.core.errors import RunError
from escalera.core.files import CURE, read_sealed
from escalera.core.rundir import SEARCH
from escalera.core.search_record import NAME
from escalera.experiment.study import fingerprint
from escalera.ladder.read import Reading, dump_config
from escalera.ladder.schema import Ladder, Rung, Search
from escalera.run.lineage import inherit, sources


def known_answers(reading: Reading, folder: Path) -> tuple[Reading, list[str]]:
    """The ladder with what its searches have found so far, and the rungs whose search is still to be done."""
    answers: dict[str, dict[str, Any]] = {}
    waiting: list[str] = []
    answered = inherit(reading)
    searches = {rung.name: rung.search for rung in reading.rungs if rung.search is not None}
    left = list(searches)
    while left:
        current = answered.ladder
        name = first_of(current, left)
        left.remove(name)
        behind = name in blocked(current, waiting)
        found = None if behind else read_search(folder / name, current[name], reading.ladder.seed)
        if found is None or not is_over(found, searches[name]):
            waiting.append(name)
        else:
            answers[name] = found["answer"]
            answered = inherit(reading.answered(answers))
    return answered, waiting


def first_of(ladder: Ladder, waiting: Sequence[str]) -> str:
    """Of searches that are to be done, the first whose own settings none of the others finds."""
    return next(one for one in waiting if one not in blocked(ladder, [other for other in waiting if other != one]))


def blocked(ladder: Ladder, waiting: Sequence[str]) -> set[str]:
    """The rungs whose settings are not known as long as these searches are to be done, or that start from such ones."""
    found = set(waiting)
    while True:
        more = {rung.name for rung in ladder.rungs if rung.parent in found or sources(rung.config) & found} - found
        if not more:
            return found
        found |= more


def read_search(rung_folder: Path, rung: Rung, seed: int) -> dict[str, Any] | None:
    """What search.json of a rung holds; None where there is none, or it searched something else.

    One that is damaged is as good as none: it is made again of what the trials' journal holds.
    """
    try:
        found = read_sealed(rung_folder / SEARCH / NAME)
    except RunError:
        return None
    return found if found.get("fingerprint") == identity(rung, seed) else None


def fault(rung_folder: Path) -> str:
    """What is wrong with search.json of a rung; "" where nothing is, or there is none."""
    path = rung_folder / SEARCH / NAME
    try:
        if os.path.lexists(path):
            read_sealed(path)
    except RunError as error:
        return str(error).removesuffix(f". {CURE}")
    return ""


def is_over(found: Mapping[str, Any], search: Search) -> bool:
    """Whether nothing is left to try, also of what has been added to the search since."""
    before = Search.model_validate(found["search"])
    # What is not limited goes further than any limit.
    reaches = [(one.limit or math.inf, one.minutes or math.inf) for one in (before, search)]
    longer = any(now > then for then, now in zip(*reaches, strict=True))
    return found["state"] == "done" and not longer


def flattery(rows: int, trials: int, accuracy: float = 0.5) -> float:
    """By how much accuracy the best of so many equally good trials looks better than it is, at the most.

    The mean of the largest of `trials` normal draws (Blom 1958) with the deviation of an accuracy on so many rows; less
    where the trials err on the same rows.
    """
    from scipy.stats import norm

    largest = float(norm.ppf((trials - 0.375) / (trials + 0.25))) if trials > 1 else 0.0
    return largest * math.sqrt(accuracy * (1 - accuracy) / rows)


def set_aside(rung_folder: Path) -> None:
    """Keep a search that another one replaces, under the next number."""
    folder = rung_folder / SEARCH
    if folder.exists():
        # Those before it may have been removed: a number is not given twice.
        kept = (path.name.rpartition("-")[2] for path in rung_folder.glob(f"{SEARCH}.kept-*"))
        last = max((int(number) for number in kept if number.isdigit()), default=0)
        folder.rename(folder.with_name(f"{SEARCH}.kept-{last + 1:03}"))


def identity(rung: Rung, seed: int) -> str:
    """The SHA-256 of all that the trials of a search depend on; more of them, or more time, make no other search."""
    assert rung.search is not None
    wanted = rung.search.model_dump(exclude={"trials", "minutes"})
    return fingerprint({"config": dump_config(rung.config), "search": wanted, "seed": seed})
