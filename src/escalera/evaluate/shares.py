"""How frequent the classes are: whether two splits agree on it, and what a forecast of the shares alone is worth.

counts  (K,) rows of each class
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_APART, _ALPHA = 0.05, 0.01
"""Two splits differ where so large a share of the rows would have to change class, and chance hardly explains it."""


def shifted(one: Sequence[int], other: Sequence[int]) -> int | None:
    """The class whose share differs most between two splits; None where their shares are alike, or one has no rows."""
    counts = np.array([one, other], np.float64)
    if counts.shape[1] < 2 or not counts.sum(axis=1).all():
        return None
    shares = counts / counts.sum(axis=1, keepdims=True)
    apart = np.abs(shares[0] - shares[1])
    if apart.sum() / 2 < _APART:
        return None
    from scipy import stats

    p = stats.chi2_contingency(counts[:, counts.any(axis=0)]).pvalue
    return int(apart.argmax()) if p < _ALPHA else None


def blind_loss(counts: Sequence[int]) -> float:
    """The log loss of a forecast that knows the shares of the classes and nothing of a row: their entropy, in nats."""
    shares = np.array([count for count in counts if count], np.float64) / max(1, sum(counts))
    return max(0.0, float(-(shares * np.log(shares)).sum()))


def blind_brier(counts: Sequence[int]) -> float:
    """The Brier score (0 to 2) of the same forecast."""
    shares = np.array(counts, np.float64) / max(1, sum(counts))
    return float(1 - (shares**2).sum())
