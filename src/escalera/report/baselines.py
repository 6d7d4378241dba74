"""What stands below every rung: the answers that need no network, and whether a run answers more than a few classes.

S seeds, N test rows
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from escalera.core.predictions import Answers
from escalera.evaluate.baselines import MAJORITY, NAMES
from escalera.evaluate.compare import Comparison, Verdict, holm, verdict
from escalera.evaluate.paired import figure, judge
from escalera.report.runs import Run

Variety = Literal["one", "few", "some", "all"]


@dataclass(frozen=True)
class Baseline:
    """An answer that needs no network: its figure, what it says of each row (N,), and the class if it has but one.

    `name` is `majority`, `nearest_mean_images` or `nearest_mean_attributes`.
    """

    name: str
    answer: str | None
    score: float
    predicted: NDArray[np.int64]

    def is_same(self, other: Baseline) -> bool:
        """Whether a person reads the same: rungs that see pictures of another size have a nearest mean of their own."""
        alike = (self.name, self.answer) == (other.name, other.answer)
        return alike and f"{100 * self.score:.1f}" == f"{100 * other.score:.1f}"


@dataclass(frozen=True)
class Against:
    """A rung against a baseline on the same rows; `p` is corrected for all rungs that stand beside that baseline."""

    baseline: Baseline
    comparison: Comparison
    p: float
    verdict: Verdict


@dataclass(frozen=True)
class Range:
    """Which classes a run answers at all, the most frequent answer first, and which of the test rows' it never does."""

    predicted: list[str]
    never: list[str]
    variety: Variety


def baselines(runs: Sequence[Run], metric: str) -> list[Baseline]:
    """Those that the first run stands beside, from the one that knows least; none for a run of earlier versions."""
    for run in runs:
        if run.answers is not None:
            return _of(run, run.answers, metric)
    return []


def _of(run: Run, answers: Answers, metric: str) -> list[Baseline]:
    found = []
    for name in NAMES:
        predicted = answers.others.get(f"baseline:{name}")
        if predicted is None or len(predicted) != 1:
            continue
        known = name == MAJORITY and 0 <= predicted[0, 0] < len(run.classes) and np.ptp(predicted) == 0
        if name == MAJORITY and not known:
            continue
        score = figure(metric, answers.labels, predicted[0], answers.classes)
        answer = run.classes[predicted[0, 0]] if name == MAJORITY else None
        found.append(Baseline(name, answer, score, predicted[0]))
    return found


def against(rungs: Sequence[tuple[Sequence[Baseline], Sequence[Answers]]], metric: str) -> list[list[Against]]:
    """Each rung, its seeds on the same rows, against its baselines; Holm's correction over the rungs of each."""

    def compared(baseline: Baseline, answers: Sequence[Answers]) -> Comparison:
        after, first = np.stack([one.predicted for one in answers]), answers[0]
        return judge(metric, first.labels, baseline.predicted[None], after, first.classes)

    found: list[list[Against]] = [[] for _ in rungs]
    for name in NAMES:
        drafts = [
            (place, baseline, compared(baseline, answers))
            for place, (below, answers) in enumerate(rungs)
            for baseline in below
            if baseline.name == name and answers and all(answers[0].same_rows(other) for other in answers)
        ]
        corrected = holm([comparison.evidence for _, _, comparison in drafts])
        for (place, baseline, comparison), p in zip(drafts, corrected, strict=True):
            found[place].append(Against(baseline, comparison, p, verdict(comparison, p)))
    return found


def answered(run: Run) -> Range | None:
    """The range of a run's answers; None where its predictions cannot be read or there is but one class."""
    answers, names = run.answers, run.classes
    if answers is None or len(names) < 2:
        return None
    predicted = np.bincount(answers.predicted, minlength=len(names))
    present = np.bincount(answers.labels, minlength=len(names)) > 0
    order = [int(k) for k in np.argsort(-predicted, kind="stable") if predicted[k]]
    never = [names[k] for k in np.flatnonzero(present & (predicted == 0))]
    variety: Variety = "one" if len(order) == 1 else "few" if len(order) <= present.sum() / 2 else "some"
    return Range([names[k] for k in order], never, variety if never or len(order) == 1 else "all")
