"""How the classes fare: how many have which precision, recall and F1."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from escalera.core.record import PerClass
from escalera.report.language import Language
from escalera.report.svg import BLUE, ORANGE, Drawing, Figure, Panel

_BINS = 20


def classes_figure(rows: Sequence[PerClass], language: Language, name: str, rung: str) -> Figure:
    """Three histograms over the classes, one below the other on one scale, with the mean of each."""
    values = {key: [getattr(row, key) for row in rows] for key in ("precision", "recall", "f1")}
    known = {key: 100 * np.array([v for v in column if v is not None]) for key, column in values.items()}
    everything = np.concatenate(list(known.values()))
    low = 10 * np.floor(min(90, everything.min()) / 10)
    edges = np.linspace(low, 100, _BINS + 1)
    counts = {key: np.histogram(column, edges)[0] for key, column in known.items()}
    most = max(int(count.max()) for count in counts.values()) or 1
    drawing = Drawing(340, 290)
    drawing.text(0, 22, language.say("figure.classes"), size=12, font_weight=600)
    for place, (key, count) in enumerate(counts.items()):
        panel = Panel(drawing, 12, 50 + 68 * place, 314, 46, (float(low), 100), (0, most))
        drawing.text(12, panel.top - 4, language.say(f"rung.{key}"), size=10.5, opacity=0.85)
        for b in np.flatnonzero(count):
            top = panel.up(float(count[b]))
            x = panel.across(float(edges[b]))
            drawing.rect(x + 0.8, top, panel.width / _BINS - 1.6, panel.top + panel.height - top, BLUE, 0.75, rx=1)
        mean = panel.across(float(known[key].mean()))
        base = panel.top + panel.height
        drawing.line([(mean, panel.top - 2), (mean, base)], ORANGE, 1.6)
        if key == "f1":
            panel.x_axis(language, language.say("figure.classes_x"))
        else:
            drawing.line([(panel.left, base), (panel.left + panel.width, base)], opacity=0.25)
    title = language.say("figure.classes_text", name=rung)
    return drawing.finish(name, title, {"class": [row.name for row in rows], **values})
