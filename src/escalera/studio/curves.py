"""The learning curves of several runs over one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from markupsafe import Markup

from escalera.report.language import Language
from escalera.report.svg import INK, Drawing, Panel

MEASURES = ("val_accuracy", "val_loss", "accuracy", "loss", "lr")
COLOURS = ("#2f7fc1", "#d9662b", "#159a80", "#a85fb5", "#b0892b", "#5d6bd0", "#c44e6d", "#7d858f")
_SIZES = {"broad": (720, 340), "narrow": (340, 260)}
"""A picture for a wide page and one for a phone, of which the page shows one."""
Lines = Mapping[str, Sequence[tuple[int, float]]]


def curves(histories: Mapping[str, Sequence[Mapping[str, Any]]], measure: str, words: Language) -> Markup | None:
    """A line for each run, epoch by epoch, wide and narrow, and a legend; None where none has the measure."""
    factor = 100 if "accuracy" in measure else 1
    lines = {
        name: [(line["epoch"], factor * line[measure]) for line in history if _is_number(line.get(measure))]
        for name, history in histories.items()
    }
    lines = {name: points for name, points in lines.items() if points}
    if not lines:
        return None
    legend = Markup("").join(
        Markup('<li><i style="background:{}"></i>{}</li>').format(COLOURS[place % len(COLOURS)], name)
        for place, name in enumerate(lines)
    )
    figures = Markup("").join(
        Markup('<div class="figure {}">{}</div>').format(kind, _picture(kind, lines, measure, words)) for kind in _SIZES
    )
    return Markup('{}<ul class="legend">{}</ul>').format(figures, legend)


def _is_number(value: Any) -> bool:
    """Whether a history that somebody may have changed has a number there, which `true` is none."""
    return type(value) in (int, float) and isfinite(value)


def _picture(kind: str, lines: Lines, measure: str, words: Language) -> Markup:
    width, height = _SIZES[kind]
    values = [value for points in lines.values() for _, value in points]
    last = max(epoch for points in lines.values() for epoch, _ in points)
    low, high = min(values), max(values)
    margin = 0.05 * ((high - low) or abs(high) or 1.0)
    drawing = Drawing(width, height)
    panel = Panel(drawing, 52, 34, width - 64, height - 84, (1, max(2, last)), (low - margin, high + margin))
    panel.heading(words.say(f"curves.{measure}"))
    panel.y_axis(words)
    panel.x_axis(words, words.say("word.epoch"), whole=True)
    for place, points in enumerate(lines.values()):
        colour = COLOURS[place % len(COLOURS)]
        at = panel.at(*zip(*points, strict=True))
        drawing.line(at, colour, 2, opacity=1 if place < len(COLOURS) else 0.6)
        if len(points) <= 12:
            for x, y in at:
                drawing.dot(x, y, 2.6, colour)
    drawing.line([(52, height - 50), (width - 12, height - 50)], INK, opacity=0.3)
    return drawing.finish(f"curves-{kind}", words.say("curves.title", names=words.listing(list(lines))), {}).svg
