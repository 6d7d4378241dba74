"""How a ladder that built itself came up: the moves at the moment of their end, and the best rung so far."""

from __future__ import annotations

from collections.abc import Sequence

from escalera.core.auto_record import MoveRecord
from escalera.report.figures.search_best import UNITS
from escalera.report.language import Language
from escalera.report.marks import titled
from escalera.report.svg import BLUE, GREY, ORANGE, TEAL, Drawing, Figure, Panel

_MARGIN = 0.08
"""Above and below, as a share of the height."""


def auto_figure(moves: Sequence[MoveRecord], language: Language, name: str = "auto") -> Figure:
    """A staircase over the time of all calls together; a move that failed stands at the lower edge."""
    ended = sorted((one for one in moves if one.state not in ("", "running")), key=lambda one: one.ended)
    last = max([one.ended for one in ended], default=0.0)
    unit, length = next((one for one in UNITS if last >= 2 * one[1]), UNITS[-1])
    values = [100 * one.accuracy for one in ended if one.accuracy is not None] or [0.0, 100.0]
    margin = _MARGIN * ((max(values) - min(values)) or 10.0)
    scale = min(values) - margin, min(100.0, max(values) + margin)
    drawing = Drawing(340, 250)
    panel = Panel(drawing, 46, 48, 280, 152, (0, max(last, 1e-3) / length), scale)
    titled(drawing, language.say("auto.best"), language.say("auto.axis"))
    panel.y_axis(language)
    panel.x_axis(language, language.say(f"auto.{unit}"))
    columns: dict[str, list[object]] = {key: [] for key in ("move", "parent", "seconds", "state", "accuracy", "best")}
    stairs: list[tuple[float, float]] = []
    best: float | None = None
    for one in ended:
        if one.state == "kept" and one.accuracy is not None:
            best = one.accuracy if best is None else max(best, one.accuracy)
        if best is not None:
            at = one.ended / length, 100 * best
            stairs += [(at[0], stairs[-1][1]), at] if stairs else [at]
        cells = (one.move, one.parent, one.ended, one.state, one.accuracy, best)
        for key, cell in zip(columns, cells, strict=True):
            columns[key].append(cell)
    if stairs:
        drawing.line(panel.at(*zip(*stairs, strict=True)), TEAL, 2.4)
    for one in ended:
        _sign(panel, one, panel.across(one.ended / length))
    return drawing.finish(name, language.say("figure.auto_text"), columns)


def _sign(panel: Panel, move: MoveRecord, x: float) -> None:
    if move.accuracy is None:
        y = panel.top + panel.height - 4
        for end in (3, -3):
            panel.on.line([(x - 3, y - end), (x + 3, y + end)], ORANGE, 1.6)
    elif move.state == "kept":
        panel.on.dot(x, panel.up(100 * move.accuracy), 4, BLUE)
    else:
        panel.on.dot(x, panel.up(100 * move.accuracy), 3.1, "none", stroke=GREY, stroke_width=1.5)
