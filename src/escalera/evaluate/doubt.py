"""How far a probability can be believed: temperature scaling, sets of classes with a promised coverage, and rejection.

logits         (N, K)
probabilities  (N, K)
labels         (N,) as class numbers
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from escalera.evaluate.metrics import softmax

_COLDEST, _HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Doubt:
    """What a run learned of its own doubt: logits are divided by `temperature`, fitted on validation.

    A set holds the classes whose probability is `least` or more, so that it has the true one in a share `coverage` of
    new rows; `rows` calibrated it. Both are None where no coverage was asked for.
    """

    temperature: float
    coverage: float | None = None
    least: float | None = None
    rows: int | None = None

    def probabilities(self, logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Those of logits at this temperature."""
        return softmax(logits / self.temperature)

    def sets(self, probabilities: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        """(N, K): which classes are in each row's set; none where the model is sure of none."""
        found: NDArray[np.bool_] = probabilities >= (self.least or 0.0)
        return found

    def held(self, probabilities: NDArray[np.floating[Any]], classes: Sequence[str]) -> list[str]:
        """The classes in the set of one row (K,), the likeliest first."""
        inside = self.sets(probabilities)
        return [classes[k] for k in (-probabilities).argsort(kind="stable") if inside[k]]


def fit_temperature(logits: NDArray[np.floating[Any]], labels: NDArray[np.int64]) -> float:
    """The temperature under which the labels are likeliest (Guo et al. 2017, arXiv 1706.04599); no class changes."""
    from scipy.optimize import minimize_scalar

    everyone, own = np.arange(len(labels)), logits.astype(np.float64)

    def loss(log_temperature: float) -> float:
        scaled = own * np.exp(-log_temperature)
        scaled -= scaled.max(axis=1, keepdims=True)
        return float((np.log(np.exp(scaled).sum(axis=1)) - scaled[everyone, labels]).mean())

    found = minimize_scalar(loss, bounds=(np.log(_COLDEST), np.log(_HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def least_probability(probabilities: NDArray[np.float64], labels: NDArray[np.int64], coverage: float) -> float:
    """The probability from which a class is in a set: split conformal prediction with the plain score.

    A new row's set then holds its class with probability `coverage` or more, whatever the model (Vovk et al. 2005;
    Sadinle, Lei and Wasserman 2019, arXiv 1609.00451). 0 where so few rows can promise no such thing: all classes.
    """
    own = np.sort(probabilities[np.arange(len(labels)), labels])
    place = len(own) - int(np.ceil((len(own) + 1) * coverage))
    return float(own[place]) if place >= 0 else 0.0


def find_doubt(
    validation: tuple[NDArray[np.floating[Any]], NDArray[np.int64]],
    calibration: tuple[NDArray[np.floating[Any]], NDArray[np.int64]] | None,
    coverage: float | None,
) -> Doubt:
    """From logits and labels: the temperature of validation, and sets calibrated on rows that chose nothing."""
    temperature = fit_temperature(*validation)
    if calibration is None or coverage is None:
        return Doubt(temperature)
    logits, labels = calibration
    least = least_probability(softmax(logits / temperature), labels, coverage)
    return Doubt(temperature, coverage, least, len(labels))


def reject_curve(confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_]) -> list[tuple[float, float, float]]:
    """Points (share answered, accuracy on it, confidence asked for), from all rows down to the surest twentieth."""
    order = np.argsort(-confidence, kind="stable")
    so_far = np.cumsum(right[order])
    points = []
    for share in np.linspace(1.0, 0.05, 20):
        count = max(1, round(share * len(order)))
        points.append((count / len(order), float(so_far[count - 1] / count), float(confidence[order[count - 1]])))
    return points
