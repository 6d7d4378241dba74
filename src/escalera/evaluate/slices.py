"""Where a run is worse than elsewhere: its metric on parts of the rows, each tested against the rest of them.

N rows, K classes, G groups of rows with the same label and answer, D draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from escalera.evaluate.compare import accuracy_interval, holm
from escalera.evaluate.metrics import SHARES
from escalera.evaluate.paired import Groups, interval

FEWEST = 20
"""Rows below which a slice, or what is left beside it, is counted and not tested: with 18 of 20 right the interval is
27 points wide already."""
ALPHA = 0.05
_AT_ONCE = 2_000_000
"""Numbers in memory together."""
_EQUAL = 1e-12

Part = tuple[str, str, NDArray[np.bool_]]
"""What the rows have in common, the value of it, and which rows they are (N,)."""


@dataclass(frozen=True)
class Slice:
    """The rows where `facet` has a `value`, and the metric on them with its 95 % interval.

    `rest` is the metric on the other rows, `p` tests the two, `p_holm` is corrected over all slices of a run. All of
    them are None where there are too few rows, `figure`, `low` and `high` too.
    """

    facet: str
    value: str
    rows: int
    figure: float | None = None
    low: float | None = None
    high: float | None = None
    rest: float | None = None
    p: float | None = None
    p_holm: float | None = None

    @property
    def difference(self) -> float | None:
        """The metric here less that on the other rows."""
        return None if self.figure is None or self.rest is None else self.figure - self.rest

    @property
    def verdict(self) -> Literal["better", "worse", "no evidence", "few"]:
        """Against the rest of the rows."""
        if self.difference is None or self.p_holm is None:
            return "few"
        if self.p_holm >= ALPHA or self.difference == 0:
            return "no evidence"
        return "better" if self.difference > 0 else "worse"


def judge_slices(
    metric: str, labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int, parts: Sequence[Part]
) -> list[Slice]:
    """Every part of the rows, the worst first; those that are too small, or all but the whole, come last.

    Of accuracy the interval is Wilson's (1927) and the test Fisher's exact one (1922). Of another metric they are the
    bootstrap over rows, and a permutation test in which as many rows are drawn from all of them; macro F1 is the mean
    over the classes that the slice has. Holm's correction is over all that are tested.
    """
    tested = [part for part in parts if _testable(part[2])]
    draws = max(999, 40 * len(tested) - 1)  # so that Holm's correction leaves the smallest p below 0.025
    found = [
        _accuracy(part, labels == predicted)
        if metric == "accuracy"
        else _other(metric, part, labels, predicted, classes, draws)
        for part in tested
    ]
    adjusted = holm([one.p for one in found if one.p is not None])
    corrected = [replace(one, p_holm=p) for one, p in zip(found, adjusted, strict=True)]
    few = [Slice(facet, value, int(mask.sum())) for facet, value, mask in parts if not _testable(mask)]
    corrected.sort(key=lambda one: (one.figure or 0.0, one.p or 0.0))
    return [*corrected, *sorted(few, key=lambda one: -one.rows)]


def _testable(mask: NDArray[np.bool_]) -> bool:
    return FEWEST <= int(mask.sum()) <= len(mask) - FEWEST


def _accuracy(part: Part, right: NDArray[np.bool_]) -> Slice:
    from scipy import stats

    facet, value, mask = part
    rows, others = int(mask.sum()), int((~mask).sum())
    own, rest = int(right[mask].sum()), int(right[~mask].sum())
    p = float(stats.fisher_exact([[own, rows - own], [rest, others - rest]]).pvalue)
    low, high = accuracy_interval(own / rows, rows)
    return Slice(facet, value, rows, own / rows, low, high, rest / others, p)


def _other(
    metric: str, part: Part, labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int, draws: int
) -> Slice:
    facet, value, mask = part
    groups = Groups.of(labels, predicted[None], classes)
    place = np.unique(np.stack([labels, predicted]), axis=1, return_inverse=True)[1].ravel()
    inside = np.bincount(place[mask], minlength=len(groups.counts))[None]
    [own], [rest] = _figure(metric, groups, inside), _figure(metric, groups, groups.counts - inside)
    further = 0
    for drawn in _drawn(groups.counts, int(mask.sum()), draws):
        gaps = _figure(metric, groups, drawn) - _figure(metric, groups, groups.counts - drawn)
        further += int((np.abs(gaps) >= abs(own - rest) - _EQUAL).sum())
    low, high = _interval(metric, labels[mask], predicted[mask], classes)
    return Slice(facet, value, int(mask.sum()), float(own), low, high, float(rest), (1 + further) / (1 + draws))


def whole_figure(metric: str, labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> float:
    """The metric on all rows, as it is taken on a slice: macro F1 over the classes that there are."""
    groups = Groups.of(labels, predicted[None], classes)
    return float(_figure(metric, groups, groups.counts[None])[0])


def _figure(metric: str, groups: Groups, counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """(D,): the metric where each group has so many rows (D, G); macro F1 over the classes that there are."""
    right, chosen = np.split((groups.sums(0).T @ counts.T).T, 2, axis=1)
    support = (groups.support.T @ counts.T).T
    share: NDArray[np.float64] = SHARES[metric](right, support, chosen)
    return share * (groups.classes / (support > 0).sum(axis=1)) if metric == "macro_f1" else share


def _interval(
    metric: str, labels: NDArray[np.int64], predicted: NDArray[np.int64], classes: int
) -> tuple[float, float]:
    """The bootstrap's, of the classes that the slice has."""
    low, high = interval(metric, labels, predicted[None], classes)
    scale = classes / len(np.unique(labels)) if metric == "macro_f1" else 1.0
    return min(1.0, low * scale), min(1.0, high * scale)


def _drawn(counts: NDArray[np.int64], rows: int, draws: int) -> Iterator[NDArray[np.int64]]:
    """So many rows, drawn from all without putting one back: how many of each group (D, G), some draws at a time."""
    random, step = np.random.default_rng(0), max(1, _AT_ONCE // len(counts))
    for first in range(0, draws, step):
        yield random.multivariate_hypergeometric(counts, rows, size=min(step, draws - first), method="marginals")
