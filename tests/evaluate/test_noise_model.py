"""How labels come to be wrong: what was planted is found again, and a network's own mistakes are not taken for it."""

import numpy as np
import pytest
from numpy.typing import NDArray

from escalera.evaluate.noise_model import fit_noise

Planted = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]


def planted(given: NDArray[np.float64], rows: int = 6000, spread: float = 3.0, sure: float = 0.5) -> Planted:
    """What a network says that has learned from labels written by a matrix, these labels, and the true ones.

    Its own probabilities are honest: a row of which it is unsure is of either class as often as it says.
    """
    random = np.random.RandomState(0)
    shown = np.exp(spread * random.normal(size=(rows, len(given))))
    shown /= shown.sum(axis=1, keepdims=True)
    true = (random.rand(rows, 1) > shown.cumsum(axis=1)).sum(axis=1)
    labels = (random.rand(rows, 1) > given[true].cumsum(axis=1)).sum(axis=1)
    said = shown**sure
    return said / said.sum(axis=1, keepdims=True), labels, true


def evenly(share: float, classes: int = 4) -> NDArray[np.float64]:
    matrix = np.full((classes, classes), share / (classes - 1))
    np.fill_diagonal(matrix, 1 - share)
    return matrix


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2])
def test_the_share_is_what_was_planted(share: float) -> None:
    said, labels, true = planted(evenly(share))
    model = fit_noise(said, labels)
    wrong = model.wrong(said, labels)
    # The network itself is right on three rows of four, which counting its disagreements would call wrong.
    assert np.mean(said.argmax(axis=1) != labels) > 0.2
    assert wrong.mean() == pytest.approx(np.mean(true != labels), abs=0.015)
    assert model.temperature == pytest.approx(0.5, abs=0.05)
    assert model.matrix.sum(axis=1) == pytest.approx(np.ones(4))
    assert share == 0 or wrong[true != labels].mean() > 2 * wrong.mean()


def test_a_class_that_is_written_as_another_is_found() -> None:
    matrix = np.eye(4)
    matrix[0, :2] = 0.7, 0.3
    said, labels, true = planted(matrix)
    model = fit_noise(said, labels)
    assert model.matrix[0, 1] == pytest.approx(0.3, abs=0.05)
    assert model.matrix[1:].diagonal(1) == pytest.approx(np.ones(3), abs=0.03)
    assert model.wrong(said, labels).mean() == pytest.approx(np.mean(true != labels), abs=0.015)


def test_few_rows_keep_the_temperature_of_others() -> None:
    said, labels, _ = planted(evenly(0.1))
    model = fit_noise(said[:30], labels[:30], 0.5)
    assert model.temperature == 0.5
    # Of a class that has hardly a row what is said of all classes is believed.
    assert np.ptp(model.matrix.diagonal()) < 0.05


def test_a_single_class_is_never_wrong() -> None:
    model = fit_noise(np.ones((5, 1)), np.zeros(5, np.int64))
    assert model.wrong(np.ones((5, 1)), np.zeros(5, np.int64)).tolist() == [0] * 5
