"""The reliability diagram: when the network is 80 % sure, is it right in 80 % of the rows?"""

from __future__ import annotations

import numpy as np

from escalera.evaluate.metrics import BINS, Tallies
from escalera.report.language import Language
from escalera.report.svg import BLUE, INK, ORANGE, Drawing, Figure, Panel


def reliability_figure(tallies: Tallies, language: Language, name: str, rung: str) -> Figure:
    """Accuracy in each bin of confidence against the confidence itself, and below how many rows are in the bin."""
    count = np.bincount(tallies.bins, minlength=BINS)
    right = np.bincount(tallies.bins, weights=tallies.right, minlength=BINS)
    gap = np.bincount(tallies.bins, weights=tallies.gap, minlength=BINS)
    some = count > 0
    accuracy = np.divide(right, count, out=np.zeros(BINS), where=some)
    confidence = np.divide(gap + right, count, out=np.zeros(BINS), where=some)
    drawing = Drawing(340, 290)
    panel = Panel(drawing, 46, 34, 280, 166, (0, 100), (0, 100))
    panel.heading(language.say("figure.reliability"))
    panel.y_axis(language)
    drawing.line([(panel.left, panel.top + panel.height), (panel.left + panel.width, panel.top)], INK, 1, opacity=0.5,
                 stroke_dasharray="2 3")  # fmt: skip
    for b in np.flatnonzero(some):
        x, y, ideal = panel.across(100 * confidence[b]), panel.up(100 * accuracy[b]), panel.up(100 * confidence[b])
        drawing.line([(x, ideal), (x, y)], ORANGE, 2, opacity=0.8)
        drawing.dot(x, y, float(1.8 + 3.4 * np.sqrt(count[b] / count.max())), BLUE)
    below = Panel(drawing, 46, 214, 280, 34, (0, 100), (0, float(count.max())))
    for b in np.flatnonzero(some):
        top = below.up(float(count[b]))
        drawing.rect(
            below.across(100 * b / BINS) + 1, top, below.width / BINS - 2, below.top + below.height - top, BLUE, 0.55
        )
    below.x_axis(language, language.say("figure.confidence"))
    words = language.say("figure.reliability_text", name=rung)
    edges = np.arange(BINS + 1) / BINS
    return drawing.finish(
        name,
        words,
        {
            "from": edges[:-1].round(6).tolist(),
            "to": edges[1:].round(6).tolist(),
            "images": count.tolist(),
            "confidence": [float(v) if s else None for v, s in zip(confidence, some, strict=True)],
            "accuracy": [float(v) if s else None for v, s in zip(accuracy, some, strict=True)],
        },
    )
