"""How labels come to be wrong: which class is written down where another is true, by maximum likelihood.

probabilities  (N, K), each row's by a model that has not learned from it
labels         (N,) as they are given, in 0 to K - 1

A network that learned from labels of which a share is wrong is only as sure as these let it be. What it says is taken
apart into what a row shows, its own probabilities at a temperature, and what becomes of that when it is written down, a
matrix (the two layers of Sukhbaatar et al. 2015, arXiv 1406.2080, and Goldberger and Ben-Reuven 2017, fitted after the
training). Unlike a count of disagreements it does not take the network's own mistakes for wrong labels: where it is
unsure, its probabilities say so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from escalera.evaluate.metrics import softmax

PRIOR = 100.0
"""Rows of each class that are taken to be as wrong as all labels are, whatever the class; few rows say little."""
_ROUNDS, _STILL = 100, 1e-4
"""Rounds of the matrix at most, and the change of its shares at which it is done."""
_SMALLEST = 1e-12


@dataclass(frozen=True)
class NoiseModel:
    """`matrix` (K, K) is P(given label | true class); a row shows the classes that a model says at `temperature`."""

    temperature: float
    matrix: NDArray[np.float64]

    def shown(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N, K): which class each row shows, whatever its label."""
        return softmax(np.log(np.maximum(probabilities, _SMALLEST)) / self.temperature)

    def wrong(self, probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """(N,): the probability that the given label is wrong."""
        true = _true(self.shown(probabilities), labels, self.matrix)
        found: NDArray[np.float64] = 1 - true[np.arange(len(labels)), labels]
        return found


def fit_noise(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], temperature: float | None = None
) -> NoiseModel:
    """The model under which the labels are likeliest; the `temperature` of other rows where these are too few for it.

    First the temperature and one share of wrong labels, each other class as likely; then the matrix, by expectation and
    maximisation from there.
    """
    logs = np.log(np.maximum(probabilities, _SMALLEST))
    temperature, share = _alike(logs, labels, temperature)
    classes = probabilities.shape[1]
    start = np.full((classes, classes), share / max(1, classes - 1))
    np.fill_diagonal(start, 1 - share)
    shown, matrix = softmax(logs / temperature), start
    given = np.zeros((len(labels), classes))
    given[np.arange(len(labels)), labels] = 1.0
    for _ in range(_ROUNDS):
        counts = _true(shown, labels, matrix).T @ given + PRIOR * start
        before, matrix = matrix, counts / counts.sum(axis=1, keepdims=True)
        if np.abs(matrix - before).max() < _STILL:
            break
    return NoiseModel(temperature, matrix)


def _true(shown: NDArray[np.float64], labels: NDArray[np.int64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, K): the probability of each class to be the true one, once the label is known."""
    both = shown * matrix[:, labels].T
    found: NDArray[np.float64] = both / np.maximum(both.sum(axis=1, keepdims=True), _SMALLEST)
    return found


def _alike(logs: NDArray[np.float64], labels: NDArray[np.int64], temperature: float | None) -> tuple[float, float]:
    """The temperature, unless it is known, and the share of wrong labels, if each other class is as likely."""
    from scipy.optimize import minimize

    everyone, others = np.arange(len(labels)), max(1, logs.shape[1] - 1)

    def loss(values: NDArray[np.float64]) -> float:
        share = 1 / (1 + np.exp(-values[0]))
        own = softmax(logs / (np.exp(values[1]) if temperature is None else temperature))[everyone, labels]
        return float(-np.log(np.maximum((1 - share) * own + share / others * (1 - own), _SMALLEST)).mean())

    # From two sides: a network may be too sure of itself, or not sure enough.
    starts = [[-3.0, 0.0], [-3.0, -0.7]] if temperature is None else [[-3.0]]
    best = min((minimize(loss, start, method="Nelder-Mead") for start in starts), key=lambda found: found.fun)
    share = float(1 / (1 + np.exp(-best.x[0])))
    return (float(np.exp(best.x[1])) if temperature is None else temperature), share
