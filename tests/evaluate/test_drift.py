"""Drift: p-values that are uniform where nothing drifted, and small where something did."""

import numpy as np
import pytest
from scipy import stats

from escalera.evaluate.drift import _energy, benjamini_hochberg, row_p_values, shares_test, two_sample


def drawn(seed: int, rows: int, columns: int = 4, shift: float = 0.0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(rows, columns)) + shift).astype(np.float32)


def test_p_is_uniform_where_nothing_drifted() -> None:
    """100 pairs that are drawn alike: the largest gap to the uniform is that of Kolmogorov and Smirnov at 1 %."""
    found = np.sort([two_sample(drawn(2 * k, 40), drawn(2 * k + 1, 25)) for k in range(100)])
    assert np.abs(found - np.arange(1, 101) / 100).max() < 1.63 / 10
    assert (found < 0.05).mean() <= 0.05 + 2 * 0.022


def test_the_distance_is_the_energy_distance() -> None:
    """Of one column scipy knows it too, by another way."""
    rows = drawn(0, 70, 1)[:, 0]
    first = np.zeros((70, 1), np.float32)
    first[:25] = 1
    apart = np.abs(rows[:, None] - rows[None])
    assert _energy(apart, first)[0] == pytest.approx(stats.energy_distance(rows[:25], rows[25:]) ** 2, rel=1e-4)


def test_p_is_small_where_the_mean_or_the_spread_moved() -> None:
    assert two_sample(drawn(0, 100), drawn(1, 50, shift=1.0)) == 0.001
    assert two_sample(drawn(0, 200), 2 * drawn(1, 100)) < 0.01


def test_within_strata_other_shares_are_no_drift() -> None:
    classes = np.array([0] * 80 + [1] * 20 + [0] * 10 + [1] * 50)
    found = []
    for seed in range(40):
        rows = drawn(seed, 160) + 6 * classes[:, None].astype(np.float32)
        found.append(two_sample(rows[:100], rows[100:], classes))
    assert two_sample(rows[:100], rows[100:]) == 0.001
    assert (np.array(found) < 0.05).sum() <= 5 and np.median(found) > 0.25
    assert shares_test(classes[:100], classes[100:]) == 0.001


def test_equal_shares_are_told_alike() -> None:
    random = np.random.default_rng(0)
    found = [shares_test(random.integers(0, 3, 60), random.integers(0, 3, 40)) for _ in range(200)]
    assert (np.array(found) < 0.05).mean() <= 0.05 + 2 * 0.0155


def test_a_rows_p_is_uniform_where_it_is_like_the_others() -> None:
    found = np.concatenate([row_p_values(drawn(2 * k, 50), drawn(2 * k + 1, 20)) for k in range(50)])
    for level in (0.05, 0.1, 0.5):
        assert (found <= level).mean() == pytest.approx(level, abs=0.04)


def test_rows_that_are_like_none_are_found() -> None:
    new = drawn(1, 40)
    new[:10] += 20
    found = row_p_values(drawn(0, 400), new)
    assert np.allclose(found[:10], 1 / 401) and ((benjamini_hochberg(found) < 0.05) == (np.arange(40) < 10)).all()
    assert row_p_values(drawn(0, 2), new)[0] == pytest.approx(1 / 3)


@pytest.mark.parametrize("coarse", [False, True])
def test_a_row_among_the_reference_counts_as_a_neighbour(coarse: bool) -> None:
    """By hand: the new row joins, and every score is that of the bag with the others; coarse rows have ties."""
    reference, new = drawn(0, 60, 2), drawn(1, 20, 2)
    if coarse:
        reference, new = np.rint(reference), np.rint(new)
    for row, p in zip(new, row_p_values(reference, new), strict=True):
        bag = np.concatenate([reference, row[None]])
        apart = np.sort(np.linalg.norm(bag[:, None] - bag[None], axis=2), axis=1)[:, 5]
        assert p == pytest.approx((apart >= apart[-1] - 1e-6).mean())


def test_benjamini_and_hochberg() -> None:
    found = benjamini_hochberg(np.array([0.04, 0.01, 0.03, 0.5]))
    assert found == pytest.approx([0.16 / 3, 0.04, 0.16 / 3, 0.5])
