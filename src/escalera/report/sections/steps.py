"""The table of steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import asinh, floor, log10
from statistics import median
from typing import Any

from escalera.report.settings import settings
from escalera.report.shortfall import named
from escalera.report.view import LadderView

_WIDTH, _MARGIN, _APART = 136, 9, 26
"""Pixels of the small pictures, beside their ends, and between the marks of their scale."""


@dataclass(frozen=True)
class Scale:
    """One scale for all intervals, in points: even where most of them lie, and closer beyond.

    A step of forty points stands on it beside others of half a point, and neither hides the other.
    """

    low: float
    high: float
    unit: float

    @classmethod
    def of(cls, intervals: Sequence[tuple[float, float]]) -> Scale:
        """That of some intervals in shares, and of zero."""
        ends = [0.0, *(100 * end for interval in intervals for end in interval)]
        far = [100 * max(abs(low), abs(high)) for low, high in intervals]
        return cls(min(ends), max(ends), 2 * median(far or [1.0]) or 1.0)

    def place(self, points: float) -> float:
        """The pixel of a number of points."""
        low, high, here = (asinh(value / self.unit) for value in (self.low, self.high, points))
        return round(_MARGIN + (_WIDTH - 2 * _MARGIN) * (here - low) / ((high - low) or 1.0), 1)

    def marks(self) -> list[float]:
        """Round numbers of points that have room beside one another, zero among them."""
        if self.high <= self.low:
            return []
        found = [0.0]
        for end, sign in ((self.high, 1), (self.low, -1)):
            last = self.place(0)
            for mark in _round(abs(end)):
                if abs(self.place(sign * mark) - last) >= _APART:
                    found.append(sign * mark)
                    last = self.place(sign * mark)
        return sorted(found)


def section(view: LadderView) -> dict[str, Any] | None:
    """What places an interval in its small picture, and what stands in the cells."""
    compared = [step.comparison for step in view.story.steps if step.comparison]
    scale = Scale.of([(one.low, one.high) for one in compared])

    def label(points: float) -> str:
        return view.language.number(points, 0 if points == round(points) else 2 if abs(points) < 0.1 else 1, sign=True)

    return {
        "place": lambda share: scale.place(100 * share),
        "marks": [(scale.place(mark), label(mark)) for mark in scale.marks()],
        "named": lambda baseline: named(baseline, view.language),
        "settings": settings,
    }


def _round(most: float) -> Iterator[float]:
    """1, 2, 5, 10 and so on, from a hundredth of a number up to it."""
    if most <= 0:
        return
    for power in range(floor(log10(most)) - 2, floor(log10(most)) + 1):
        yield from (step * 10.0**power for step in (1, 2, 5) if step * 10.0**power <= most * (1 + 1e-9))
