"""Which labels are likely wrong: confident learning (Northcutt, Jiang and Chuang 2021, arXiv 1911.00068).

probabilities  (N, K), each row's by a model that has not learned from it
labels         (N,) as they are given, in 0 to K - 1
joint          (K, K): of all rows, the share that has the given label i and shows class j
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Noise:
    """What confident learning says of rows.

    `flagged` (N,) are those whose label is likely wrong, `suggested` (N,) the likeliest other class of each row,
    `confidence` (N,) the probability of that, and `of_given` (N,) that of the given label: the smaller, the more likely
    is it wrong. Planted errors are ranked better by it than by how far the other leads (docs/results/trust.md).
    """

    joint: NDArray[np.float64]
    flagged: NDArray[np.bool_]
    suggested: NDArray[np.int64]
    confidence: NDArray[np.float64]
    of_given: NDArray[np.float64]

    @property
    def ranked(self) -> NDArray[np.int64]:
        """The flagged rows, the likeliest errors first."""
        rows = np.flatnonzero(self.flagged)
        return rows[np.argsort(self.of_given[rows], kind="stable")]


def thresholds(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(K,): how sure the model is, on average, of the class of the rows that are given it; 1 for a class of none."""
    classes = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    counts = np.bincount(labels, minlength=classes)
    return np.where(counts > 0, np.bincount(labels, own, classes) / np.maximum(counts, 1), 1.0)


def confident_joint(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], least: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The joint of given and shown classes, from the rows of which the model is as sure as `least` (K,) of a class.

    A row counts for the likeliest of those classes; each given class is then scaled to the rows that it has.
    """
    classes = probabilities.shape[1]
    counted, shown = _confident(probabilities, least)
    found = np.zeros((classes, classes))
    np.add.at(found, (labels[counted], shown[counted]), 1)
    # A class of which the model is never sure is taken to be labelled rightly.
    np.fill_diagonal(found, np.maximum(found.diagonal(), 1))
    found *= (np.bincount(labels, minlength=classes) / found.sum(axis=1))[:, None]
    joint: NDArray[np.float64] = found / found.sum()
    return joint


def find_noise(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], least: NDArray[np.float64] | None = None
) -> Noise:
    """Confident learning over some rows; `least` (K,) are the thresholds of others, where these are too few for own.

    Flagged are the rows that count beside the diagonal: confidently of another class than the given one, which is
    not the likeliest either.
    """
    least = thresholds(probabilities, labels) if least is None else least
    everyone = np.arange(len(labels))
    counted, shown = _confident(probabilities, least)
    others = probabilities.copy()
    others[everyone, labels] = -1.0
    suggested = others.argmax(axis=1)
    confidence = others[everyone, suggested]
    of_given = probabilities[everyone, labels]
    return Noise(
        joint=confident_joint(probabilities, labels, least),
        flagged=counted & (shown != labels) & (confidence > of_given),
        suggested=suggested,
        confidence=confidence,
        of_given=of_given,
    )


def _confident(
    probabilities: NDArray[np.float64], least: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Which rows (N,) reach the threshold of a class, less a hair for the rounding, and the likeliest such class."""
    reached: NDArray[np.bool_] = probabilities >= least - 1e-6
    shown: NDArray[np.int64] = np.where(reached, probabilities, -1.0).argmax(axis=1)
    return np.any(reached, axis=1), shown
