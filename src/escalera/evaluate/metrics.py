"""What logits are worth: accuracy, loss, calibration, the confusion matrix and the figures of each class.

N rows, K classes. Every figure is made of sums over the rows (`Tallies`), in float64, so that it equals scikit-learn's
and can be drawn anew from other rows (`intervals.py`) by the very same lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from escalera.core.errors import DataError
from escalera.evaluate.confusion import Confusion

BINS = 15
"""Bins of confidence of the calibration error, as in Guo et al. (2017, arXiv 1706.04599)."""
_AT_ONCE = 2_000_000
"""Logits that are looked at together, in double precision."""
TOP_FIVE_FROM = 10
"""Classes from which being among the five likeliest says something."""


def softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """Probabilities from logits (..., K), along the last axis; safe for logits of any size."""
    logits = np.asarray(logits)
    if logits.ndim != 2:
        return np.exp(_log_softmax(logits.astype(np.float64)))
    found = np.empty(logits.shape)
    for rows in parts(logits.shape):
        np.exp(_log_softmax(logits[rows].astype(np.float64)), out=found[rows])
    return found


@dataclass(frozen=True)
class Tallies:
    """What each row adds to the sums that the metrics are made of.

    `labels` and `predicted` (N,) are class numbers; `bins` (N,) is the bin of the row's confidence, `gap` (N,) that
    confidence less 1 where the row is right; `values` (N, 3) are its log loss, its squared error and whether the truth
    is among the five likeliest.
    """

    classes: int
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    bins: NDArray[np.int64]
    gap: NDArray[np.float64]
    values: NDArray[np.float64]

    @property
    def right(self) -> NDArray[np.bool_]:
        """(N,): whether the class said is the true one."""
        right: NDArray[np.bool_] = self.labels == self.predicted
        return right


@dataclass(frozen=True)
class Sums:
    """Sums over all rows or many draws: `right`, `support`, `predicted` (..., K), `gap` (..., BINS), `values`."""

    right: NDArray[np.float64]
    support: NDArray[np.float64]
    predicted: NDArray[np.float64]
    gap: NDArray[np.float64]
    values: NDArray[np.float64]


def tally(logits: ArrayLike, labels: ArrayLike) -> Tallies:
    """The rows' part in every sum: logits (N, K) and labels (N,) as class numbers.

    The class said is the first of those with the greatest logit, and of equal ones the first is the likelier.
    """
    logits, labels = np.asarray(logits), np.asarray(labels, dtype=np.int64)
    tallied = [_tallied(logits[rows].astype(np.float64), labels[rows]) for rows in parts(logits.shape)]
    predicted, bins, gap, values = (np.concatenate(column) for column in zip(*tallied, strict=True))
    return Tallies(logits.shape[1], labels, predicted, bins, gap, values)


def _tallied(
    logits: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """`predicted`, `bins`, `gap` and `values` of some rows."""
    everyone = np.arange(len(labels))
    predicted = logits.argmax(axis=1)
    log_probabilities = _log_softmax(logits)
    probabilities = np.exp(log_probabilities)
    confidence = probabilities[everyone, predicted]
    of_truth = probabilities[everyone, labels]
    brier = (probabilities**2).sum(axis=1) - 2 * of_truth + 1
    own = logits[everyone, labels][:, None]
    before = (logits > own).sum(axis=1) + ((logits == own) & (np.arange(logits.shape[1]) < labels[:, None])).sum(axis=1)
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    values = np.stack([-log_probabilities[everyone, labels], brier, before < 5], axis=1)
    return predicted, bins, confidence - (predicted == labels), values


def parts(shape: tuple[int, ...]) -> list[slice]:
    """The rows of (N, K) in parts of so many cells that what is made of them on the way takes little memory."""
    step = max(1, _AT_ONCE // max(1, shape[1]))
    return [slice(start, start + step) for start in range(0, max(1, shape[0]), step)]


def total(tallies: Tallies) -> Sums:
    """The sums over all rows."""
    count, right = tallies.classes, tallies.right

    def per_class(which: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.bincount(which, minlength=count).astype(np.float64)

    return Sums(
        right=per_class(tallies.labels[right]),
        support=per_class(tallies.labels),
        predicted=per_class(tallies.predicted),
        gap=np.bincount(tallies.bins, weights=tallies.gap, minlength=BINS).astype(np.float64),
        values=tallies.values.sum(axis=0),
    )


Counts = NDArray[np.float64]
"""Of rows, by class (..., K): those that are right, those that there are, or those that were said to be of it."""


def accuracy(right: Counts, support: Counts, predicted: Counts) -> NDArray[np.float64]:
    """The share of the rows that are right, (...)."""
    share: NDArray[np.float64] = right.sum(axis=-1) / support.sum(axis=-1)
    return share


def balanced_accuracy(right: Counts, support: Counts, predicted: Counts) -> NDArray[np.float64]:
    """The mean recall of the classes that have rows, (...)."""
    share: NDArray[np.float64] = _share(right, support).sum(axis=-1) / (support > 0).sum(axis=-1)
    return share


def macro_f1(right: Counts, support: Counts, predicted: Counts) -> NDArray[np.float64]:
    """The mean F1 over all classes, (...); of a class that has no rows and was never said it is 0."""
    share: NDArray[np.float64] = _share(2 * right, support + predicted).mean(axis=-1)
    return share


SHARES = {"accuracy": accuracy, "balanced_accuracy": balanced_accuracy, "macro_f1": macro_f1}
"""The metrics that a ladder may be judged by, each made of three counts of each class."""


def metrics(sums: Sums) -> dict[str, NDArray[np.float64]]:
    """Every metric of one total or of many draws, (...); a quotient without a denominator is 0.

    The Brier score is the sum of squares over the classes (0 to 2); the calibration error is in shares.
    """
    rows = sums.support.sum(axis=-1)
    counts = sums.right, sums.support, sums.predicted
    loss, brier, top_five = np.moveaxis(sums.values / rows[..., None], -1, 0)
    found = {
        "accuracy": accuracy(*counts),
        "balanced_accuracy": balanced_accuracy(*counts),
        "top5": top_five,
        "loss": loss,
        "macro_f1": macro_f1(*counts),
        "brier": brier,
        "calibration_error": np.abs(sums.gap).sum(axis=-1) / rows,
    }
    if sums.support.shape[-1] < TOP_FIVE_FROM:
        del found["top5"]
    return found


def measure(logits: ArrayLike, labels: ArrayLike, classes: Sequence[str]) -> dict[str, Any]:
    """Every figure of one split, ready for JSON: the metrics, `per_class`, and the confusion matrix.

    logits (N, K) and labels (N,) as class numbers. `confusion[i][j]` counts the rows of class i taken for class j; with
    many classes it holds the cells that are not zero, as `Confusion.kept` gives them.
    Raises DataError where the shapes disagree, a label is no class, or a logit is not finite.
    """
    checked = _checked(np.asarray(logits, dtype=np.float64), np.asarray(labels), len(classes))
    tallies = tally(*checked)
    sums = total(tallies)
    return {
        **{name: float(value) for name, value in metrics(sums).items()},
        "per_class": per_class(sums, classes),
        "confusion": Confusion.of(tallies.labels, tallies.predicted, len(classes)).kept(),
    }


def per_class(sums: Sums, classes: Sequence[str]) -> list[dict[str, Any]]:
    """Of each class its name, precision, recall, F1 and rows (`support`), from one total.

    A class without rows has no recall (None); one that was never answered has a precision of 0, as in scikit-learn.
    """
    precision, recall = _share(sums.right, sums.predicted), _share(sums.right, sums.support)
    f1 = _share(2 * sums.right, sums.support + sums.predicted)
    return [
        {
            "name": str(name),
            "precision": float(precision[k]),
            "recall": float(recall[k]) if sums.support[k] else None,
            "f1": float(f1[k]),
            "support": int(sums.support[k]),
        }
        for k, name in enumerate(classes)
    ]


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """log(softmax) of (..., K): the greatest logit is taken off first, so no exponential overflows."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


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
