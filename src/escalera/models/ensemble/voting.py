"""The vote of several classifiers.

probabilities  one (N, K) for each of C classifiers
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from escalera.models.ensemble.classifiers import Probabilities

LEAST = 1e-7
"""The least probability that a vote gives, so that its logarithm, which a run keeps, is finite."""


def vote(probabilities: Sequence[Probabilities], weights: Sequence[float], kind: str) -> Probabilities:
    """`soft`: the mean of the probabilities; `hard`: the share of the votes, each for its likeliest class; weighted.

    Of classes with equally many votes the first wins, as with scikit-learn's VotingClassifier.
    """
    ballots = [_ballots(one) for one in probabilities] if kind == "hard" else list(probabilities)
    total = sum(weights)
    whole = sum(weight / total * ballot for weight, ballot in zip(weights, ballots, strict=True))
    return np.asarray(whole, dtype=np.float64)


def logits(probabilities: Probabilities) -> NDArray[np.float32]:
    """What a run keeps of probabilities: their logarithms (N, K), none below that of LEAST."""
    return np.log(np.maximum(probabilities, LEAST)).astype(np.float32)


def agreement(answers: Sequence[NDArray[np.int64]]) -> list[list[float]]:
    """For each pair of answers (N,) the share of the rows on which they say the same."""
    return [[float((one == other).mean()) for other in answers] for one in answers]


def _ballots(probabilities: Probabilities) -> Probabilities:
    ballots = np.zeros_like(probabilities)
    ballots[np.arange(len(probabilities)), probabilities.argmax(axis=1)] = 1.0
    return ballots
