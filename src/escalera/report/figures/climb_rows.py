"""The ladder for a narrow screen: a row for each rung, where the wide picture would have to be pushed sideways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from escalera.report.figures.climb import ClimbStep, Level, climb_text, span
from escalera.report.language import Language
from escalera.report.svg import COLOURS, GREY, INK, SIGNS, Drawing, Figure, Panel, breadth

_WIDTH, _ROW, _HEAD = 340, 52, 30
_TIME = 272
"""Where the training times end."""
_DASHES = ("7 4", "2 3", "10 3 2 3")


def climb_rows_figure(
    steps: Sequence[ClimbStep], language: Language, levels: Sequence[Level] = (), name: str = "climb-rows"
) -> Figure:
    """Name and accuracy above, below them the accuracy in its interval on a scale that all rows share.

    The levels are lines down through all rows, named below; one that lies far off has its name alone.
    """
    height = _HEAD + _ROW * len(steps)
    drawing = Drawing(_WIDTH, height + 38 + 17 * len(levels))
    drawing.text(0, 14, language.say("figure.climb_accuracy"), size=12.5, font_weight=600)
    panel = Panel(drawing, 8, _HEAD, _WIDTH - 16, height - _HEAD, span(steps, levels))
    panel.x_axis(language)
    for place, level in enumerate(levels):
        _level(panel, level, len(steps), height + 40 + 17 * place, _DASHES[place % len(_DASHES)], language)
    for place, step in enumerate(steps):
        _row(panel, step, _HEAD + _ROW * place, language)
    columns: dict[str, list[Any]] = {"rung": [s.name for s in steps], "accuracy": [s.accuracy for s in steps]}
    return drawing.finish(name, climb_text(steps, language, levels), columns)


def _level(panel: Panel, level: Level, rows: int, y: float, dashes: str, language: Language) -> None:
    """A line down, beside each row's bar but not through its name, and below what it is."""
    value = 100 * level.accuracy
    inside = value >= panel.x[0]
    style = {"opacity": 0.6, "stroke_dasharray": dashes}
    if inside:
        x = panel.across(value)
        for row in range(rows):
            panel.on.line([(x, panel.top + _ROW * row + 24), (x, panel.top + _ROW * row + 46)], INK, 1.3, **style)
        panel.on.line([(0, y - 4), (22, y - 4)], INK, 1.3, **style)
    words = f"{level.name}: {language.points(level.accuracy)}"
    panel.on.text(28, y, words if inside else language.say("figure.cut", level=words), size=10.5, opacity=0.85)


def _row(panel: Panel, step: ClimbStep, top: float, language: Language) -> None:
    colour, sign, draw = COLOURS.get(step.kind, GREY), SIGNS.get(step.kind, ""), panel.on
    known = step.accuracy is not None
    words = f"{sign} {language.points(step.accuracy) if known else language.say('state.' + step.kind)}".strip()
    room, long = _TIME - 64, breadth(step.name, 14)
    name = step.name if long <= room else f"{step.name[: int(len(step.name) * room / long) - 1]}…"
    draw.text(0, top + 18, name, size=12.5, font_weight=600)
    draw.text(_WIDTH, top + 18, words, size=13.5, anchor="end", font_weight=700)
    if step.seconds is not None:
        draw.text(_TIME, top + 18, language.duration(step.seconds), size=10.5, anchor="end", opacity=0.7)
    draw.line([(panel.left, top + 34), (panel.left + panel.width, top + 34)], INK, 1, opacity=0.13)
    if step.accuracy is None:
        return
    x = panel.across(100 * step.accuracy)
    low, high = (panel.across(100 * (end if end is not None else step.accuracy)) for end in (step.low, step.high))
    draw.rect(low, top + 29, max(1.0, high - low), 10, colour, 0.3, rx=2)
    draw.line([(x, top + 27), (x, top + 41)], colour, 4, stroke_linecap="round")
