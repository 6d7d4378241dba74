"""Parallel coordinates: every trial a line through its settings to what came of it, the best one marked."""

from __future__ import annotations

from collections.abc import Sequence

from escalera.core.search_record import TrialRecord
from escalera.report.axis import Axis, cell
from escalera.report.language import Language
from escalera.report.marks import Scale, heading
from escalera.report.search import Search, result
from escalera.report.svg import BLUE, GREY, ORANGE, TEAL, Drawing, Figure, Point, cut, ticks

_APART, _LEFT, _RIGHT, _TOP, _HEIGHT = 152.0, 64.0, 84.0, 44.0, 190.0
_MOST = 300
"""Lines that are drawn, from the best on: more are a blot."""


def parallel_figure(search: Search, axes: Sequence[Axis], language: Language, name: str, rung: str) -> Figure:
    """An axis for each setting, and one for the result at the right."""
    scale = Scale.of(search)
    drawing = Drawing(_LEFT + _APART * len(axes) + _RIGHT, _TOP + _HEIGHT + 14)
    ranked = search.ranked
    best, done = search.best, [trial for trial in ranked if trial.state == "done"]
    for trial in reversed(ranked[:_MOST]):
        points = _line(trial, axes, scale)
        if trial is best or len(points) < 2:
            continue
        if trial.state == "failed":
            drawing.line(points, ORANGE, 1.2, opacity=0.6, stroke_dasharray="3 3")
        elif trial.state == "pruned":
            drawing.line(points, GREY, 1, opacity=0.5)
        elif trial.state == "done":
            share = 1 - done.index(trial) / max(1, len(done))
            drawing.line(points, BLUE, 1.4, opacity=round(0.3 + 0.5 * share, 2))
    if best is not None:
        points = _line(best, axes, scale)
        drawing.line(points, TEAL, 3)
        for x, y in points:
            drawing.dot(x, y, 4, TEAL)
    for k, axis in enumerate(axes):
        _upright(drawing, _LEFT + _APART * k, axis.name, axis.marks(language, 4), first=k == 0)
    marks = [(_share(scale, value), language.number(value, 0 if scale.factor > 1 else 2))
             for value in ticks(scale.low, scale.high, 4)]  # fmt: skip
    _upright(drawing, _LEFT + _APART * len(axes), heading(search, language), marks, last=True)
    data: dict[str, list[object]] = {"trial": [trial.number + 1 for trial in ranked]}
    data |= {"state": [trial.state for trial in ranked]}
    data |= {axis.name: [cell(axis.value(trial.settings)) for trial in ranked] for axis in axes}
    data |= {"value": [result(trial) for trial in ranked]}
    return drawing.finish(name, language.say("figure.search_parallel_text", name=rung), data)


def _line(trial: TrialRecord, axes: Sequence[Axis], scale: Scale) -> list[Point]:
    """The points of a trial, as far as its settings have places; one without a result ends at the last setting."""
    found: list[Point] = []
    for k, axis in enumerate(axes):
        place = axis.of(trial.settings)
        if place is not None:
            found.append((_LEFT + _APART * k, _up(place)))
    value = result(trial)
    if value is not None:
        found.append((_LEFT + _APART * len(axes), _up(_share(scale, scale.at(value)[0]))))
    return found


def _upright(
    drawing: Drawing,
    x: float,
    words: str,
    marks: Sequence[tuple[float, str]],
    *,
    first: bool = False,
    last: bool = False,
) -> None:
    """One axis with its name above it and its marks at its left, those of the last at its right."""
    drawing.line([(x, _TOP), (x, _TOP + _HEIGHT)], opacity=0.55)
    room = 2 * _LEFT if first else _APART - 8
    drawing.text(x, _TOP - 18, cut(words, room, 11, left=not last), size=11, anchor="middle", font_weight=600)
    side = 1 if last else -1
    for place, mark in marks:
        y = _up(place)
        drawing.line([(x, y), (x + 4 * side, y)], opacity=0.55)
        shown = cut(mark, _LEFT - 10, 10.5)
        drawing.text(x + 7 * side, y + 3.5, shown, size=10.5, anchor="start" if last else "end", opacity=0.85)


def _up(place: float) -> float:
    return _TOP + _HEIGHT * (1 - place)


def _share(scale: Scale, value: float) -> float:
    return (value - scale.low) / ((scale.high - scale.low) or 1.0)
