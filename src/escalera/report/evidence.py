"""What a run's predictions say, gathered once: metrics with their intervals, the classes, how sure it was of each row.

N test rows in the order of their numbers, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from escalera.core.record import PerClass
from escalera.evaluate.confusion import Confusion
from escalera.evaluate.intervals import intervals
from escalera.evaluate.metrics import Tallies, metrics, parts, per_class, softmax, tally, total
from escalera.evaluate.ranking import Curves, rank
from escalera.report.runs import Run


@dataclass(frozen=True)
class Evidence:
    """One run's answers, judged.

    `rows`, `labels` and `predicted` (N,); `confidence` (N,) is the probability of the class predicted, `of_truth` that
    of the true one, `margin` by how much the likeliest class leads.
    """

    classes: list[str]
    rows: NDArray[np.int64]
    tallies: Tallies
    metrics: dict[str, float]
    curves: Curves
    per_class: list[PerClass]
    confusion: Confusion
    confidence: NDArray[np.float32]
    of_truth: NDArray[np.float32]
    margin: NDArray[np.float32]

    @cached_property
    def intervals(self) -> dict[str, tuple[float, float]]:
        """Of each metric; drawn when they are needed, since that takes longer than all else here."""
        return intervals(self.tallies)

    @property
    def labels(self) -> NDArray[np.int64]:
        """(N,): the true classes."""
        return self.tallies.labels

    @property
    def predicted(self) -> NDArray[np.int64]:
        """(N,): the classes that the run said."""
        return self.tallies.predicted

    @property
    def right(self) -> NDArray[np.bool_]:
        """(N,): whether it was right."""
        return self.tallies.right


def gather(run: Run) -> Evidence | None:
    """The evidence of a finished run; None where its predictions cannot be read."""
    if run.answers is None:
        return None
    logits, labels = run.logits(), run.answers.labels
    tallies = tally(logits, labels)
    probabilities = softmax(logits)
    del logits
    sums = total(tallies)
    values = {name: float(value) for name, value in metrics(sums).items()}
    everyone = np.arange(len(labels))
    return Evidence(
        classes=run.classes,
        rows=run.answers.rows,
        tallies=tallies,
        metrics=values,
        curves=rank(probabilities, labels),
        per_class=[PerClass(**row) for row in per_class(sums, run.classes)],
        confusion=Confusion.of(labels, tallies.predicted, tallies.classes),
        confidence=probabilities[everyone, tallies.predicted].astype(np.float32),
        of_truth=probabilities[everyone, labels].astype(np.float32),
        margin=_margins(probabilities),
    )


def _margins(probabilities: NDArray[np.float64]) -> NDArray[np.float32]:
    """(N,): by how much the likeliest class leads."""
    if probabilities.shape[1] < 2:
        return np.ones(len(probabilities), np.float32)
    margins = np.empty(len(probabilities), np.float32)
    for rows in parts(probabilities.shape):
        two = np.partition(probabilities[rows], -2, axis=1)[:, -2:]
        margins[rows] = two[:, 1] - two[:, 0]
    return margins
