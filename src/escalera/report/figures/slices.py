"""Slices of the test rows for any screen: a row for each, its figure in its interval on a scale that all share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from escalera.evaluate.slices import Slice
from escalera.report.language import Language
from escalera.report.svg import COLOURS, INK, SIGNS, Drawing, Figure, Panel, breadth, cut

_WIDTH, _ROW, _HEAD = 340, 44, 30


def slices_figure(
    shown: Sequence[tuple[str, Slice]],
    whole: float,
    language: Language,
    name: str,
    rung: str,
    data: Mapping[str, Sequence[Any]],
) -> Figure:
    """`shown` are slices with what they are called; `whole` is the figure of all rows, a dashed line down."""
    height = _ROW * len(shown)
    drawing = Drawing(_WIDTH, _HEAD + height + 38)
    drawing.text(0, 14, language.say("figure.slices"), size=12.5, font_weight=600)
    ends = [end for _, one in shown for end in (one.low, one.high) if end is not None]
    low, high = 100 * min([*ends, whole]), 100 * max([*ends, whole])
    room = max(2.0, 0.04 * (high - low))
    panel = Panel(drawing, 8, _HEAD, _WIDTH - 16, height, (max(0.0, low - room), min(100.0, high + room)))
    panel.x_axis(language)
    for place, (words, one) in enumerate(shown):
        _row(panel, words, one, 100 * whole, _HEAD + _ROW * place, language)
    words = language.say("figure.slices_whole", score=language.points(whole))
    drawing.line([(0, _HEAD + height + 30), (22, _HEAD + height + 30)], INK, 1.3, opacity=0.6, stroke_dasharray="4 3")
    drawing.text(28, _HEAD + height + 34, words, size=10.5, opacity=0.85)
    return drawing.finish(name, language.say("figure.slices_text", name=rung), data)


def _row(panel: Panel, words: str, one: Slice, whole: float, top: float, language: Language) -> None:
    draw, colour = panel.on, COLOURS[one.verdict]
    figure = f"{SIGNS[one.verdict]} {language.points(one.figure)}"
    count = f"n{language.no_break}={language.no_break}{language.number(one.rows)}"
    draw.text(_WIDTH, top + 16, figure, size=12.5, anchor="end", font_weight=700)
    draw.text(_WIDTH - 58, top + 16, count, size=10.5, anchor="end", opacity=0.7)
    draw.text(0, top + 16, cut(words, _WIDTH - 68 - breadth(count, 10.5), 12), size=12)
    draw.line([(panel.left, top + 30), (panel.left + panel.width, top + 30)], INK, 1, opacity=0.13)
    if one.figure is None or one.low is None or one.high is None:
        return
    low, high, x = (panel.across(100 * value) for value in (one.low, one.high, one.figure))
    draw.rect(low, top + 26, max(1.0, high - low), 9, colour, 0.3, rx=2)
    draw.line([(panel.across(whole), top + 22), (panel.across(whole), top + 39)], INK, 1.3, opacity=0.6,
              stroke_dasharray="4 3")  # fmt: skip
    draw.line([(x, top + 24), (x, top + 37)], colour, 4, stroke_linecap="round")
