"""Comparisons by balanced accuracy and macro F1: figures, intervals, and a test that is seldom wrong by chance."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, f1_score

from escalera.core.errors import EscaleraError
from escalera.evaluate.compare import compare
from escalera.evaluate.metrics import SHARES
from escalera.evaluate.paired import figure, interval, judge

RANDOM = np.random.default_rng(0)
LABELS = np.repeat([0, 1, 2], [400, 60, 12])
METRICS = ("balanced_accuracy", "macro_f1")


def answers(right: float, random: np.random.Generator = RANDOM) -> NDArray[np.int64]:
    """Answers of which so large a share is right, and the others any class."""
    said = np.where(random.random(len(LABELS)) < right, LABELS, random.integers(0, 3, len(LABELS)))
    return said.astype(np.int64)


BEFORE, AFTER = answers(0.5), answers(0.8)


def test_accuracy_is_compared_as_ever() -> None:
    ours = judge("accuracy", LABELS, BEFORE[None], AFTER[None], 3)
    assert ours == compare((BEFORE == LABELS)[None], (AFTER == LABELS)[None])


@pytest.mark.parametrize("metric", METRICS)
def test_the_difference_is_that_of_scikit_learns_figures(metric: str) -> None:
    def theirs(said: NDArray[np.int64]) -> float:
        if metric == "macro_f1":
            return float(f1_score(LABELS, said, average="macro"))
        return float(balanced_accuracy_score(LABELS, said))

    found = judge(metric, LABELS, BEFORE[None], AFTER[None], 3)
    assert found.difference == pytest.approx(theirs(AFTER) - theirs(BEFORE))
    assert figure(metric, LABELS, AFTER, 3) == pytest.approx(theirs(AFTER))
    assert found.low < found.difference < found.high
    assert found.p < 0.1
    assert found.gained == ((BEFORE != LABELS) & (AFTER == LABELS)).sum()
    assert found.lost == ((BEFORE == LABELS) & (AFTER != LABELS)).sum()


@pytest.mark.parametrize("metric", METRICS)
def test_the_test_is_that_of_rows_swapped_one_by_one(metric: str) -> None:
    """Over all swaps of a few rows, by the definition."""
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 2])
    one, other = np.array([0, 0, 1, 2, 0, 1, 0, 1, 0, 0]), np.array([0, 0, 0, 0, 1, 0, 1, 1, 1, 2])

    def gap(swapped: NDArray[np.bool_]) -> float:
        sides = np.where(swapped, other, one), np.where(swapped, one, other)
        counts = [
            [np.bincount(which, minlength=3).astype(float) for which in (labels[labels == side], labels, side)]
            for side in sides
        ]
        return float(SHARES[metric](*counts[1]) - SHARES[metric](*counts[0]))

    every = [np.array([bool(number >> row & 1) for row in range(10)]) for number in range(2**10)]
    own = abs(gap(every[0]))
    exact = np.mean([abs(gap(swapped)) >= own - 1e-12 for swapped in every])
    assert judge(metric, labels, one[None], other[None], 3).p == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("metric", METRICS)
def test_a_rare_class_decides_where_accuracy_does_not(metric: str) -> None:
    plain = np.where(LABELS == 2, 0, LABELS)
    heard = LABELS.copy()
    heard[:12] = 1  # as many rows of the frequent class as it wins of the rare one
    assert judge("accuracy", LABELS, plain[None], heard[None], 3).p == 1.0
    assert judge(metric, LABELS, plain[None], heard[None], 3).p < 0.01


@pytest.mark.parametrize("metric", METRICS)
def test_the_same_answers_are_no_evidence(metric: str) -> None:
    found = judge(metric, LABELS, BEFORE[None], BEFORE[None], 3)
    assert (found.difference, found.low, found.high, found.p) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("metric", METRICS)
def test_several_seeds_have_a_test_of_their_own(metric: str) -> None:
    before, after = np.stack([answers(0.6) for _ in range(3)]), np.stack([answers(0.62) for _ in range(2)])
    found = judge(metric, LABELS, before, after, 3)
    assert found.seed_p is not None
    assert found.seed_std_before is not None
    assert found.evidence == max(found.p, found.seed_p)
    figures = [np.mean([figure(metric, LABELS, one, 3) for one in side]) for side in (before, after)]
    assert found.difference == pytest.approx(figures[1] - figures[0])


@pytest.mark.parametrize("metric", METRICS)
def test_where_nothing_helps_it_seldom_says_so(metric: str) -> None:
    random = np.random.default_rng(1)
    pairs = [(answers(0.6, random)[None], answers(0.6, random)[None]) for _ in range(60)]
    assert sum(judge(metric, LABELS, *pair, 3, draws=1).p < 0.05 for pair in pairs) <= 8


def test_the_interval_holds_the_figure() -> None:
    low, high = interval("macro_f1", LABELS, np.stack([BEFORE, AFTER]), 3)
    mean = (figure("macro_f1", LABELS, BEFORE, 3) + figure("macro_f1", LABELS, AFTER, 3)) / 2
    assert low < mean < high


def test_other_rows_are_refused() -> None:
    with pytest.raises(EscaleraError, match="expected the same test rows on both sides"):
        judge("macro_f1", LABELS, BEFORE[None], AFTER[None, 1:], 3)
