"""The reject option: how accurate a run is on the rows of which it is surest, as fewer of them are answered."""

from __future__ import annotations

from collections.abc import Sequence

from escalera.report.language import Language
from escalera.report.svg import BLUE, Drawing, Figure, Panel


def rejection_figure(curve: Sequence[tuple[float, float, float]], language: Language, name: str, rung: str) -> Figure:
    """Accuracy in % over the share of rows that are answered; `curve` has (share, accuracy, confidence asked for)."""
    points = [(100 * share, 100 * accuracy) for share, accuracy, _ in curve]
    low = min(accuracy for _, accuracy in points)
    drawing = Drawing(340, 250)
    panel = Panel(drawing, 46, 34, 280, 166, (0, 100), (max(0.0, low - 2), 100))
    panel.heading(language.say("figure.rejection"))
    panel.y_axis(language)
    panel.x_axis(language, language.say("figure.answered"))
    drawing.line([(panel.across(x), panel.up(y)) for x, y in points], BLUE, 2)
    for x, y in points:
        drawing.dot(panel.across(x), panel.up(y), 2, BLUE)
    share, accuracy, confidence = (list(column) for column in zip(*curve, strict=True))
    return drawing.finish(
        name,
        language.say("figure.rejection_text", name=rung),
        {"answered": share, "accuracy": accuracy, "confidence": confidence},
    )
