"""What was taken for what: the confusion matrix by its cells that are not zero, which are no more than the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

DENSE = 100
"""Classes up to which metrics.json holds the whole matrix; with 3,000 it would be 99 MB."""


@dataclass(frozen=True)
class Confusion:
    """Cell i: `rows[i]` rows of the class `truth[i]` were taken for `predicted[i]`; all (M,), by class numbers."""

    classes: int
    truth: NDArray[np.int64]
    predicted: NDArray[np.int64]
    rows: NDArray[np.int64]

    @classmethod
    def of(cls, labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> Self:
        """That of labels (N,) and predicted classes (N,)."""
        cells, rows = np.unique(labels * classes + predicted, return_counts=True)
        return cls(classes, cells // classes, cells % classes, rows.astype(np.int64))

    @classmethod
    def read(cls, value: Any, classes: int) -> Self | None:
        """That which metrics.json holds, whole or by its cells; None where it does not fit so many classes."""
        try:
            if isinstance(value, list):
                matrix = np.array(value, np.int64)
                truth, predicted = np.nonzero(matrix)
                rows = matrix[truth, predicted]
                fits = matrix.shape == (classes, classes)
            else:
                truth, predicted, rows = (np.array(value[key], np.int64) for key in ("truth", "said", "rows"))
                inside = all(((which >= 0) & (which < classes)).all() for which in (truth, predicted))
                fits = truth.ndim == 1 and truth.shape == predicted.shape == rows.shape and inside
        except (ValueError, TypeError, KeyError, IndexError, OverflowError):
            return None
        return cls(classes, truth, predicted, rows) if fits and len(rows) and rows.min() > 0 else None

    def whole(self) -> NDArray[np.int64]:
        """(K, K): a row for each true class."""
        matrix = np.zeros((self.classes, self.classes), np.int64)
        np.add.at(matrix, (self.truth, self.predicted), self.rows)
        return matrix

    def kept(self) -> Any:
        """As JSON: a list of rows, or with many classes the cells."""
        if self.classes <= DENSE:
            return self.whole().tolist()
        # "said" is the word that runs of earlier versions have.
        return {"truth": self.truth.tolist(), "said": self.predicted.tolist(), "rows": self.rows.tolist()}

    @property
    def support(self) -> NDArray[np.int64]:
        """(K,): rows of each class."""
        return np.bincount(self.truth, self.rows, minlength=self.classes).astype(np.int64)

    def depths(self) -> NDArray[np.float64]:
        """(M,), 0 to 1: of the right cells their share of the class; of the wrong ones theirs over the largest."""
        shares: NDArray[np.float64] = self.rows / np.maximum(1, self.support)[self.truth]
        wrong = self.truth != self.predicted
        most = float(shares[wrong].max(initial=0)) or 1.0
        return np.where(wrong, 0.85 * shares / most, shares)

    def pairs(self, most: int) -> list[tuple[int, int, int, float]]:
        """(true class, class it was taken for, rows, share of the class), the most frequent mistakes first."""
        wrong = np.flatnonzero(self.truth != self.predicted)
        order = wrong[np.argsort(-self.rows[wrong], kind="stable")][:most]
        support = self.support
        return [
            (
                int(self.truth[i]),
                int(self.predicted[i]),
                int(self.rows[i]),
                float(self.rows[i] / support[self.truth[i]]),
            )
            for i in order
            if self.rows[i]
        ]
