"""The confusion matrix by its cells: the same whole, kept as JSON either way, and read again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from escalera.evaluate.confusion import DENSE, Confusion
from escalera.evaluate.metrics import measure


def some(classes: int, rows: int = 400) -> tuple[np.ndarray, np.ndarray, Confusion]:
    random = np.random.default_rng(classes)
    labels, said = random.integers(0, classes, (2, rows))
    return labels, said, Confusion.of(labels, said, classes)


@pytest.mark.parametrize("classes", [2, 7, DENSE, DENSE + 1, 300])
def test_whole_kept_and_read_again(classes: int) -> None:
    labels, said, found = some(classes)
    known = confusion_matrix(labels, said, labels=range(classes))
    assert found.whole().tolist() == known.tolist()
    kept = json.loads(json.dumps(found.kept()))
    assert isinstance(kept, list) == (classes <= DENSE)
    again = Confusion.read(kept, classes)
    assert again is not None
    assert again.whole().tolist() == known.tolist()
    # Every earlier run has the whole matrix, however many classes.
    again = Confusion.read(known.tolist(), classes)
    assert again is not None
    assert again.whole().tolist() == known.tolist()


def test_metrics_of_a_thousand_classes_are_small() -> None:
    labels, said, found = some(1000)
    logits = np.zeros((400, 1000), np.float32)
    logits[np.arange(400), said] = 1
    kept = measure(logits, labels, [f"c{k}" for k in range(1000)])
    assert Confusion.read(kept["confusion"], 1000) is not None
    assert kept["confusion"]["rows"] == found.rows.tolist()
    assert len(json.dumps(kept["confusion"])) < 10_000


def test_depths_and_pairs() -> None:
    found = Confusion.read([[6, 2, 0], [1, 3, 0], [0, 5, 5]], 3)
    assert found is not None
    # The right ones by their share of the class, the wrong ones by theirs over the largest (5 of 10).
    assert found.depths().tolist() == pytest.approx([0.75, 0.85 * 0.5, 0.85 * 0.5, 0.75, 0.85, 0.5])
    assert found.support.tolist() == [8, 4, 10]
    assert found.pairs(2) == [(2, 1, 5, 0.5), (0, 1, 2, 0.25)]


@pytest.mark.parametrize(
    "value",
    [
        None, "x", 3, [], [[1, 2]], [[1, 2], [3]], [[0, 0], [0, 0]], [[1, -1], [0, 1]], [["a", 1], [1, 1]],
        [[1e400, 1], [1, 1]], {}, {"truth": [0], "said": [2], "rows": [1]}, {"truth": [-1], "said": [0], "rows": [1]},
        {"truth": [0, 1], "said": [0], "rows": [1]}, {"truth": [0], "said": [0], "rows": [0]},
        {"truth": 0, "said": 0, "rows": 0}, {"truth": "x", "said": [0], "rows": [1]}, {"truth": None},
    ],
)  # fmt: skip
def test_what_does_not_fit_is_none(value: Any) -> None:
    assert Confusion.read(value, 2) is None
