"""Several pictures of one row, laid side by side."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from escalera.core.errors import DataError
from escalera.data.images import ImageSet
from escalera.data.mosaic import grid, mosaic, parts
from escalera.data.options import ReadOptions
from escalera.data.sources.open import open_source


@pytest.mark.parametrize(
    ("count", "expected"), [(1, (1, 1)), (2, (1, 2)), (3, (1, 3)), (4, (2, 2)), (5, (1, 5)), (6, (2, 3))]
)
def test_the_grid_is_full_and_near_to_a_square(count: int, expected: tuple[int, int]) -> None:
    assert grid(count) == expected


def test_row_by_row() -> None:
    whole = mosaic([np.full((2, 3, 1), value, np.uint8) for value in range(6)])
    assert whole.shape == (4, 9, 1)
    assert whole[::2, ::3, 0].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_what_was_laid_side_by_side_comes_apart_again(count: int) -> None:
    pictures = [np.full((2, 3, 1), value, np.uint8) for value in range(count)]
    assert [part.tolist() for part in parts(mosaic(pictures), count)] == [picture.tolist() for picture in pictures]


def test_pictures_of_other_shapes() -> None:
    with pytest.raises(DataError) as caught:
        mosaic([np.zeros((2, 3, 1), np.uint8), np.zeros((4, 3, 1), np.uint8)])
    assert str(caught.value) == (
        "expected pictures of one shape to lie side by side, received 2x3x1, 4x3x1 (height x width x channels); "
        "set data.image_size, and data.channels where they differ"
    )


@pytest.fixture
def rooms(root: Path, png: Callable[..., bytes]) -> Path:
    folder = root / "rooms"
    folder.mkdir(parents=True)
    lines = ["kitchen,bath,kind,area"]
    for number in range(4):
        (folder / f"k{number}.png").write_bytes(png(10 + number))
        (folder / f"b{number}.png").write_bytes(png(20 + number))
        lines.append(f"k{number}.png,b{number}.png,{'xy'[number % 2]},{number}")
    (folder / "rooms.csv").write_text("\n".join(lines) + "\n")
    return folder


def opened(root: Path, images: Sequence[str] | str = ("kitchen", "bath"), **more: Any) -> ImageSet:
    options = ReadOptions(image_column=images, label_column="kind")
    return open_source("rooms", options, data_root=root, **{"image_size": None, "channels": None, **more})


def test_two_columns_are_two_pictures_of_a_row(rooms: Path, root: Path) -> None:
    train = opened(root).splits["train"]
    width = train.images.shape[2]
    assert train.images[:, 0, 0, 0].tolist() == [10, 11, 12, 13]
    assert train.images[:, 0, width // 2, 0].tolist() == [20, 21, 22, 23]
    assert train.table is not None
    assert train.table.column_names == ["area"]
    sized = opened(root, image_size=(5, 7)).splits["train"].images
    assert sized.shape[1:3] == (5, 14)
    assert opened(root, "bath").splits["train"].images.shape[2] == width // 2


def test_a_missing_picture_is_named_with_its_row_and_column(rooms: Path, root: Path) -> None:
    (rooms / "b2.png").unlink()
    with pytest.raises(DataError) as caught:
        opened(root)
    assert str(caught.value) == (
        "1 of 4 rows of pictures cannot be decoded (rows count from 0):\n"
        f"  {rooms / 'rooms.csv'}: row 2: bath (b2.png): cannot be read: No such file or directory\n"
        "Put good files in their place, take them out, or leave them out with --skip-bad."
    )
    left = opened(root, bad="skip")
    assert left.splits["train"].images[:, 0, 0, 0].tolist() == [10, 11, 13]
    table = left.splits["train"].table
    assert table is not None
    assert table["area"].to_pylist() == [0, 1, 3]
    assert len(left.skipped) == 1


def test_an_empty_cell_is_a_missing_picture(rooms: Path, root: Path) -> None:
    text = (rooms / "rooms.csv").read_text().replace("k1.png", "")
    (rooms / "rooms.csv").write_text(text)
    with pytest.raises(DataError, match=r"row 1: kitchen: no picture \(null\)"):
        opened(root)


def test_a_changed_picture_is_read_anew(rooms: Path, root: Path, png: Callable[..., bytes]) -> None:
    opened(root)
    (rooms / "b0.png").write_bytes(png(99))
    images = opened(root).splits["train"].images
    assert images[0, 0, images.shape[2] // 2, 0] == 99
