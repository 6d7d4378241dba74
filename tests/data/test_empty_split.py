"""A split without any pictures: nothing is found in it, and nothing breaks."""

import numpy as np

from escalera.data.duplicates.search import find_duplicates
from escalera.data.rows import Rows


def test_no_rows_of_an_array_without_pictures() -> None:
    assert Rows(np.empty((0, 4, 5, 3), np.uint8)).take(np.empty(0, np.int64)).shape == (0, 60)


def test_duplicates_beside_a_split_without_pictures() -> None:
    pictures = np.arange(32, dtype=np.uint8).reshape(2, 4, 4, 1)[[0, 1, 0]]
    found = find_duplicates({"train": pictures, "validation": pictures[:0], "test": pictures[1:2]})
    assert [(pair.first, pair.second) for pair in found.pairs()] == [
        (("train", 0), ("train", 2)),
        (("train", 1), ("test", 0)),
    ]
