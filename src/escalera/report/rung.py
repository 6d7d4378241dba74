"""A rung of a ladder that was climbed: its runs, what they are worth together, and the step from its parent."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean, stdev
from typing import Any, Literal

import numpy as np

from escalera.core.record import Change, Data, Price, Text
from escalera.evaluate.baselines import MAJORITY
from escalera.evaluate.compare import Comparison, Verdict, accuracy_interval
from escalera.evaluate.paired import interval
from escalera.report.baselines import Against, Range, answered
from escalera.report.runs import Run, State
from escalera.report.search import Search

Obstacle = Literal["unfinished", "no-parent", "no-predictions", "other-rows"]


@dataclass(frozen=True)
class Step:
    """From a parent to a rung. Where the two cannot be compared, `obstacle` says why and the rest is None."""

    rung: str
    parent: str
    comparison: Comparison | None = None
    p: float | None = None
    verdict: Verdict | None = None
    rows_tell: bool = False
    """Whether the rows alone tell the two apart, after the same correction."""
    obstacle: Obstacle | None = None


@dataclass(frozen=True)
class Rung:
    """A rung and its runs, one per seed, in the order of the seeds."""

    name: str
    why: Text | None
    parent: str | None
    change: list[Change]
    runs: list[Run]
    step: Step | None = None
    against: list[Against] = field(default_factory=list)
    as_asked: bool = True
    """Whether its runs have the settings that the last climb asked for."""
    search: Search | None = None
    """What it tried before."""
    metric: str = "accuracy"
    """What its verdict is about."""

    @property
    def slug(self) -> str:
        """The name as an identifier and a file take it."""
        return re.sub(r"[^\w.-]+", "-", self.name)

    @property
    def done(self) -> list[Run]:
        """The runs that finished."""
        return [run for run in self.runs if run.state == "done"]

    @property
    def state(self) -> State:
        """Done when every run is; else the worst that befell one."""
        states = {run.state for run in self.runs}
        bad: tuple[State, ...] = ("failed", "damaged", "running", "absent")
        return next((state for state in bad if state in states), "done" if states else "absent")

    @property
    def outcome(self) -> str:
        """The verdict; `plain` where there is none to give; without an accuracy, why: a state, or `unreadable`."""
        if self.accuracy is None:
            return "unreadable" if self.state == "done" else self.state
        return self.step.verdict if self.step and self.step.verdict else "plain"

    @property
    def accuracies(self) -> list[float]:
        """Test accuracy of each finished seed."""
        return _given(run.accuracy for run in self.done)

    @property
    def accuracy(self) -> float | None:
        """Mean test accuracy over the seeds."""
        return _mean(self.accuracies)

    @property
    def scores(self) -> list[float]:
        """The metric on the test rows of each finished seed."""
        return _given(run.score(self.metric) for run in self.done)

    @property
    def score(self) -> float | None:
        """The mean of the metric over the seeds."""
        return _mean(self.scores)

    @property
    def deviation(self) -> float | None:
        """The seed noise: deviation of the metric between seeds; None with fewer than two."""
        return stdev(self.scores) if len(self.scores) > 1 else None

    @property
    def loss(self) -> float | None:
        """Mean test loss over the seeds."""
        return _mean(_given(run.metrics.test.loss for run in self.done))

    @property
    def validation(self) -> float | None:
        """The mean of the metric on validation over the seeds."""
        return _mean(_given(getattr(run.metrics.validation, self.metric) for run in self.done))

    @property
    def validation_loss(self) -> float | None:
        """Mean validation loss over the seeds."""
        return _mean(_given(run.metrics.validation.loss for run in self.done))

    @property
    def seconds(self) -> float | None:
        """Mean training time of a run."""
        return _mean(_given(run.record.seconds for run in self.done))

    @property
    def price(self) -> Price | None:
        """Mean price of a run, of those that have one in the currency of the last."""
        prices = [run.record.price for run in self.done if run.record.price]
        alike = [one.amount for one in prices if one.currency == prices[-1].currency]
        return Price(amount=fmean(alike), currency=prices[-1].currency) if prices else None

    @property
    def kwh(self) -> float | None:
        """Mean energy of a run, of those where it was measured."""
        return _mean(_given(run.record.energy.kwh for run in self.done if run.record.energy))

    @property
    def unmeasured(self) -> str:
        """Why its energy was not measured, one of `core.energy.REASONS`; "" where it was, or no run says."""
        reasons = (run.record.energy.why for run in self.done if run.record.energy and run.record.energy.kwh is None)
        return next(filter(None, reasons), "")

    @property
    def search_seconds(self) -> float:
        """What the trainings of its search took, all of them; 0 where it did not search."""
        return self.search.record.seconds if self.search else 0.0

    @property
    def search_kwh(self) -> float | None:
        """The energy of those trainings; None where it was not measured of all, or nothing was searched."""
        return self.search.kwh if self.search else None

    @property
    def search_price(self) -> Price | None:
        """What those cost, at the price that its first finished run had."""
        record = self.done[0].record if self.done else None
        return self.search.price(record.price, record.seconds) if self.search and record else None

    @property
    def test_rows(self) -> int | None:
        """How many pictures the accuracy was measured on."""
        counts = (
            run.record.data.rows.test or sum(c.support or 0 for c in run.metrics.test.per_class) for run in self.done
        )
        return next(filter(None, counts), None)

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """The test noise: the 95 % interval of the mean figure, had other pictures of the same kind been drawn."""
        if self.accuracy is None or self.test_rows is None:
            return None
        if self.metric != "accuracy":
            found = [run.answers for run in self.done if run.answers]
            alike = found and all(found[0].same_rows(other) for other in found)
            predicted = [one.predicted for one in found]
            return interval(self.metric, found[0].labels, np.stack(predicted), found[0].classes) if alike else None
        return accuracy_interval(self.accuracy, self.test_rows)

    @property
    def unseen(self) -> tuple[float | None, int] | None:
        """The mean accuracy on the test rows that have no duplicate in train, and how many they are: of none there is
        no accuracy. None where nobody has looked for duplicates."""
        known = [run.answers for run in self.done if run.answers and run.answers.in_train is not None]
        clean = [a.correct[~a.in_train] for a in known if a.in_train is not None]
        if not clean:
            return None
        return fmean(float(c.mean()) for c in clean) if len(clean[0]) else None, len(clean[0])

    @property
    def ranges(self) -> list[tuple[Run, Range]]:
        """Which classes each finished run answers at all, where its predictions can be read."""
        return [(run, found) for run in self.done if (found := answered(run)) is not None]

    @property
    def beaten(self) -> list[Against]:
        """The baselines that show it up: the majority class unless it is better, the nearest mean where it is worse."""
        return [
            one
            for one in self.against
            if (one.verdict != "better" if one.baseline.name == MAJORITY else one.verdict == "worse")
        ]

    @property
    def data(self) -> Data | None:
        """What it learned from."""
        return next((run.record.data for run in self.runs if run.record.data.source), None)

    def same_test(self, other: Rung) -> bool:
        """Whether both answered the same test rows, as far as their files tell."""
        if self.data and other.data and self.data.source != other.data.source:
            return False
        own, others = ([run.answers for run in rung.done if run.answers] for rung in (self, other))
        return not own or not others or own[0].same_rows(others[0])


def _given(values: Any) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: list[float]) -> float | None:
    return fmean(values) if values else None
