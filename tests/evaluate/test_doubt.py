"""Temperature, sets of classes and the reject option, on probabilities whose truth is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from escalera.evaluate.doubt import find_doubt, fit_temperature, least_probability, reject_curve
from escalera.evaluate.metrics import metrics, softmax, tally, total


def honest(rows: int, classes: int = 5, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits whose softmax is the very distribution that the labels are drawn from."""
    random = np.random.RandomState(seed)
    logits = random.normal(scale=2, size=(rows, classes))
    drawn = (softmax(logits).cumsum(axis=1) < random.rand(rows, 1)).sum(axis=1)
    return logits, np.minimum(drawn, classes - 1)


def test_the_temperature_undoes_what_made_the_logits_too_sure() -> None:
    logits, labels = honest(5000)
    assert fit_temperature(logits, labels) == pytest.approx(1.0, abs=0.05)
    assert fit_temperature(3 * logits, labels) == pytest.approx(3.0, abs=0.15)
    fresh, truth = honest(5000, seed=1)

    def error(scaled: NDArray[np.float64]) -> float:
        return float(metrics(total(tally(scaled, truth)))["calibration_error"])

    assert error(3 * fresh / fit_temperature(3 * logits, labels)) < 0.5 * error(3 * fresh)


def test_answers_are_as_sure_as_the_temperature_makes_them() -> None:
    """Logits three times too large, both to learn from and to answer with: the sets are those of honest ones."""
    logits, labels = honest(2000)
    doubt, plain = (find_doubt((scale * logits, labels), (scale * logits, labels), 0.9) for scale in (3.0, 1.0))
    assert doubt.temperature == pytest.approx(3 * plain.temperature, rel=1e-3)
    assert doubt.least == pytest.approx(plain.least, abs=1e-3)
    fresh, _ = honest(200, seed=1)
    assert doubt.probabilities(3 * fresh) == pytest.approx(softmax(fresh / plain.temperature), abs=1e-3)


@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_sets_hold_the_true_class_as_often_as_promised(coverage: float) -> None:
    held = []
    for seed in range(30):
        (logits, labels), (fresh, truth) = honest(400, seed=2 * seed), honest(400, seed=2 * seed + 1)
        doubt = find_doubt((logits, labels), (logits, labels), coverage)
        sets = doubt.sets(doubt.probabilities(fresh))
        held.append(sets[np.arange(400), truth].mean())
        assert doubt.rows == 400
    assert np.mean(held) == pytest.approx(coverage, abs=0.015)


def test_few_rows_promise_nothing_but_all_classes() -> None:
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert least_probability(probabilities, np.array([0, 1]), 0.9) == 0.0
    assert least_probability(probabilities, np.array([0, 1]), 0.5) == 0.8


def test_without_a_coverage_there_is_a_temperature_alone() -> None:
    doubt = find_doubt(honest(100), None, None)
    assert (doubt.coverage, doubt.least, doubt.rows) == (None, None, None)


def test_the_surest_rows_are_answered_last() -> None:
    confidence = np.linspace(0.5, 1, 100)
    curve = reject_curve(confidence, confidence > 0.75)
    assert curve[0] == (1.0, 0.5, 0.5)
    assert [accuracy for share, accuracy, _ in curve if share <= 0.5] == pytest.approx([1.0] * 10)
    assert len(curve) == 20
