"""The space of a search: what each path may be, checked where it was typed, drawn from, and walked through as a grid.

A list, or {choice: [...]}, is one of its values, which may be whole sections that hold spaces themselves; {log: [1e-4,
1e-2]}, {uniform: [0, 0.5]} and {int: [16, 128]} are ranges, both ends included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from escalera.core.errors import nearest
from escalera.ladder.change import apply, objections
from escalera.ladder.document import DEEPEST, Path, dotted
from escalera.ladder.explain import mistakes
from escalera.ladder.schema import RungConfig
from escalera.ladder.shown import show

WORDS = ("choice", "log", "uniform", "int")
LARGEST_GRID = 10_000
"""Combinations; nobody waits for more."""
LARGEST = 2.0**53
"""Above it not every whole number is one that a computer draws."""
_SAME_ROWS = ("data.image_size", "data.channels", "data.normalize", "data.resize")
"""What may be tried of the data: trials are judged by the same rows of validation."""
_DIGITS = 3
"""Significant digits of a number that is drawn: more say nothing, and a rung is to be read by people."""


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, even or in their logarithm."""

    low: float
    high: float
    log: bool = False
    whole: bool = False

    def value(self, drawn: float) -> float:
        """A number as it stands in a ladder."""
        return int(drawn) if self.whole else min(max(float(f"{drawn:.{_DIGITS}g}"), self.low), self.high)


@dataclass(frozen=True)
class Choice:
    """One of some values."""

    options: tuple[Any, ...]


Space = Range | Choice
Draw = Callable[[str, Space], float]
"""Gives for the name of a space a number of its range, or which of its options."""


def settings(over: Mapping[str, Any], draw: Draw) -> dict[str, Any]:
    """What one trial changes: a value for each path; a space within an option is drawn only where that is taken."""
    return {path: _fill({"choice": space} if isinstance(space, list) else space, path, draw)
            for path, space in over.items()}  # fmt: skip


def size(over: Mapping[str, Any]) -> int | None:
    """How many combinations there are, at most LARGEST_GRID + 1; None where a range has infinitely many."""
    try:
        return sum(1 for _, _ in zip(range(LARGEST_GRID + 1), grid(over), strict=False))
    except OverflowError:
        return None


def grid(over: Mapping[str, Any]) -> Iterator[dict[str, float]]:
    """Every combination, as what is drawn for each name; raises OverflowError for a range of infinitely many."""
    fixed: list[int] = []
    while True:
        taken: list[tuple[int, int]] = []
        drawn: dict[str, float] = {}

        def draw(name: str, space: Space) -> float:
            number = fixed[len(taken)] if len(taken) < len(fixed) else 0  # noqa: B023 - called within this round
            taken.append((number, _count(space)))  # noqa: B023
            drawn[name] = space.low + number if isinstance(space, Range) else number  # noqa: B023
            return drawn[name]  # noqa: B023

        settings(over, draw)
        yield drawn
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        fixed = [number for number, _ in taken]
        fixed[-1] += 1


def faults(over: Mapping[str, Any], config: Mapping[str, Any], known: list[Any], method: str) -> Iterator[
    tuple[Path, str]
]:  # fmt: skip
    """What is wrong with a space over a rung's configuration, each with its place below `over`.

    `known` are the mistakes of the configuration itself, which are told elsewhere.
    """
    sound = True
    for path, message in objections(config, over).items():
        sound = False
        yield (path,), message
    for path, space in over.items():
        try:
            probes = list(_probes({"choice": space} if isinstance(space, list) else space, path))
        except ValueError as error:
            sound = False
            yield (path,), str(error)
            continue
        if path.startswith("data") and path not in _SAME_ROWS:
            yield (path,), f"trials are judged by the same rows; of the data it may be {', '.join(_SAME_ROWS)}"
        elif path not in objections(config, over):
            yield from _unfit(path, probes, config, known)
    if sound and method == "grid":
        count = size(over)
        if count is None:
            wide = next(path for path, space in over.items() if size({path: space}) is None)
            yield (wide,), "a grid needs values: give a list, or {int: [low, high]}; or use method: random or tpe"
        elif count > LARGEST_GRID:
            yield (), f"expected a grid of at most {LARGEST_GRID:,} combinations; this one has more; use method: tpe"


