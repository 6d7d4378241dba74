"""Trials as the figures of a search draw them: their signs, and the scale of their results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from escalera.core.search_record import TrialRecord
from escalera.report.language import Language
from escalera.report.search import Search, result
from escalera.report.svg import BLUE, GREY, ORANGE, TEAL, Drawing, Panel, cut

_REACH = 2.5
"""How far below the best the scale reaches, in lengths from the median of the finished trials to the best."""


@dataclass(frozen=True)
class Scale:
    """The results of a search on an axis, in percent or as a loss; what is far worse than most lies off it."""

    low: float
    high: float
    factor: float

    @classmethod
    def of(cls, search: Search) -> Scale:
        """So that the better half of the trials can be told apart."""
        factor = 1.0 if search.lowest else 100.0
        trials = search.record.trials
        values = [factor * value for trial in trials if (value := result(trial)) is not None] or [0.0]
        done = [factor * value for trial in trials if trial.state == "done" and (value := result(trial)) is not None]
        sign = -1.0 if search.lowest else 1.0
        best = max(sign * value for value in values)
        reach = _REACH * (max(sign * value for value in done) - median(sign * value for value in done)) if done else 0.0
        worst = min(sign * value for value in values)
        worst = max(worst, best - reach) if reach > 0 else worst
        margin = 0.06 * ((best - worst) or abs(best) or 1.0)
        ends = sorted((sign * (worst - margin), sign * (best + margin)))
        return cls(ends[0], ends[1] if search.lowest else max(min(ends[1], 100.0), ends[0] + margin), factor)

    def at(self, value: float) -> tuple[float, int]:
        """A result on the scale, and whether it lies below (-1) or above (1) it: then it stands at the edge."""
        scaled = self.factor * value
        return min(max(scaled, self.low), self.high), (scaled > self.high) - (scaled < self.low)


def heading(search: Search, language: Language) -> str:
    """What the results are."""
    if search.lowest or search.metric == "accuracy":
        return language.say("search.loss" if search.lowest else "search.accuracy")
    return language.say("search.figure", metric=language.named(f"by.{search.metric}"))


def titled(drawing: Drawing, name: str, results: str) -> None:
    """What a small figure is about, and what stands upwards in it."""
    drawing.text(0, 22, cut(name, drawing.width - 10, 12, left=True), size=12, font_weight=600)
    drawing.text(0, 38, results, size=10.5, opacity=0.75)


def draw_trials(panel: Panel, search: Search, scale: Scale, places: Sequence[tuple[TrialRecord, float]]) -> None:
    """The signs of trials at their pixels across, the best one last and ringed."""
    best = search.best
    for trial, x in sorted(places, key=lambda one: (one[0] is best, one[0].state == "done")):
        value = result(trial)
        if trial.state == "failed":
            # At the edge of the worst.
            _cross(panel.on, x, panel.top + (4 if search.lowest else panel.height - 4))
        elif value is not None:
            y, off = scale.at(value)
            _sign(panel.on, x, panel.up(y), trial.state, off)
            if trial is best:
                panel.on.dot(x, panel.up(y), 7, "none", stroke=TEAL, stroke_width=2)


def _sign(drawing: Drawing, x: float, y: float, state: str, off: int) -> None:
    colour = BLUE if state == "done" else GREY
    if off:
        # Its point says in which direction the trial would lie.
        drawing.area([(x - 3.5, y + 3.5 * off), (x + 3.5, y + 3.5 * off), (x, y - 3.5 * off)], colour, 0.8)
    elif state == "done":
        drawing.dot(x, y, 3.6, colour, fill_opacity=0.8)
    else:
        drawing.dot(x, y, 3.1, "none", stroke=colour, stroke_width=1.5)


def _cross(drawing: Drawing, x: float, y: float) -> None:
    for end in (3, -3):
        drawing.line([(x - 3, y - end), (x + 3, y + end)], ORANGE, 1.6)
