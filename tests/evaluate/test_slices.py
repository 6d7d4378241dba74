"""Slices of the test rows: the figures, the tests, and that a thousand alike are not called different."""

import numpy as np
import pytest
from scipy import stats

from escalera.evaluate.compare import accuracy_interval
from escalera.evaluate.slices import FEWEST, judge_slices, whole_figure


def answers(rows: int, classes: int, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels (N,), and answers of which so many are right."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    return labels, np.where(random.random(rows) < share, labels, (labels + 1) % classes)


def test_a_slice_that_is_worse_comes_first() -> None:
    labels, said = answers(400, 4, 0.95)
    dark = np.arange(400) < 60
    said[dark] = np.where(np.arange(60) % 2, labels[dark], (labels[dark] + 1) % 4)
    parts = [("brightness", "light", ~dark), ("brightness", "dark", dark), ("size", "huge", np.arange(400) < 5)]
    first, second, last = judge_slices("accuracy", labels, said, 4, parts)
    right = labels == said
    assert (first.facet, first.value, first.rows, first.verdict) == ("brightness", "dark", 60, "worse")
    assert first.figure == pytest.approx(right[dark].mean()) and first.rest == pytest.approx(right[~dark].mean())
    assert (first.low, first.high) == accuracy_interval(0.5, 60)
    assert first.p == pytest.approx(stats.fisher_exact([[30, 30], [right[~dark].sum(), (~right[~dark]).sum()]]).pvalue)
    assert first.p_holm == pytest.approx(2 * (first.p or 0)) and second.verdict == "better"
    assert (last.value, last.rows, last.verdict, last.p, last.figure) == ("huge", 5, "few", None, None)


def test_what_is_nearly_the_whole_is_not_tested() -> None:
    labels, said = answers(100, 2, 0.8)
    for rows, verdict in ((FEWEST - 1, "few"), (FEWEST, "no evidence"), (100 - FEWEST + 1, "few")):
        [one] = judge_slices("accuracy", labels, said, 2, [("folder", "a", np.arange(100) < rows)])
        assert one.verdict == verdict or (verdict == "no evidence" and one.p is not None)
    assert judge_slices("accuracy", labels, said, 2, []) == []


@pytest.mark.parametrize("metric", ["balanced_accuracy", "macro_f1"])
def test_another_metric_is_judged_by_drawing_rows(metric: str) -> None:
    labels, said = answers(600, 3, 0.9)
    some = np.arange(600) < 150
    said[some] = np.where(np.arange(150) % 2, labels[some], (labels[some] + 1) % 3)
    bad, _ = judge_slices(metric, labels, said, 3, [("size", "small", some), ("size", "large", ~some)])
    assert bad.value == "small" and bad.verdict == "worse" and bad.p == pytest.approx(1 / 1000)
    assert bad.figure and bad.low and bad.high and bad.low < bad.figure < bad.high < 0.7


def test_one_bad_slice_of_sixty_is_found() -> None:
    """The more are tested, the more is drawn: of a thousand draws no p survives Holm's correction by sixty."""
    labels, said = answers(1800, 3, 0.95)
    bad = np.arange(1800) < 30
    said[bad] = (labels[bad] + 1) % 3
    parts = [("folder", str(k), np.arange(1800) // 30 == k) for k in range(60)]
    worst = judge_slices("macro_f1", labels, said, 3, parts)[0]
    assert (worst.value, worst.verdict) == ("0", "worse") and worst.p == pytest.approx(1 / 2400)


def test_macro_f1_of_the_whole_is_over_the_classes_that_it_has() -> None:
    labels = np.arange(60) % 2
    assert whole_figure("macro_f1", labels, labels, 3) == 1.0
    assert whole_figure("accuracy", labels, labels, 3) == 1.0


def test_macro_f1_is_over_the_classes_of_the_slice() -> None:
    labels = np.repeat([0, 1, 2, 3], 50)
    [one] = judge_slices("macro_f1", labels, labels, 4, [("size", "small", labels < 2)])
    assert one.figure == one.rest == one.high == 1.0 and one.p == 1.0 and one.verdict == "no evidence"


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "macro_f1"])
def test_slices_that_are_alike_are_not_called_different(metric: str) -> None:
    """1,000 slices drawn by chance of accuracy, 200 of another metric: 5 % and two deviations of that."""
    random, count = np.random.default_rng(1), 1000 if metric == "accuracy" else 200
    found = []
    for seed in range(count // 50):
        labels, said = answers(500, 3, 0.85, seed)
        parts = [("chance", str(k), random.permutation(500) < random.integers(40, 250)) for k in range(50)]
        found += [one.p for one in judge_slices(metric, labels, said, 3, parts)]
    share = float((np.array(found) < 0.05).mean())
    assert len(found) == count and share <= 0.05 + 2 * (0.05 * 0.95 / count) ** 0.5
    assert share > 0.005