def _unfit(path: str, probes: list[Any], config: Mapping[str, Any], known: list[Any]) -> Iterator[tuple[Path, str]]:
    """The values of a space that no rung could have; what only goes with other values is found out by its trial."""
    reported = set()
    for value in probes:
        for mistake in mistakes(RungConfig, apply(config, {path: value})):
            if mistake in known or len(mistake.keys) > 1 or mistake.message in reported:
                continue
            reported.add(mistake.message)
            where = dotted(mistake.path)
            message = mistake.message if where in (path, "") else f"{where}: {mistake.message}"
            yield (path,), f"the value {show(value)}: {message}"


def _probes(space: Any, path: str) -> Iterator[Any]:
    """Values with every option and both ends of every range among them. Raises ValueError for what is no space."""
    if not is_space(space):
        raise ValueError(
            f"expected a list of values, or a mapping of one of {', '.join(WORDS)}, such as {{log: [1e-4, 1e-2]}}, "
            f"received {show(space)}; {nearest(next(iter(space)), WORDS) if isinstance(space, dict) and space else ''}"
            .removesuffix("; ")
        )  # fmt: skip
    found = read_space(space)
    if isinstance(found, Range):
        yield from (found.value(found.low), found.value(found.high))
        return
    for number, option in enumerate(found.options):
        for high in (False, True):
            yield _fill(option, f"{path}[{number}]", partial(end_of, high=high))


def end_of(name: str, space: Space, *, high: bool) -> float:
    """What is drawn of a space at its upper or its lower end."""
    if isinstance(space, Range):
        return space.high if high else space.low
    return len(space.options) - 1 if high else 0


def is_space(value: Any) -> bool:
    """Whether a value is a mapping that says choice, log, uniform or int, and nothing else."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in WORDS


def read_space(value: Mapping[str, Any]) -> Space:
    """The space that a mapping of one word stands for; raises ValueError, saying what was expected."""
    [(word, given)] = value.items()
    if word == "choice":
        if not isinstance(given, list) or not given:
            raise ValueError(f"expected one or more values to choose from, received {show(given)}")
        if any(given[number] in given[:number] for number in range(len(given))):
            raise ValueError(f"expected values that differ, received {show(given)}")
        return Choice(tuple(given))
    numbers = isinstance(given, list) and len(given) == 2 and all(type(each) in (int, float) for each in given)
    if not numbers or not given[0] < given[1]:
        raise ValueError(f"expected {{{word}: [low, high]}} with low below high, received {show(dict(value))}")
    if word == "log" and given[0] <= 0:
        raise ValueError(f"expected a low end above 0, whose logarithm is a number, received {show(given[0])}")
    if not math.isfinite(given[1] - given[0]) or max(abs(each) for each in given) >= LARGEST:
        raise ValueError(f"expected numbers below {LARGEST:.0e}, received {show(given)}")
    if word == "int" and any(type(each) is not int for each in given):
        raise ValueError(f"expected whole numbers, received {show(given)}")
    return Range(given[0], given[1], word == "log", word == "int")


def _fill(value: Any, name: str, draw: Draw, depth: int = 0) -> Any:
    """A value with all spaces in it drawn."""
    if depth > DEEPEST:
        raise ValueError(f"nested more than {DEEPEST} deep")
    if is_space(value):
        space = read_space(value)
        drawn = draw(name, space)
        if isinstance(space, Range):
            return space.value(drawn)
        return _fill(space.options[int(drawn)], f"{name}[{int(drawn)}]", draw, depth + 1)
    if isinstance(value, dict):
        return {key: _fill(inner, f"{name}.{key}", draw, depth + 1) for key, inner in value.items()}
    return value


def _count(space: Space) -> int:
    if isinstance(space, Choice):
        return len(space.options)
    if not space.whole:
        raise OverflowError
    return int(space.high - space.low) + 1
