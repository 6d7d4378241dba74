"""One setting of a search against what came of it, on a logarithmic axis where its range is one."""

from __future__ import annotations

from escalera.core.search_record import TrialRecord
from escalera.report.axis import Axis, cell
from escalera.report.language import Language
from escalera.report.marks import Scale, draw_trials, heading, titled
from escalera.report.search import Search, result
from escalera.report.svg import Drawing, Figure, Panel, cut

_GOLDEN = 0.618034
"""Multiples of it spread whatever is numbered evenly over a width."""


def setting_figure(search: Search, axis: Axis, language: Language, name: str, rung: str) -> Figure:
    """Every trial that has a place on the axis."""
    scale = Scale.of(search)
    drawing = Drawing(340, 250)
    panel = Panel(drawing, 46, 48, 280, 152, (0, 1), (scale.low, scale.high))
    titled(drawing, axis.name, heading(search, language))
    panel.y_axis(language)
    drawing.line(panel.at((0, 1), (panel.y[0], panel.y[0])), opacity=0.4)
    marks = axis.marks(language)
    room = panel.width / max(1, len(marks))
    each = 1 if room >= 24 else -(-24 // int(max(1, room)))
    for place, words in marks[::each]:
        shown = cut(words, room * each - 4, 10.5) if axis.options else words
        x = panel.across(place)
        drawing.text(x, panel.top + panel.height + 15, shown, size=10.5, anchor="middle", opacity=0.75)
    width = 0.6 / len(axis.options) if axis.options else 0.0
    places: list[tuple[TrialRecord, float]] = []
    for trial in search.record.trials:
        where = axis.of(trial.settings)
        if where is not None:
            places.append((trial, panel.across(where + width * ((trial.number * _GOLDEN) % 1 - 0.5))))
    draw_trials(panel, search, scale, places)
    data: dict[str, list[object]] = {
        "trial": [trial.number + 1 for trial, _ in places],
        "state": [trial.state for trial, _ in places],
        "value": [result(trial) for trial, _ in places],
        axis.name: [cell(axis.value(trial.settings)) for trial, _ in places],
    }
    return drawing.finish(name, language.say("figure.search_setting_text", name=rung, setting=axis.name), data)
