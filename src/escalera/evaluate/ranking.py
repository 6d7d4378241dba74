"""How well a probability ranks the rows of a class before all others: ROC and precision-recall, class by class.

N rows, K classes. A class without rows, or with nothing else beside it, has no curve: its areas are NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

POINTS = 101
"""Points of a curve as it is kept: the false-positive rate, or the recall, in hundredths."""


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
    count = probabilities.shape[1]
    tpr, precision = np.full((count, POINTS), np.nan), np.full((count, POINTS), np.nan)
    auc, average = np.full(count, np.nan), np.full(count, np.nan)
    grid = np.linspace(0, 1, POINTS)
    for k in range(count):
        positive = labels == k
        if 0 < positive.sum() < len(labels):
            recall, false, right = _counts(probabilities[:, k], positive)
            auc[k], average[k] = _areas(recall, false, right)
            tpr[k] = np.interp(grid, np.r_[0, false], np.r_[0, recall])
            # The precision on reaching a recall; beyond the last threshold there is none.
            precision[k] = right[np.searchsorted(recall, grid - 1e-12).clip(max=len(right) - 1)]
    micro = (np.nan, np.nan)
    if count > 1:
        each = np.zeros(probabilities.shape, dtype=bool)
        each[np.arange(len(labels)), labels] = True
        micro = _areas(*_counts(probabilities.ravel(), each.ravel()))
    return Curves(auc, average, tpr, precision, *micro)


def _counts(
    scores: NDArray[np.float64], positive: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Recall, false-positive rate and precision at each threshold, from the highest; equal scores pass together."""
    order = np.argsort(-scores, kind="stable")
    ends = np.r_[np.flatnonzero(np.diff(scores[order])), len(scores) - 1]
    hits = np.cumsum(positive[order])[ends].astype(np.float64)
    taken = ends + 1.0
    return hits / hits[-1], (taken - hits) / max(1.0, taken[-1] - hits[-1]), hits / taken


def _areas(
    recall: NDArray[np.float64], false: NDArray[np.float64], precision: NDArray[np.float64]
) -> tuple[float, float]:
    """The area under the ROC curve (trapezoids) and the average precision (steps), as scikit-learn has them."""
    auc = float(np.trapezoid(np.r_[0, recall], np.r_[0, false]))
    return auc, float((np.diff(np.r_[0, recall]) * precision).sum())


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")
