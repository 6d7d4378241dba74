"""What logits are worth: accuracy, loss, the confusion matrix and the figures of each class.

N rows, K classes. Everything is computed in float64 from the counts, so it equals scikit-learn's figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from escalera.errors import DataError


def softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """Probabilities from logits (..., K), along the last axis; safe for logits of any size."""
    return np.exp(_log_softmax(np.asarray(logits, dtype=np.float64)))


def measure(logits: ArrayLike, labels: ArrayLike, classes: Sequence[str]) -> dict[str, Any]:
    """Every figure of one split, ready for JSON.

    logits (N, K) and labels (N,) as class numbers. The class predicted is the first of those with the greatest logit;
    a quotient without a denominator is 0. `confusion[i][j]` counts the rows of class i that were taken for class j.
    Raises DataError where the shapes disagree, a label is no class, or a logit is not finite.
    """
    logits, labels = _checked(np.asarray(logits, dtype=np.float64), np.asarray(labels), len(classes))
    count = len(classes)
    confusion = np.bincount(labels * count + logits.argmax(axis=1), minlength=count * count).reshape(count, count)
    right, support, predicted = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall, f1 = _share(right, predicted), _share(right, support), _share(2 * right, support + predicted)
    return {
        "accuracy": float(right.sum() / len(labels)),
        "loss": float(-_log_softmax(logits)[np.arange(len(labels)), labels].mean()),
        "macro_f1": float(f1.mean()),
        "per_class": [
            {
                "name": str(name),
                "precision": float(precision[k]),
                "recall": float(recall[k]),
                "f1": float(f1[k]),
                "support": int(support[k]),
            }
            for k, name in enumerate(classes)
        ],
        "confusion": confusion.tolist(),
    }


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(softmax) of (..., K): the greatest logit is taken off first, so no exponential overflows."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)


def _checked(
    logits: NDArray[np.float64], labels: NDArray[Any], count: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    if logits.ndim != 2 or logits.shape[1] != count or labels.shape != logits.shape[:1]:
        raise DataError(
            f"measure: expected logits (N, {count}) and labels (N,), received {logits.shape} and {labels.shape}."
        )
    if len(labels) == 0:
        raise DataError("measure: expected at least one row, received none.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"measure: expected whole numbers as labels, received {labels.dtype}.")
    outside = labels[(labels < 0) | (labels >= count)]
    if len(outside):
        raise DataError(f"measure: expected labels from 0 to {count - 1}, received {outside[0]}.")
    broken = ~np.isfinite(logits).all(axis=1)
    if broken.any():
        raise DataError(
            f"measure: expected finite logits, received {logits[broken][0].tolist()} in row {int(broken.argmax())}."
        )
    return logits, labels.astype(np.int64)
