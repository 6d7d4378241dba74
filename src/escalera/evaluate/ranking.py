"""How well a probability ranks the rows of a class before all others: ROC and precision-recall, class by class.

N rows, K classes. A class without rows, or with nothing else beside it, has no curve: its areas are NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POINTS = 101
"""Points of a curve as it is kept: the false-positive rate, or the recall, in hundredths."""

_AT_ONCE = 2_000_000
"""Probabilities that are sorted together."""


@dataclass(frozen=True)
class Curves:
    """ROC and precision-recall of every class against the rest.

    `auc` and `average_precision` (K,) are the areas, `tpr` and `precision` (K, POINTS) the curves over the
    false-positive rate and the recall. The `micro` ones take every (row, class) as a question of its own.
    """

    auc: NDArray[np.float64]
    average_precision: NDArray[np.float64]
    tpr: NDArray[np.float64]
    precision: NDArray[np.float64]
    micro_auc: float
    micro_average_precision: float

    @property
    def macro_auc(self) -> float:
        """The mean over the classes that have one."""
        return _mean(self.auc)

    @property
    def macro_average_precision(self) -> float:
        """The mean over the classes that have one."""
        return _mean(self.average_precision)


def rank(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> Curves:
    """The curves of probabilities (N, K) and labels (N,)."""
    rows, count = probabilities.shape
    tpr, precision = np.full((count, POINTS), np.nan), np.full((count, POINTS), np.nan)
    auc, average = np.full(count, np.nan), np.full(count, np.nan)
    positives = np.split(np.argsort(labels, kind="stable"), np.bincount(labels, minlength=count).cumsum()[:-1])
    every = _Passed(probabilities[np.arange(rows), labels])
    step = max(1, _AT_ONCE // rows)
    for first in range(0, count, step):
        columns = np.ascontiguousarray(probabilities[:, first : first + step].T)
        if count > 1:
            every.take(np.sort(columns, axis=None))
        for k, scores in enumerate(columns, start=first):
            if 0 < len(positives[k]) < rows:
                passed = _Passed(scores[positives[k]])
                passed.take(np.sort(scores))
                auc[k], average[k] = passed.areas()
                tpr[k], precision[k] = passed.curves()
    return Curves(auc, average, tpr, precision, *(every.areas() if count > 1 else (np.nan, np.nan)))


class _Passed:
    """How many pass each threshold, from the highest: those at which a row of the class passes say all.

    Between two of them the recall stands still. Equal scores pass together. Both (M, 2) hold what passes above a
    threshold, and what passes it: `hits` of the class, `taken` of all scores.
    """

    def __init__(self, positive: NDArray[np.float64]) -> None:
        thresholds, here = np.unique(positive, return_counts=True)
        self.thresholds = thresholds[::-1]
        hits = here[::-1].cumsum()
        self.hits = np.stack([hits - here[::-1], hits], axis=1).astype(np.float64)
        self.taken = np.zeros(self.hits.shape)
        self.total = 0

    def take(self, scores: NDArray[np.float64]) -> None:
        """Count scores, sorted from the lowest."""
        self.total += len(scores)
        for column, side in enumerate(("right", "left")):
            self.taken[:, column] += len(scores) - np.searchsorted(scores, self.thresholds, side)  # type: ignore[call-overload]

    def areas(self) -> tuple[float, float]:
        """The area under the ROC curve (trapezoids) and the average precision (steps), as scikit-learn has them."""
        false, recall = self._roc()
        gained = np.diff(self.hits, axis=1)[:, 0] / self.hits[-1, 1]
        return float(np.trapezoid(recall, false)), float((gained * self._precision()).sum())

    def curves(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The recall over the false-positive rate, and the precision over the recall, at POINTS places each."""
        grid = np.linspace(0, 1, POINTS)
        false, recall = self._roc()
        # The precision on reaching a recall; before any is reached it is that of the highest score.
        reached = np.searchsorted(self.hits[:, 1] / self.hits[-1, 1], grid - 1e-12)
        precision = self._precision()[reached.clip(max=len(self.hits) - 1)]
        if self.taken[0, 0]:
            precision[0] = 0
        return np.interp(grid, false, recall), precision

    def _roc(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """False-positive rate and recall at the corners of the curve, (2 M + 2,)."""
        most = self.hits[-1, 1]
        false = (self.taken - self.hits).ravel() / max(1.0, self.total - most)
        return np.r_[0, false, 1 if self.total > most else 0], np.r_[0, self.hits.ravel() / most, 1]

    def _precision(self) -> NDArray[np.float64]:
        return self.hits[:, 1] / self.taken[:, 1]


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
