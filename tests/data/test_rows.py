"""Rows of a mapped array: through the map, and by calls where it is large."""

from pathlib import Path

import numpy as np
import pytest

from escalera.data import rows
from escalera.data.rows import Rows


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "pictures.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (40, 4, 4, 3), np.uint8))
    return path


@pytest.mark.parametrize("large", [0, 10**9])
@pytest.mark.parametrize("wanted", [[], [7], [3, 4, 5, 39, 0, 0, 1, 38, 39], list(range(40))])
def test_the_rows_are_those_of_the_array_in_their_order(
    file: Path, large: int, wanted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "LARGE", large)
    taken = Rows(np.load(file, mmap_mode="r")).take(np.array(wanted, dtype=np.int64))
    assert np.array_equal(taken, np.load(file)[wanted].reshape(len(wanted), 48))


def test_a_large_array_is_read_after_its_file_was_removed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "LARGE", 0)
    pictures = np.load(file)
    source = Rows(np.load(file, mmap_mode="r"))
    file.unlink()
    assert np.array_equal(source.take(np.array([5])), pictures[5].reshape(1, 48))


def test_a_file_that_was_cut_is_an_error_and_no_picture_of_zeros(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "LARGE", 0)
    source = Rows(np.load(file, mmap_mode="r"))
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.truncate(size - 48)
    with pytest.raises(OSError, match=f"the file of the pictures ends at byte {size - 48}; it was changed meanwhile"):
        source.take(np.array([39]))
