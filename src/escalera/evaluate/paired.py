"""Did the change help, by a metric that rows do not simply add up to: balanced accuracy or macro F1?

S seeds, N rows, K classes, D draws. Rows with the same label and the same answers are alike, so that all that is drawn
is how many of each group: G groups, each a line of sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from escalera.evaluate.compare import Comparison, check_sides, compare, seed_test
from escalera.evaluate.intervals import drawn_rows
from escalera.evaluate.metrics import SHARES

SWAPS = 4_999
"""Draws of the permutation test: its smallest p is 1 in 5,000, which Holm's correction over fifty steps leaves below
0.05."""
_AT_ONCE = 4_000_000
"""Numbers in memory together."""
_EQUAL = 1e-12
"""Differences that are the same but for the order in which they were summed."""

Predicted = NDArray[np.int64]
"""Classes (S, N) that S seeds said for the same rows."""


@dataclass(frozen=True)
class Groups:
    """Rows that are alike, each group with how many there are (G,), its label (G,) and what the seeds said (S, G)."""

    counts: NDArray[np.int64]
    labels: NDArray[np.int64]
    predicted: Predicted
    classes: int

    @classmethod
    def of(cls, labels: NDArray[np.int64], predicted: Predicted, classes: int) -> Groups:
        """The groups of labels (N,) and answers (S, N)."""
        unique, counts = np.unique(np.vstack([labels[None], predicted]), axis=1, return_counts=True)
        return cls(counts, unique[0], unique[1:], classes)

    def sums(self, seed: int) -> sparse.csr_array:
        """(G, 2 K): what a row of each group adds to the right ones and to the answers of each class."""
        rows, predicted = np.arange(len(self.labels)), self.predicted[seed]
        right = np.flatnonzero(predicted == self.labels)
        at = np.concatenate([self.labels[right], self.classes + predicted])
        of = np.concatenate([right, rows])
        return sparse.csr_array((np.ones(len(of)), (of, at)), shape=(len(rows), 2 * self.classes))

    @property
    def support(self) -> sparse.csr_array:
        """(G, K): the class of each group."""
        rows = np.arange(len(self.labels))
        return sparse.csr_array((np.ones(len(rows)), (rows, self.labels)), shape=(len(rows), self.classes))


def judge(
    metric: str, labels: NDArray[np.int64], before: Predicted, after: Predicted, classes: int, *, draws: int = 2000
) -> Comparison:
    """Compare two rungs by one of `SHARES` on rows with `labels` (N,), by what their seeds said: (S, N) and (S2, N).

    By accuracy as `compare` does. By another metric: a permutation test, in which the two sides' answers to each row
    are swapped or not as a coin falls, each side being the sum over its seeds; with several seeds Welch's t test of
    their figures too. The interval is the paired bootstrap over rows. `gained` and `lost` count rows all the same.
    Raises EscaleraError where the rows are not the same in number.
    """
    check_sides(before, after)
    correct = compare(before == labels, after == labels, draws=draws if metric == "accuracy" else 1)
    if metric == "accuracy":
        return correct
    groups = Groups.of(labels, np.vstack([before, after]), classes)
    count = len(before)
    [figures] = _figures(metric, groups, groups.counts[None])
    old, new = figures[:count], figures[count:]
    drawn = np.concatenate([_figures(metric, groups, weights) for weights in _drawn(groups.counts, draws)])
    differences = drawn[:, count:].mean(axis=1) - drawn[:, :count].mean(axis=1)
    difference = float(new.mean() - old.mean())
    low, high = np.quantile(differences, [0.025, 0.975])
    several = min(count, len(after)) > 1
    return Comparison(
        difference=0.0 if abs(difference) < _EQUAL else difference,
        low=float(low),
        high=float(high),
        gained=correct.gained,
        lost=correct.lost,
        p=_permuted(metric, groups, count),
        seed_p=seed_test(old, new) if several else None,
        seed_std_before=float(old.std(ddof=1)) if count > 1 else None,
        seed_std_after=float(new.std(ddof=1)) if len(after) > 1 else None,
    )


def figure(metric: str, labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> float:
    """A metric of answers (N,) to rows with labels (N,)."""
    groups = Groups.of(labels, predicted[None], classes)
    return float(_figures(metric, groups, groups.counts[None])[0, 0])


def interval(
    metric: str, labels: NDArray[np.int64], predicted: Predicted, classes: int, *, draws: int = 2000
) -> tuple[float, float]:
    """The 95 % interval of the mean figure of seeds (S, N), had other rows been drawn: the bootstrap over rows.

    The rows drawn are those of `bootstrap`, from which a single seed has its interval on the same page, and are moved
    as there so that their mean is the figure itself.
    """
    rows = Groups(np.ones(len(labels), np.int64), labels, predicted, classes)
    own = float(_figures(metric, rows, rows.counts[None]).mean())
    drawn = [_figures(metric, rows, weights).mean(axis=1) for weights in drawn_rows(len(labels), draws)]
    every = np.concatenate(drawn)
    low, high = np.quantile(every - every.mean() + own, [0.025, 0.975])
    return max(0.0, min(float(low), own)), min(1.0, max(float(high), own))


def _drawn(counts: NDArray[np.int64], draws: int) -> Iterator[NDArray[np.int64]]:
    """How many rows of each group (D, G) come when as many are drawn anew, some draws at a time."""
    random, rows = np.random.default_rng(0), int(counts.sum())
    step = max(1, _AT_ONCE // len(counts))
    for first in range(0, draws, step):
        yield random.multinomial(rows, counts / rows, size=min(step, draws - first))


def _figures(metric: str, groups: Groups, weights: NDArray[Any]) -> NDArray[np.float64]:
    """(D, S): the metric of each seed, where each group has so many rows (D, G)."""
    support = (groups.support.T @ weights.T).T
    found = []
    for seed in range(len(groups.predicted)):
        right, predicted = np.split((groups.sums(seed).T @ weights.T).T, 2, axis=1)
        found.append(SHARES[metric](right, support, predicted))
    return np.stack(found, axis=1)


def _permuted(metric: str, groups: Groups, count: int) -> float:
    """The share of swaps that set the two sides at least as far apart; the first `count` seeds are those before."""
    seeds = len(groups.predicted)
    nothing = sparse.csr_array((len(groups.labels), 2 * groups.classes))
    before = sum((groups.sums(seed) for seed in range(count)), nothing) / count
    after = sum((groups.sums(seed) for seed in range(count, seeds)), nothing) / (seeds - count)
    gap = (after - before).tocsr()
    apart = np.flatnonzero(abs(gap).sum(axis=1) > _EQUAL)
    if not len(apart):
        return 1.0
    support = groups.support.T @ groups.counts
    sides = [side.T @ groups.counts for side in (before, after)]

    def difference(moved: NDArray[np.float64]) -> NDArray[np.float64]:
        """(D,): after less before, once so much (D, 2 K) has changed sides."""
        figures = [
            SHARES[metric](right, np.broadcast_to(support, right.shape), predicted)
            for right, predicted in (
                np.split(side + sign * moved, 2, axis=1) for side, sign in zip(sides, (1, -1), strict=True)
            )
        ]
        return figures[1] - figures[0]

    [own] = np.abs(difference(np.zeros((1, 2 * groups.classes))))
    random, further = np.random.default_rng(0), 0
    step = max(1, _AT_ONCE // len(apart))
    for first in range(0, SWAPS, step):
        swapped = random.binomial(groups.counts[apart], 0.5, size=(min(step, SWAPS - first), len(apart)))
        further += int((np.abs(difference((gap[apart].T @ swapped.T).T)) >= own - _EQUAL).sum())
    return (1 + further) / (1 + SWAPS)
