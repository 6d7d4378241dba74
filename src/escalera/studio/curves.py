"""The learning curves of several runs over one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from escalera.report.language import Language
from escalera.report.svg import INK, Drawing, Panel

MEASURES = ("val_accuracy", "val_loss", "accuracy", "loss", "lr")
COLOURS = ("#2f7fc1", "#d9662b", "#159a80", "#a85fb5", "#b0892b", "#5d6bd0", "#c44e6d", "#7d858f")
_WIDTH, _HEIGHT = 720, 340


def curves(histories: Mapping[str, Sequence[Mapping[str, Any]]], measure: str, words: Language) -> Markup | None:
    """One line for each run, epoch by epoch, with a legend below; None where no run has a point of this measure."""
    factor = 100 if "accuracy" in measure else 1
    lines = {
        name: [(line["epoch"], factor * line[measure]) for line in history if line.get(measure) is not None]
        for name, history in histories.items()
    }
    lines = {name: points for name, points in lines.items() if points}
    if not lines:
        return None
    values = [value for points in lines.values() for _, value in points]
    last = max(epoch for points in lines.values() for epoch, _ in points)
    low, high = min(values), max(values)
    margin = 0.05 * ((high - low) or abs(high) or 1.0)
    drawing = Drawing(_WIDTH, _HEIGHT)
    panel = Panel(drawing, 52, 34, _WIDTH - 64, _HEIGHT - 84, (1, max(2, last)), (low - margin, high + margin))
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
    drawing.line([(52, _HEIGHT - 50), (_WIDTH - 12, _HEIGHT - 50)], INK, opacity=0.3)
    legend = Markup("").join(
        Markup('<li><i style="background:{}"></i>{}</li>').format(COLOURS[place % len(COLOURS)], name)
        for place, name in enumerate(lines)
    )
    figure = drawing.finish("curves", words.say("curves.title", names=words.listing(list(lines))), {})
    return Markup('<div class="figure">{}</div><ul class="legend">{}</ul>').format(figure.svg, legend)
