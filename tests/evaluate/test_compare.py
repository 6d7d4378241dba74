"""The paired tests against textbook values, and by simulation: how often is the verdict wrong?"""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from scipy import stats

from escalera.core.errors import EscaleraError
from escalera.evaluate.compare import Comparison, accuracy_interval, compare, holm, verdict


def pair(both: int, lost: int, gained: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows (1, N) before and after, from the four counts of McNemar's table."""
    before = np.repeat([True, True, False, False], [both, lost, gained, neither])
    after = np.repeat([True, False, True, False], [both, lost, gained, neither])
    return before[None], after[None]


@pytest.mark.parametrize(
    ("table", "p"),
    [
        # The table of statsmodels' tests of mcnemar, whose exact p is that of R's mcnemar.exact.
        ((101, 121, 59, 33), 4.4344e-06),
        ((4, 2, 1, 3), 1.0),
        ((59, 6, 16, 80), 0.052479),
        # By hand: 2 * (C(10,0) + C(10,1)) / 2**10.
        ((50, 1, 9, 40), 22 / 1024),
        ((50, 0, 0, 50), 1.0),
        ((0, 0, 1, 0), 1.0),
        ((0, 0, 6, 0), 2 / 64),
    ],
)
def test_mcnemar(table: tuple[int, int, int, int], p: float) -> None:
    result = compare(*pair(*table))
    assert result.p == pytest.approx(p, rel=2e-5)
    fewer, changed = min(table[1:3]), table[1] + table[2]
    assert result.p == pytest.approx(min(1, 2 * sum(comb(changed, k) for k in range(fewer + 1)) / 2**changed))
    assert (result.lost, result.gained) == table[1:3]
    assert result.difference == pytest.approx((table[2] - table[1]) / sum(table))
    assert result.seed_p is result.seed_std_before is result.seed_std_after is None
    assert result.evidence == result.p


@pytest.mark.parametrize(
    ("given", "adjusted"),
    [
        ([], []),
        ([0.04], [0.04]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.01, 0.02, 0.03, 0.005], [0.03, 0.04, 0.04, 0.02]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.02, 0.02], [0.04, 0.04]),
    ],
)
def test_holm(given: list[float], adjusted: list[float]) -> None:
    assert holm(given) == pytest.approx(adjusted)


