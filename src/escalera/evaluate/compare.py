"""Did the change help? Two rungs, tested on the same rows, with one seed each or several.

S seeds, N rows. Test noise comes from the rows that were drawn, seed noise from the training; they are kept apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import EscaleraError

Verdict = Literal["better", "worse", "no evidence"]


@dataclass(frozen=True)
class Comparison:
    """What the rows say about a change.

    `difference`, `low` and `high` are shares of the rows (after minus before, and its 95 % interval); `gained` and
    `lost` count the rows that the change won and lost, over several seeds those that it wins or loses on average.
    `p` tests the rows, `seed_p` the accuracies of the seeds. A deviation is None for a side with a single seed, and so
    is `seed_p` when either side has but one.
    """

    difference: float
    low: float
    high: float
    gained: int
    lost: int
    p: float
    seed_p: float | None = None
    seed_std_before: float | None = None
    seed_std_after: float | None = None

    @property
    def evidence(self) -> float:
        """The p of "the rows AND the seeds say so", the larger of the two: what Holm's correction takes."""
        return self.p if self.seed_p is None else max(self.p, self.seed_p)


def compare(
    correct_before: NDArray[np.bool_], correct_after: NDArray[np.bool_], *, draws: int = 2000, seed: int = 0
) -> Comparison:
    """Compare two rungs by which rows they have right: (S, N) before, (S2, N) after, the rows in the same order.

    One seed each: McNemar's exact test. More: a t test of the rows' mean differences, and Welch's of the seeds.
    The interval is the paired bootstrap over the rows. Raises EscaleraError where the rows are not the same in number.
    """
    before, after = np.asarray(correct_before, dtype=bool), np.asarray(correct_after, dtype=bool)
    check_sides(before, after)
    seeds_before, seeds_after, rows = len(before), len(after), before.shape[1]
    # Whole numbers, so that equal rows are exactly equal: the difference of the two means, times scale.
    scale = seeds_before * seeds_after
    difference = seeds_before * after.sum(axis=0) - seeds_after * before.sum(axis=0)
    low, high = _interval(difference, draws, seed)
    gained, lost = int((difference > 0).sum()), int((difference < 0).sum())
    p = _sign_test(gained, lost) if scale == 1 or np.ptp(difference) == 0 else _row_test(difference)
    right_before, right_after = before.sum(axis=1), after.sum(axis=1)
    return Comparison(
        difference=float(difference.sum() / (scale * rows)),
        low=low / scale,
        high=high / scale,
        gained=gained,
        lost=lost,
        p=p,
        seed_p=seed_test(right_before, right_after) if min(seeds_before, seeds_after) > 1 else None,
        seed_std_before=_deviation(right_before / rows),
        seed_std_after=_deviation(right_after / rows),
    )


def holm(p_values: list[float]) -> list[float]:
    """Holm's step-down correction (1979), in the order given: never falling with p, and 1 at most."""
    adjusted = [0.0] * len(p_values)
    least = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = least
    return adjusted


def verdict(comparison: Comparison, p_adjusted: float, alpha: float = 0.05) -> Verdict:
    """The step in words. With several seeds on both sides, the rows and the seeds both have to say so."""
    seeds_agree = comparison.seed_p is None or comparison.seed_p < alpha
    if p_adjusted >= alpha or not seeds_agree or comparison.difference == 0:
        return "no evidence"
    return "better" if comparison.difference > 0 else "worse"


def accuracy_interval(accuracy: float, rows: int) -> tuple[float, float]:
    """The 95 % interval of one accuracy measured on `rows` rows (Wilson 1927)."""
    z = 1.959963984540054
    centre = accuracy + z * z / (2 * rows)
    margin = z * sqrt(accuracy * (1 - accuracy) / rows + z * z / (4 * rows * rows))
    whole = 1 + z * z / rows
    return max(0.0, (centre - margin) / whole), min(1.0, (centre + margin) / whole)


def difference_interval(one: tuple[float, int], other: tuple[float, int]) -> tuple[float, float]:
    """The 95 % interval of `other` minus `one`, accuracies with the rows that they were measured on, of which the two
    have none in common (Newcombe 1998, from Wilson's of each)."""
    gap = other[0] - one[0]
    (low, high), (least, most) = accuracy_interval(*one), accuracy_interval(*other)
    below = gap - sqrt((other[0] - least) ** 2 + (high - one[0]) ** 2)
    above = gap + sqrt((most - other[0]) ** 2 + (one[0] - low) ** 2)
    return below, above


def _interval(difference: NDArray[np.int64], draws: int, seed: int) -> tuple[float, float]:
    """The 2.5 % and 97.5 % points of the mean over rows drawn anew.

    Rows with the same value are alike, so the draws are of how often each value comes (multinomial): the very same
    distribution as drawing N rows, in a few numbers per draw.
    """
    values, counts = np.unique(difference, return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(difference), counts / len(difference), size=draws)
    low, high = np.quantile(drawn @ values / len(difference), [0.025, 0.975])
    return float(low), float(high)


def _sign_test(gained: int, lost: int) -> float:
    """McNemar's exact test: each row that changed sides is the toss of a fair coin if the change does nothing.

    The figure of scipy.stats.binomtest, whose module takes one or two seconds to import.
    """
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(gained, lost), gained + lost, 0.5)))


def _row_test(difference: NDArray[np.int64]) -> float:
    """The paired t test over rows."""
    from scipy import stats

    return float(stats.ttest_1samp(difference, 0).pvalue)


def seed_test(right_before: NDArray[Any], right_after: NDArray[Any]) -> float:
    """Welch's t test of the seeds' counts of right rows, or of other figures of theirs (S,) and (S2,)."""
    if np.ptp(right_before) == np.ptp(right_after) == 0:
        return 1.0 if right_before[0] == right_after[0] else 0.0
    sides = [(right.mean(), right.std(ddof=1), len(right)) for right in (right_after, right_before)]
    from scipy import stats

    return float(stats.ttest_ind_from_stats(*sides[0], *sides[1], equal_var=False).pvalue)


def _deviation(accuracies: NDArray[np.float64]) -> float | None:
    return float(accuracies.std(ddof=1)) if len(accuracies) > 1 else None


def check_sides(before: NDArray[Any], after: NDArray[Any]) -> None:
    """Raise EscaleraError unless both are (seeds, rows), of the same rows."""
    for name, correct in (("before", before), ("after", after)):
        if correct.ndim != 2 or 0 in correct.shape:
            raise EscaleraError(f"compare: expected (seeds, rows) {name} the change, received shape {correct.shape}.")
    if before.shape[1] != after.shape[1]:
        raise EscaleraError(
            f"compare: expected the same test rows on both sides, received {before.shape[1]} before and "
            f"{after.shape[1]} after the change. Runs on other data cannot be compared row by row."
        )
