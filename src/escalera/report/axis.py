"""A setting of a search as the axis of a figure: even, in its logarithm, or a place for each choice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import ceil, floor, isfinite, log10
from typing import Any

from escalera.report.language import Language
from escalera.report.settings import typed
from escalera.report.svg import ticks

_WORDS = ("choice", "log", "uniform", "int")


@dataclass(frozen=True)
class Axis:
    """`path` from `low` to `high`, or one of `options`, which then are the places 0, 1, 2 and so on.

    `inside` are the keys by which a setting is found within a choice of the path that is a whole section.
    """

    path: str
    low: float = 0.0
    high: float = 1.0
    log: bool = False
    options: tuple[Any, ...] = ()
    inside: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The setting with its whole path."""
        return ".".join((self.path, *self.inside))

    def value(self, settings: Mapping[str, Any]) -> Any:
        """What a trial had; None where it had no such setting."""
        found = settings.get(self.path)
        for key in self.inside:
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def of(self, settings: Mapping[str, Any]) -> float | None:
        """Where a trial lies, from 0 to 1; None for one that has no place."""
        found = self.value(settings)
        return None if found is None and self.inside else self.place(found)

    def place(self, value: Any) -> float | None:
        """Where a value lies, from 0 to 1; None for one that the axis does not hold."""
        if self.options:
            found = next((k for k, option in enumerate(self.options) if _fits(option, value)), None)
            return None if found is None else (found + 0.5) / len(self.options)
        if not _is_number(value) or not self.low <= value <= self.high:
            return None
        if self.log:
            return log10(value / self.low) / log10(self.high / self.low)
        return float((value - self.low) / (self.high - self.low))

    def marks(self, language: Language, most: int = 5) -> list[tuple[float, str]]:
        """Places with what stands there."""
        if self.options:
            return [((k + 0.5) / len(self.options), word) for k, word in enumerate(labels(self.options))]
        values = _powers(self.low, self.high, most) if self.log else ticks(self.low, self.high, most)
        return [(place, number(value, language)) for value in values if (place := self.place(value)) is not None]

    def words(self, language: Language) -> str:
        """What was tried of it."""
        if self.options:
            return ", ".join(labels(self.options))
        ends = {"low": number(self.low, language), "high": number(self.high, language)}
        return language.say("search.log" if self.log else "steps.range", **ends)


def axes(over: Mapping[str, Any], settings: Iterable[Mapping[str, Any]]) -> list[Axis]:
    """An axis for each path of a space, and for each range within its choices.

    Where the file says no space that fits, the values that were tried are it.
    """
    given, found = list(settings), list[Axis]()
    for path, space in over.items():
        axis = _axis(path, space) or Axis(path, options=_distinct(one[path] for one in given if path in one))
        found.append(axis)
        within: dict[tuple[str, ...], Axis] = {}
        for inner in (inner for option in axis.options for inner in _inner(path, option, ())):
            known = within.get(inner.inside)
            within[inner.inside] = inner if known is None else _joined(known, inner)
        found += within.values()
    return found


def labels(options: Iterable[Any]) -> list[str]:
    """Short names of choices that tell them apart; a section goes by its kind or name."""
    words = [_label(option) for option in options]
    return [f"{word} ({words[: k + 1].count(word)})" if words.count(word) > 1 else word for k, word in enumerate(words)]


def number(value: float, language: Language) -> str:
    """A number as short as it can be told; a very small or large one as ladders have it, 1e-4."""
    if value and not 1e-3 <= abs(value) < 1e5:
        power = floor(log10(abs(value)) + 1e-9)
        digits = f"{value / 10.0**power:.3g}"
        return f"{digits}e{power}".replace(".", "," if language.code == "es" else ".")
    figures = f"{value:.6f}".rstrip("0").rpartition(".")[2]
    return language.number(value, len(figures))


def plain(value: Any) -> str:
    """A value as a person reads it: of a section the name, and then what it says; a list keeps its brackets."""
    if isinstance(value, dict):
        named = next((key for key in ("kind", "name") if isinstance(value.get(key), str)), "")
        words = [value[named]] if named else []
        return ", ".join([*words, *(f"{key} {plain(inner)}" for key, inner in value.items() if key != named)])
    if value is None:
        return "null"
    return f"[{typed(value)}]" if isinstance(value, list) and value else typed(value)


def cell(value: Any) -> Any:
    """A value as a CSV has it."""
    return value if value is None or isinstance(value, int | float | str) else json.dumps(value, ensure_ascii=False)


def _axis(path: str, space: Any, inside: tuple[str, ...] = ()) -> Axis | None:
    """The axis of a space; None for what is none."""
    if isinstance(space, list):
        space = {"choice": space}
    if not isinstance(space, dict) or len(space) != 1:
        return None
    [(word, given)] = space.items()
    if word == "choice" and isinstance(given, list) and given:
        return Axis(path, options=tuple(given), inside=inside)
    numbers = isinstance(given, list) and len(given) == 2 and all(map(_is_number, given))
    if word in ("log", "uniform", "int") and numbers and given[0] < given[1] and (word != "log" or given[0] > 0):
        return Axis(path, given[0], given[1], log=word == "log", inside=inside)
    return None


def _inner(path: str, option: Any, inside: tuple[str, ...]) -> Iterator[Axis]:
    """The axes of the spaces within a choice."""
    for key, value in option.items() if isinstance(option, dict) else ():
        axis = _axis(path, value, (*inside, str(key))) if isinstance(value, dict) else None
        if axis is not None:
            yield axis
        else:
            yield from _inner(path, value, (*inside, str(key)))


def _joined(one: Axis, other: Axis) -> Axis:
    """One axis for the same setting of two choices."""
    if one.options or other.options:
        return replace(one, options=_distinct([*one.options, *other.options]))
    low, high = min(one.low, other.low), max(one.high, other.high)
    return replace(one, low=low, high=high, log=one.log and other.log)


def _distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    found: list[Any] = []
    for value in values:
        found += [value] if value not in found else []
    return tuple(found) or (None,)


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and isfinite(value)


def _fits(option: Any, value: Any) -> bool:
    """Whether a value may be an option, in which a space stands for whatever was drawn of it."""
    if isinstance(option, dict):
        if len(option) == 1 and next(iter(option)) in _WORDS:
            return True
        same = isinstance(value, dict) and option.keys() == value.keys()
        return same and all(_fits(inner, value[key]) for key, inner in option.items())
    return type(option) is type(value) and bool(option == value)


def _label(option: Any) -> str:
    if isinstance(option, dict):
        named = next((option[key] for key in ("kind", "name") if isinstance(option.get(key), str)), None)
        return _short(named or json.dumps(option, ensure_ascii=False))
    return _short(plain(option))


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"


def _powers(low: float, high: float, most: int) -> list[float]:
    """Round numbers on a logarithmic axis: powers of ten, and 2 and 5 times those where they are few."""
    first, last = ceil(log10(low) - 1e-9), floor(log10(high) + 1e-9)
    powers = [float(f"1e{power}") for power in range(first, last + 1)]
    if len(powers) > 2:
        return powers[:: ceil(len(powers) / most)]
    values = (float(f"{step}e{power}") for power in range(first - 1, last + 1) for step in (1, 2, 5))
    found = [value for value in values if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
    return found if len(found) > 1 else [low, high]