def test_interval_is_that_of_rows_drawn_anew() -> None:
    rng = np.random.default_rng(3)
    before, after = rng.random((2, 400)) < 0.7, rng.random((3, 400)) < 0.8
    result = compare(before, after, draws=20_000)
    per_row = after.mean(axis=0) - before.mean(axis=0)
    drawn = per_row[rng.integers(0, 400, (20_000, 400))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert (result.low, result.high) == pytest.approx((low, high), abs=2e-3)
    assert result.difference == pytest.approx(per_row.mean())


def test_several_seeds_have_two_tests() -> None:
    rng = np.random.default_rng(5)
    before, after = rng.random((3, 300)) < 0.7, rng.random((4, 300)) < 0.8
    result = compare(before, after)
    per_row = after.mean(axis=0) - before.mean(axis=0)
    assert result.p == pytest.approx(stats.ttest_1samp(per_row, 0).pvalue)
    welch = stats.ttest_ind(after.mean(axis=1), before.mean(axis=1), equal_var=False)
    assert result.seed_p == pytest.approx(welch.pvalue)
    assert result.seed_std_before == pytest.approx(before.mean(axis=1).std(ddof=1))
    assert result.seed_std_after == pytest.approx(after.mean(axis=1).std(ddof=1))
    assert result.gained == (per_row > 1e-9).sum()
    assert result.lost == (per_row < -1e-9).sum()
    assert result.evidence == max(result.p, result.seed_p or 0)


def test_one_seed_against_several_has_no_seed_test() -> None:
    rng = np.random.default_rng(6)
    result = compare(rng.random((1, 50)) < 0.5, rng.random((2, 50)) < 0.5)
    assert result.seed_p is None
    assert result.seed_std_before is None
    assert result.seed_std_after is not None


def test_no_spread_is_no_division_by_zero() -> None:
    right, wrong = np.ones((2, 6), bool), np.zeros((2, 6), bool)
    same, up = compare(right, right), compare(wrong, right)
    assert (same.p, same.seed_p, same.low, same.high) == (1.0, 1.0, 0.0, 0.0)
    assert (up.p, up.seed_p, up.difference) == (2 / 64, 0.0, 1.0)


def test_the_same_seed_gives_the_same_interval() -> None:
    rows = np.random.default_rng(0).random((2, 1, 90)) < 0.6
    assert compare(*rows) == compare(*rows)
    assert compare(*rows, seed=1) != compare(*rows)


@pytest.mark.parametrize(
    ("difference", "p", "seed_p", "word"),
    [
        (0.1, 0.01, None, "better"),
        (-0.1, 0.01, None, "worse"),
        (0.1, 0.05, None, "no evidence"),
        (0.1, 0.01, 0.01, "better"),
        (0.1, 0.01, 0.2, "no evidence"),
        (-0.1, 0.2, 0.01, "no evidence"),
        (0.0, 0.01, None, "no evidence"),
    ],
)
def test_verdict(difference: float, p: float, seed_p: float | None, word: str) -> None:
    comparison = Comparison(difference, difference, difference, 1, 1, p, seed_p)
    assert verdict(comparison, p) == word


def test_verdict_at_another_level() -> None:
    assert verdict(Comparison(0.1, 0.0, 0.2, 9, 1, 0.03), 0.03, alpha=0.01) == "no evidence"


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ((1, 4), (1, 5), "expected the same test rows on both sides, received 4 before and 5 after the change"),
        ((4,), (1, 4), r"expected \(seeds, rows\) before the change, received shape \(4,\)"),
        ((1, 4), (0, 4), r"expected \(seeds, rows\) after the change, received shape \(0, 4\)"),
    ],
)
def test_mistakes_are_named(before: tuple[int, ...], after: tuple[int, ...], text: str) -> None:
    with pytest.raises(EscaleraError, match=text):
        compare(np.zeros(before, bool), np.zeros(after, bool))


@pytest.mark.parametrize(
    ("accuracy", "rows", "low", "high"),
    # Newcombe 1998, table I: Wilson's interval for 81/263, 15/148, 0/20, 1/29.
    [
        (81 / 263, 263, 0.2553, 0.3662),
        (15 / 148, 148, 0.0624, 0.1605),
        (0.0, 20, 0.0, 0.1611),
        (1 / 29, 29, 0.0061, 0.1718),
        (1.0, 20, 0.8389, 1.0),
    ],
)
def test_accuracy_interval(accuracy: float, rows: int, low: float, high: float) -> None:
    assert accuracy_interval(accuracy, rows) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.slow
def test_the_interval_covers_the_truth_about_95_times_in_100() -> None:
    rng, times, inside = np.random.default_rng(11), 1500, 0
    for seed in range(times):
        kind = rng.choice(4, size=500, p=[0.62, 0.08, 0.12, 0.18])
        result = compare((kind <= 1)[None], ((kind == 0) | (kind == 2))[None], seed=seed)
        inside += result.low <= 0.04 <= result.high
    assert 0.94 <= inside / times <= 0.975


@pytest.mark.slow
@pytest.mark.parametrize(("seeds", "noise"), [(1, 0.0), (3, 0.0), (3, 0.03)])
def test_a_change_that_does_nothing_is_seldom_called_better_or_worse(seeds: int, noise: float) -> None:
    """Runs of the same rung, with seeds that differ by chance (`noise`): at most 5 false verdicts in 100."""
    rng, times, wrong = np.random.default_rng(12), 1000, 0
    for _ in range(times):
        hardness = rng.random(400)
        chance = 0.75 + rng.normal(0, noise, (2 * seeds, 1))
        right = 0.6 * hardness + 0.4 * rng.random((2 * seeds, 400)) < chance
        result = compare(right[:seeds], right[seeds:], draws=100)
        wrong += verdict(result, result.evidence) != "no evidence"
    assert wrong / times <= 0.055
