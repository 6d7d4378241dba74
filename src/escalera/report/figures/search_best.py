"""The best so far: what a search had found after how long, and every trial at the moment of its end."""

from __future__ import annotations

from escalera.report.language import Language
from escalera.report.marks import Scale, draw_trials, heading, titled
from escalera.report.search import Search, result
from escalera.report.svg import TEAL, Drawing, Figure, Panel

UNITS = (("hours", 3600.0), ("minutes", 60.0), ("seconds_axis", 1.0))
"""Of the time of a search, by their words, with their seconds."""


def best_figure(search: Search, language: Language, name: str, rung: str) -> Figure:
    """A staircase over the time of the search."""
    ended = sorted((trial for trial in search.record.trials if trial.state != "running"), key=lambda one: one.ended)
    last = max([trial.ended for trial in ended], default=0.0)
    unit, length = next((one for one in UNITS if last >= 2 * one[1]), UNITS[-1])
    scale = Scale.of(search)
    drawing = Drawing(340, 250)
    panel = Panel(drawing, 46, 48, 280, 152, (0, max(last, 1e-3) / length), (scale.low, scale.high))
    titled(drawing, language.say("search.so_far"), heading(search, language))
    panel.y_axis(language)
    panel.x_axis(language, language.say(f"search.{unit}"))
    columns: dict[str, list[object]] = {key: [] for key in ("trial", "seconds", "state", "value", "best")}
    stairs: list[tuple[float, float]] = []
    best: float | None = None
    for trial in ended:
        value = result(trial)
        if value is not None and trial.state == "done":
            best = value if best is None else min(best, value) if search.lowest else max(best, value)
        if best is not None:
            at = (trial.ended / length, scale.at(best)[0])
            stairs += [(at[0], stairs[-1][1]), at] if stairs else [at]
        for key, cell in zip(columns, (trial.number + 1, trial.ended, trial.state, value, best), strict=True):
            columns[key].append(cell)
    if stairs:
        drawing.line(panel.at(*zip(*stairs, strict=True)), TEAL, 2.4)
    draw_trials(panel, search, scale, [(trial, panel.across(trial.ended / length)) for trial in ended])
    return drawing.finish(name, language.say("figure.search_best_text", name=rung), columns)
