"""Do new rows look like others that a network has not learned from? A test of all, and of each.

N reference rows and M new ones, with features (N, D) and (M, D) float32 and the classes that the network says of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SWAPS = 999
"""Permutations: the smallest p is 0.001."""
NEIGHBOUR = 5
_AT_ONCE = 512

Features = NDArray[np.float32]


def two_sample(reference: Features, new: Features, strata: NDArray[np.int64] | None = None) -> float:
    """The p-value of both being drawn alike, by the energy distance (Székely and Rizzo 2013) under permutation.

    It has no bandwidth to choose, as the kernels of MMD have (the two are one family: Sejdinovic et al. 2013, arXiv
    1207.6076), and its p is right for any number of rows. With `strata` (N + M,) rows change places within theirs
    alone, and what is tested is whether the rows of a stratum differ.
    """
    both = np.concatenate([reference, new])
    is_new = np.arange(len(both)) >= len(reference)
    groups = [np.arange(len(both))] if strata is None else [np.flatnonzero(strata == k) for k in np.unique(strata)]
    random, total = np.random.default_rng(0), np.zeros(SWAPS + 1)
    for group in groups:
        count = int(is_new[group].sum())
        if 0 < count < len(group):
            drawn = np.zeros((len(group), SWAPS + 1), np.float32)
            drawn[is_new[group], 0] = 1
            places = random.permuted(np.tile(np.arange(len(group)), (SWAPS, 1)), axis=1)[:, :count]
            drawn[places.T, np.arange(1, SWAPS + 1)] = 1
            total += len(group) * _energy(distances(both[group], both[group]), drawn)
    return float((1 + (total[1:] >= total[0] - 1e-9 * abs(total[0])).sum()) / (1 + SWAPS))


def _energy(apart: Features, drawn: Features) -> NDArray[np.float64]:
    """(B,): the energy distance of rows that are drawn (n, B) as 1 from those that are 0, all of them apart (n, n)."""
    count = float(drawn[:, 0].sum())
    rest = len(drawn) - count
    own = apart @ drawn
    within = (own * drawn).sum(axis=0, dtype=np.float64)
    across = own.sum(axis=0, dtype=np.float64) - within
    others = float(apart.sum(dtype=np.float64)) - within - 2 * across
    found: NDArray[np.float64] = 2 * across / (count * rest) - within / count**2 - others / rest**2
    return found


def shares_test(reference: NDArray[np.int64], new: NDArray[np.int64]) -> float:
    """The p-value of both having the same shares of classes: chi squared under permutation."""
    both = np.concatenate([reference, new])
    _, codes, counts = np.unique(both, return_inverse=True, return_counts=True)
    own = np.bincount(codes[len(reference) :], minlength=len(counts))
    drawn = np.random.default_rng(0).multivariate_hypergeometric(counts, len(new), size=SWAPS)
    expected = counts * len(new) / len(both)

    def off(some: NDArray[Any]) -> NDArray[Any]:
        found: NDArray[Any] = ((some - expected) ** 2 / counts).sum(axis=-1)
        return found

    return float((1 + (off(drawn) >= off(own) - 1e-9).sum()) / (1 + SWAPS))


def row_p_values(reference: Features, new: Features) -> NDArray[np.float64]:
    """(M,): for each new row the p-value of it being like the reference rows, by its distance to the fifth nearest.

    Conformal (Vovk et al. 2005; for outliers Bates et al. 2023, arXiv 2104.08279) with the score of Sun et al. 2022
    (arXiv 2204.06507): each new row joins the reference, and is ranked among them by that distance. The smallest p is
    1 / (N + 1).
    """
    nearest = min(NEIGHBOUR, len(reference) - 1)
    own = distances(reference, reference)
    np.fill_diagonal(own, np.inf)
    ordered = np.partition(own, [max(0, nearest - 2), nearest - 1], axis=1)
    before = ordered[:, nearest - 2] if nearest > 1 else np.zeros(len(own), np.float32)
    score, found = ordered[:, nearest - 1], np.empty(len(new))
    for first in range(0, len(new), _AT_ONCE):
        apart = distances(reference, new[first : first + _AT_ONCE])
        there = np.partition(apart, nearest - 1, axis=0)[nearest - 1]
        # A reference row whose neighbour the new one becomes is nearer to its fifth than it was.
        joined = np.clip(apart, before[:, None], score[:, None])
        found[first : first + _AT_ONCE] = (1 + (joined >= there).sum(axis=0)) / (len(reference) + 1)
    return found


def benjamini_hochberg(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The p-values (M,) corrected so that of those below a share at most that share is false (1995)."""
    order = np.argsort(p_values)
    scaled = p_values[order] * len(order) / np.arange(1, len(order) + 1)
    found = np.empty(len(order))
    found[order] = np.minimum(1.0, np.minimum.accumulate(scaled[::-1])[::-1])
    return found


def unit(vectors: Features) -> Features:
    """Vectors (..., D) at length one; a vector of zeros stays as it is."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.where(length == 0, 1, length)).astype(np.float32)


def distances(one: Features, other: Features) -> Features:
    """(N, M) Euclidean."""
    squares = (one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T
    found: Features = np.sqrt(np.maximum(squares, 0))
    return found
