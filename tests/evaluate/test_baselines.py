"""What needs no network: by hand, against scikit-learn, and never from a row that is not train's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from escalera.data.dataset import Split
from escalera.evaluate import baselines as module
from escalera.evaluate.baselines import ATTRIBUTES, IMAGES, MAJORITY, baselines, majority
from escalera.evaluate.shares import blind_brier, blind_loss, shifted


def part(images: np.ndarray, labels: list[int], rows: list[int], attributes: np.ndarray | None = None) -> Split:
    return Split(images, np.array(labels), np.array(rows), attributes=attributes)


def grey(*levels: int) -> np.ndarray:
    """Images of a single pixel."""
    return np.array(levels, np.uint8).reshape(-1, 1, 1, 1)


def test_by_hand() -> None:
    # Train: class 0 at 10 and 30 (mean 20), class 1 at 90, 100 and 110 (mean 100); 60 lies in the middle.
    images, labels = grey(10, 30, 90, 100, 110, 59, 61, 60, 255), [0, 0, 1, 1, 1, 1, 0, 1, 1]
    train, test = part(images, labels, [0, 1, 2, 3, 4]), part(images, labels, [5, 6, 7, 8])
    found = baselines(train, test, 2, images=True, attributes=False)
    assert list(found) == [MAJORITY, IMAGES]
    assert found[MAJORITY].tolist() == [[1, 1, 1, 1]]
    # 59 is nearer to 20, 61 to 100; of equal distances (60) the first class counts.
    assert found[IMAGES].tolist() == [[0, 1, 0, 1]]
    shares = {name: float((said[0] == test.labels[test.rows]).mean()) for name, said in found.items()}
    assert shares == {MAJORITY: 0.75, IMAGES: 0.25}


def test_of_equally_frequent_classes_the_first() -> None:
    assert majority(part(grey(1, 2, 3), [2, 1, 2], [0, 1]), 3) == 1


def test_attributes_alone_need_no_pixels() -> None:
    attributes = np.array([[0, 0], [0, 2], [5, 5], [1, 0.5]], np.float32)
    train, test = (part(grey(0, 0, 0, 0), [0, 0, 1, 1], rows, attributes) for rows in ([0, 1, 2], [3]))
    found = baselines(train, test, 2, images=False, attributes=True)
    assert {name: said.tolist() for name, said in found.items()} == {MAJORITY: [[0]], ATTRIBUTES: [[0]]}


def test_rows_outside_train_teach_nothing() -> None:
    images, labels = grey(10, 100, 200, 0), [0, 1, 0, 0]
    test = part(images, labels, [2])
    one = baselines(part(images, labels, [0, 1]), test, 2, images=True, attributes=False)
    images[3], labels[3] = 255, 1
    assert baselines(part(images, labels, [0, 1]), test, 2, images=True, attributes=False)[IMAGES] == one[IMAGES]


def test_a_class_that_train_lacks_is_never_answered() -> None:
    images, labels = grey(10, 100, 0), [1, 2, 0]
    found = baselines(part(images, labels, [0, 1]), part(images, labels, [2]), 3, images=True, attributes=False)
    assert found[IMAGES].tolist() == [[1]]


def test_the_mean_of_a_single_row_is_that_row() -> None:
    images, labels = grey(40, 40, 100, 47), [0, 0, 1, 0]
    found = baselines(part(images, labels, [0, 1, 2]), part(images, labels, [3]), 2, images=True, attributes=False)
    assert found[IMAGES].tolist() == [[0]]


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (8, 3), (32, 3), (40, 1)])
def test_as_scikit_learn(side: int, channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", 7 * side * side * channels)  # several parts
    random = np.random.default_rng(side)
    labels = random.integers(0, 5, 90).tolist()
    images = random.integers(0, 200, (90, side, side, channels)).astype(np.uint8)
    for k in range(5):
        images[np.array(labels) == k, k : k + 3] += 40
    rows = random.permutation(90)
    train, test = (part(images, labels, np.sort(some).tolist()) for some in (rows[:60], rows[60:]))
    found = baselines(train, test, 5, images=True, attributes=False)[IMAGES][0]
    flat = images.astype(float)
    if side == 40:  # larger ones are averaged in squares of two
        flat = flat.reshape(90, 20, 2, 20, 2, channels).mean(axis=(2, 4))
    flat = flat.reshape(90, -1)
    known = NearestCentroid().fit(flat[train.rows], np.array(labels)[train.rows])
    assert found.tolist() == known.predict(flat[test.rows]).tolist()


def test_squares_at_the_edge_are_averages_too() -> None:
    images = np.zeros((2, 33, 33, 1), np.uint8)
    images[1, 32, 32] = 200  # alone in its square
    assert module._averaged(images, 2).reshape(2, 17, 17)[1, 16, 16] == 200


def test_shares_that_differ() -> None:
    assert shifted([90, 10], [900, 100]) is None
    assert shifted([900, 100], [600, 400]) == 0
    assert shifted([5, 5], [8, 2]) is None  # too few rows to tell
    assert shifted([30_000, 30_000], [50_900, 49_100]) is None  # certain, but too little to matter
    assert shifted([10, 20, 0], [10, 20, 400]) == 2
    assert shifted([], []) is None
    assert shifted([10, 0], [0, 0]) is None
    assert shifted([10], [20]) is None


def test_blindly_means_by_the_shares() -> None:
    assert blind_loss([29, 3]) == pytest.approx(-(29 / 32 * math.log(29 / 32) + 3 / 32 * math.log(3 / 32)))
    assert blind_loss([5] * 10) == pytest.approx(math.log(10))
    assert (blind_loss([7, 0]), blind_brier([7, 0]), blind_loss([])) == (0, 0, 0)
    assert blind_brier([3, 1]) == pytest.approx(1 - 9 / 16 - 1 / 16)
