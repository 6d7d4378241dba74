"""What happened on a ladder, read from its files: the rungs, their runs, and what each step brought.

Needs neither model nor GPU, and nothing that draws; the page and the command line's table are told from this.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

import numpy as np

from escalera.core.errors import RunError
from escalera.core.fault import Fault
from escalera.core.names import is_name, there
from escalera.core.neighbours import no_ladder
from escalera.core.record import Change, Data, LadderFile, Text
from escalera.core.rundir import read_sealed
from escalera.evaluate.baselines import ATTRIBUTES, MAJORITY, NAMES
from escalera.evaluate.compare import Comparison, Verdict, accuracy_interval, compare, holm, verdict
from escalera.report.baselines import Against, Baseline, Range, against, answered, baselines
from escalera.report.runs import Run, State, read_run

Obstacle = Literal["unfinished", "no-parent", "no-predictions", "other-rows"]


@dataclass(frozen=True)
class Step:
    """From a parent to a rung. Where the two cannot be compared, `obstacle` says why and the rest is None."""

    rung: str
    parent: str
    comparison: Comparison | None = None
    p: float | None = None
    verdict: Verdict | None = None
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
    def deviation(self) -> float | None:
        """The seed noise: deviation of the test accuracy between seeds; None with fewer than two."""
        return stdev(self.accuracies) if len(self.accuracies) > 1 else None

    @property
    def loss(self) -> float | None:
        """Mean test loss over the seeds."""
        return _mean(_given(run.metrics.test.loss for run in self.done))

    @property
    def validation(self) -> float | None:
        """Mean validation accuracy over the seeds."""
        return _mean(_given(run.metrics.validation.accuracy for run in self.done))

    @property
    def validation_loss(self) -> float | None:
        """Mean validation loss over the seeds."""
        return _mean(_given(run.metrics.validation.loss for run in self.done))

    @property
    def seconds(self) -> float | None:
        """Mean training time of a run."""
        return _mean(_given(run.record.seconds for run in self.done))

    @property
    def test_rows(self) -> int | None:
        """How many pictures the accuracy was measured on."""
        counts = (
            run.record.data.rows.test or sum(c.support or 0 for c in run.metrics.test.per_class) for run in self.done
        )
        return next(filter(None, counts), None)

    @property
    def interval(self) -> tuple[float, float] | None:
        """The test noise: the 95 % interval of the mean accuracy, had other pictures of the same kind been drawn."""
        if self.accuracy is None or self.test_rows is None:
            return None
        return accuracy_interval(self.accuracy, self.test_rows)

    @property
    def unseen(self) -> tuple[float, int] | None:
        """The mean accuracy on the test rows that have no duplicate in train, and how many they are."""
        known = [run.answers for run in self.done if run.answers and run.answers.in_train is not None]
        clean = [a.correct[~a.in_train] for a in known if a.in_train is not None]
        return (fmean(float(c.mean()) for c in clean), len(clean[0])) if clean and len(clean[0]) else None

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


@dataclass(frozen=True)
class Story:
    """A ladder as it was climbed. `overall` compares the best rung with the first one that finished."""

    path: Path
    name: str
    title: Text | None
    command: str
    rungs: list[Rung]
    overall: Comparison | None = field(default=None)

    @classmethod
    def of(cls, path: Path, name: str, title: Text | None, command: str, rungs: list[Rung]) -> Story:
        """The story of rungs that have their steps already."""
        story = cls(path, name, title, command, rungs)
        if story.best and story.first and story.best is not story.first:
            return replace(story, overall=_compared(story.first, story.best)[0])
        return story

    @property
    def steps(self) -> list[Step]:
        """The steps in the order of the rungs."""
        return [rung.step for rung in self.rungs if rung.step]

    @property
    def scored(self) -> list[Rung]:
        """The rungs with a test accuracy."""
        return [rung for rung in self.rungs if rung.accuracy is not None]

    @property
    def contenders(self) -> list[Rung]:
        """Those of the scored rungs that answered the same test rows as the last of them.

        A rung that only lends its weights may have learned something else, and its accuracy is another's business.
        """
        return [rung for rung in self.scored if rung.same_test(self.scored[-1])]

    @property
    def baselines(self) -> list[Baseline]:
        """What the contenders stand beside, from the one that knows least."""
        below = [one.baseline for rung in self.contenders for one in rung.against]
        return [next(b for b in below if b.name == name) for name in NAMES if any(b.name == name for b in below)]

    @property
    def tabular(self) -> bool:
        """Whether some rung reads a table: what is answered are then rows, and not images alone."""
        return any(one.baseline.name == ATTRIBUTES for rung in self.rungs for one in rung.against)

    @property
    def elsewhere(self) -> list[Rung]:
        """The scored rungs that answered other test rows than the contenders."""
        return [rung for rung in self.scored if not rung.same_test(self.scored[-1])]

    @property
    def first(self) -> Rung | None:
        """The lowest of the contenders."""
        return next(iter(self.contenders), None)

    @property
    def best(self) -> Rung | None:
        """The contender with the highest test accuracy, the earlier one of equals."""
        return max(self.contenders, key=lambda rung: rung.accuracy or 0.0, default=None)

    def rung(self, name: str | None) -> Rung | None:
        """A rung by its name."""
        return next((rung for rung in self.rungs if rung.name == name), None)

    @property
    def chosen(self) -> Rung | None:
        """The contender that validation alone would have chosen; None where one of them has no validation.

        Few rows of validation leave ties: of equal accuracies the smaller loss decides.
        """
        if any(rung.validation is None for rung in self.contenders):
            return None
        return max(self.contenders, key=lambda rung: (rung.validation or 0.0, -_or(rung.validation_loss)), default=None)


def steps(ladder_dir: Path) -> list[Step]:
    """What each rung brought over its parent, in the order of the ladder."""
    return read_story(ladder_dir).steps


def read_story(ladder_dir: Path) -> Story:
    """Read `<out>/<ladder>`; what is amiss in a run is a fault of that run.

    Raises RunError where ladder.json is absent, names no rung, or has a name that cannot be a folder.
    """
    ladder_dir = there(ladder_dir)
    path = ladder_dir / "ladder.json"
    if not path.is_file() and (why := no_ladder(ladder_dir)):
        raise RunError(why)
    faults: list[Fault] = []
    ladder = LadderFile.read(read_sealed(path), path.name, faults)
    names = [rung.name for rung in ladder.rungs]
    if not names or faults:
        what = "; ".join(map(str, faults)) or "it names no rung"
        raise RunError(f"could not use {path}: {what}. Climb the ladder again to make it anew.")
    for name in names:
        # A name is a folder: none may lead out of the ladder's own.
        if not is_name(name) or names.count(name) > 1:
            raise RunError(f"could not use {path}: expected every rung to have a name of its own, received {name!r}.")
    rungs = [
        Rung(
            name=entry.name,
            why=entry.why,
            parent=entry.parent,
            change=entry.change,
            runs=[read_run(ladder_dir / entry.name / f"seed-{seed}", seed) for seed in entry.seeds],
            as_asked=entry.as_asked,
        )
        for entry in ladder.rungs
    ]
    return Story.of(ladder_dir, ladder.name or ladder_dir.name, ladder.title, ladder.command, with_steps(rungs))


def with_steps(rungs: Sequence[Rung]) -> list[Rung]:
    """The rungs with their steps and baselines: Holm's correction looks at all comparisons together."""
    by_name = {rung.name: rung for rung in rungs}
    drafts: dict[str, Step] = {}
    for rung in rungs:
        if rung.parent is not None:
            comparison, obstacle = _compared(by_name.get(rung.parent), rung)
            drafts[rung.name] = Step(rung.name, rung.parent, comparison, obstacle=obstacle)
    compared = [(step, step.comparison) for step in drafts.values() if step.comparison]
    for (step, comparison), p in zip(compared, holm([c.evidence for _, c in compared]), strict=True):
        drafts[step.rung] = replace(step, p=p, verdict=verdict(comparison, p))
    below = against([(baselines(rung.done), [run.answers for run in rung.done if run.answers]) for rung in rungs])
    return [replace(rung, step=drafts.get(rung.name), against=found) for rung, found in zip(rungs, below, strict=True)]


def _compared(parent: Rung | None, rung: Rung) -> tuple[Comparison | None, Obstacle | None]:
    if parent is None:
        return None, "no-parent"
    if not parent.done or not rung.done:
        return None, "unfinished"
    before = [run.answers for run in parent.done if run.answers]
    after = [run.answers for run in rung.done if run.answers]
    if not before or not after:
        return None, "no-predictions"
    alike = all(seeds[0].same_rows(other) for seeds in (before, after) for other in seeds[1:])
    if not alike or not parent.same_test(rung):
        return None, "other-rows"
    return compare(np.stack([a.correct for a in before]), np.stack([a.correct for a in after])), None


def _given(values: Any) -> list[float]:
    return [value for value in values if value is not None]


def _or(value: float | None) -> float:
    return inf if value is None else value


def _mean(values: list[float]) -> float | None:
    return fmean(values) if values else None
