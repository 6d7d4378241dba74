"""CSV files whose columns are pixels, as beginners meet them first."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from escalera.core.errors import DataError
from escalera.core.translation import translate
from escalera.data.options import ReadOptions
from escalera.data.sources.open import ImageSet, open_source

PIXELS = np.random.RandomState(0).randint(0, 256, (12, 25))


def csv(pixels: np.ndarray, name: str = "pixel{}", more: str = "") -> str:
    """A table of labels and pixels; the labels alternate."""
    head = ",".join(["label", *(name.format(n) for n in range(pixels.shape[1]))])
    return "\n".join([head + more, *(",".join(map(str, [n % 2, *row])) for n, row in enumerate(pixels))]) + "\n"


@pytest.fixture
def opened(root: Path) -> Callable[..., ImageSet]:
    def read(files: dict[str, str], **options: Any) -> ImageSet:
        for name, content in files.items():
            (root / "mine").mkdir(parents=True, exist_ok=True)
            (root / "mine" / name).write_text(content)
        return open_source("mine", ReadOptions(**options), data_root=root, image_size=None, channels=None)

    return read


@pytest.mark.parametrize("name", ["pixel{}", "px_{}", "{}", "x{}", "Pixel.{}"])
def test_a_column_for_each_pixel(name: str, opened: Callable[..., ImageSet]) -> None:
    mine = opened({"train.csv": csv(PIXELS, name)})
    assert (mine.splits["train"].images[..., 0].reshape(12, -1) == PIXELS).all()
    assert mine.splits["train"].images.shape == (12, 5, 5, 1)
    assert (mine.classes, mine.splits["train"].table) == (["0", "1"], None)
    first, last = name.format(0), name.format(24)
    assert mine.notes == (
        f"train.csv: columns '{first}' to '{last}' hold the pixels of images of 5x5; data.shape says another height "
        "and width.",
    )


def test_train_and_test_with_and_without_labels(opened: Callable[..., ImageSet]) -> None:
    mine = opened({"train.csv": csv(PIXELS), "test.csv": csv(PIXELS[:4])})
    assert {name: len(part.labels) for name, part in mine.splits.items()} == {"train": 12, "test": 4}
    bare = "\n".join(line.partition(",")[2] for line in csv(PIXELS[:4]).splitlines()) + "\n"
    mine = opened({"train.csv": csv(PIXELS), "test.csv": bare})
    assert list(mine.splits) == ["train"]
    assert mine.notes[-1].endswith("test.csv: left out, since it has no labels; test is cut out of train.")


def test_columns_are_taken_by_their_numbers(opened: Callable[..., ImageSet]) -> None:
    """Whoever sorts them as texts has pixel10 before pixel2."""
    lines = [line.split(",") for line in csv(PIXELS).splitlines()]
    order = [0, *sorted(range(1, 26), key=lambda place: lines[0][place])]
    assert order[:4] == [0, 1, 2, 11]
    mixed = "\n".join(",".join(line[place] for place in order) for line in lines) + "\n"
    assert (opened({"train.csv": mixed}).splits["train"].images[..., 0].reshape(12, -1) == PIXELS).all()
    pairs = csv(PIXELS, "{}").splitlines()
    # Nobody knows which is the row, or what the two kinds of columns are.
    for names in ([f"{n % 5}x{n // 5}" for n in range(25)], [f"{'xp'[n < 12]}{n % 12}" for n in range(24)] + ["x12"]):
        pairs[0] = ",".join(["label", *names])
        mine = opened({"train.csv": "\n".join(pairs) + "\n"})
        assert (mine.splits["train"].images[..., 0].reshape(12, -1) == PIXELS).all()


def test_with_a_target_the_test_file_stays(opened: Callable[..., ImageSet]) -> None:
    """It has no labels, and needs none."""
    priced = csv(PIXELS).replace("label", "price", 1)
    mine = opened({"train.csv": priced, "test.csv": "\n".join(priced.splitlines()[:5]) + "\n"}, target="price")
    assert {name: len(part.labels) for name, part in mine.splits.items()} == {"train": 12, "test": 4}


def test_values_of_a_range(opened: Callable[..., ImageSet]) -> None:
    wide = csv(4 * PIXELS)
    with pytest.raises(
        DataError, match=r"from 0 to 255 as pixels, found .* with data\.range, as \[0, 1023\]\."
    ) as caught:
        opened({"train.csv": wide})
    assert "con data.range, como [0, 1023]" in translate(str(caught.value), "es")
    images = opened({"train.csv": wide}, range=[0, 1020]).splits["train"].images
    assert (images[..., 0].reshape(12, -1) == PIXELS).all()


@pytest.mark.parametrize(
    ("options", "error", "spanish"),
    [
        (
            {"label_column": ["a", "b"]},
            r"data\.label_column: .*train\.csv has its pixels in columns: expected the one column of its labels, "
            r"received a, b\.",
            "se esperaba la única columna de sus etiquetas",
        ),
        ({"image_folder": "x"}, r"data\.image_folder: the images of .* are in it, without paths\.", "sin rutas"),
        ({"image_ending": ".x"}, r"data\.image_ending: the images of .* are in it, without paths\.", "sin rutas"),
        (
            {"split_column": "part"},
            r"data\.split_column: beside .*train\.csv there is another file, for another split\. Take 'part' out, or",
            "hay otro archivo, para otra partición",
        ),
    ],
)
def test_what_has_no_effect_is_refused(
    options: dict[str, Any], error: str, spanish: str, opened: Callable[..., ImageSet]
) -> None:
    with pytest.raises(DataError, match=error) as caught:
        opened({"train.csv": csv(PIXELS), "test.csv": csv(PIXELS[:4])}, **options)
    assert spanish in translate(str(caught.value), "es")


def test_a_column_of_numbers_with_blanks_between(opened: Callable[..., ImageSet]) -> None:
    usage = ["Training"] * 8 + ["PublicTest"] * 2 + ["PrivateTest"] * 2
    rows = [f"{n % 3},{' '.join(map(str, row))},{usage[n]}" for n, row in enumerate(PIXELS)]
    mine = opened({"fer2013.csv": "\n".join(["emotion,pixels,Usage", *rows]) + "\n"})
    assert {name: len(part.labels) for name, part in mine.splits.items()} == {"train": 8, "validation": 2, "test": 2}
    assert (mine.splits["test"].images[..., 0].reshape(2, -1) == PIXELS[10:]).all()


@pytest.mark.parametrize(("shape", "size"), [([4, 6], (4, 6, 1)), ([6, 4], (6, 4, 1)), ([2, 4, 3], (2, 4, 3))])
def test_a_shape_that_is_said(shape: list[int], size: tuple[int, ...], opened: Callable[..., ImageSet]) -> None:
    assert opened({"t.csv": csv(PIXELS[:, :24])}, shape=shape).splits["train"].images.shape == (12, *size)


def test_three_channels(opened: Callable[..., ImageSet]) -> None:
    many = np.random.RandomState(1).randint(0, 256, (6, 48))
    assert opened({"t.csv": csv(many)}).splits["train"].images.shape == (6, 4, 4, 3)


@pytest.mark.parametrize(
    ("pixels", "options", "text"),
    [
        (
            PIXELS[:, :24],
            {},
            "t.csv: 24 pixels in each row make no square; write their height and width with data.shape",
        ),
        (PIXELS, {"shape": [5, 6]}, "t.csv: 25 pixels in each row; data.shape: 5x6 are 30."),
        (PIXELS - 1, {}, "row 0: expected whole numbers from 0 to 255 as pixels, found"),
        (PIXELS / 255, {}, "row 0: expected whole numbers from 0 to 255 as pixels, found"),
        (PIXELS * 9, {}, "expected whole numbers from 0 to 255 as pixels, found"),
    ],
)
def test_columns_that_make_no_images(
    pixels: np.ndarray, options: dict[str, Any], text: str, opened: Callable[..., ImageSet]
) -> None:
    pixels = pixels.copy()
    pixels[0, 0] = pixels.min() if pixels.min() < 0 else pixels[0, 0]
    with pytest.raises(DataError, match=re.escape(text)):
        opened({"t.csv": csv(pixels)}, **options)


def test_rows_of_other_lengths(opened: Callable[..., ImageSet]) -> None:
    rows = [f"{n % 2},{' '.join(map(str, row[: 24 if n == 3 else 25]))}" for n, row in enumerate(PIXELS)]
    with pytest.raises(DataError, match=r"row 3: expected 25 numbers in column 'pixels', found 24\. Rows count from 0"):
        opened({"t.csv": "\n".join(["label,pixels", *rows]) + "\n"})


@pytest.mark.parametrize(
    ("cell", "text"), [("", "found 0"), ("1 x 3", "found '1 x 3'"), ("x" * 99, f"'{'x' * 30}...'")]
)
def test_a_cell_that_holds_no_numbers(cell: str, text: str, opened: Callable[..., ImageSet]) -> None:
    rows = [f"{n % 2},{' '.join(map(str, row))}" for n, row in enumerate([*PIXELS] * 4)]
    rows[7] = f"1,{cell}"
    with pytest.raises(DataError, match=r"row 7: expected .*numbers .*column 'pixels', .*Rows count from 0") as told:
        opened({"t.csv": "\n".join(["label,pixels", *rows]) + "\n"})
    assert text in str(told.value)


def test_a_label_among_several(opened: Callable[..., ImageSet]) -> None:
    table = csv(PIXELS).replace("label,", "who,").splitlines()
    table = [f"{line},{'when' if n == 0 else n}" for n, line in enumerate(table)]
    with pytest.raises(DataError, match="expected one column of labels beside those of the pixels, found who, when"):
        opened({"t.csv": "\n".join(table) + "\n"})
    mine = opened({"t.csv": "\n".join(table) + "\n"}, label_column="who")
    table_found = mine.splits["train"].table
    assert table_found is not None
    assert table_found.column_names == ["when"]
    with pytest.raises(DataError, match=r"has no column 'whom'"):
        opened({"t.csv": "\n".join(table) + "\n"}, label_column="whom")


def test_a_table_with_few_numbers_is_none_of_pixels(opened: Callable[..., ImageSet]) -> None:
    with pytest.raises(DataError, match="expected one column of images"):
        opened({"t.csv": csv(PIXELS[:, :5])})


def test_numbers_beside_paths_are_attributes(root: Path, png: Callable[..., bytes]) -> None:
    """However many there are, and whatever they are called."""
    folder = root / "mine"
    folder.mkdir(parents=True)
    for value in range(1, 5):
        (folder / f"{value}.png").write_bytes(png(value))
    head = ",".join(["image", "label", *(f"x{i}" for i in range(16))])
    rows = "".join(f"{value}.png,{value % 2},{','.join([str(value)] * 16)}\n" for value in range(1, 5))
    (folder / "t.csv").write_text(f"{head}\n{rows}")
    found = open_source("mine", data_root=root, image_size=None, channels=None).splits["train"]
    assert found.images[:, 0, 0, 0].tolist() == [1, 2, 3, 4]
    assert found.table is not None
    assert found.table.num_columns == 16


def test_a_second_file_of_pixels_is_never_dropped(root: Path) -> None:
    folder = root / "mine"
    folder.mkdir(parents=True)
    text = ",".join(["label", *(f"pixel{i}" for i in range(16))]) + "\n" + "".join(f"{i}{',7' * 16}\n" for i in "01")
    for name in ("train.csv", "train-extra.csv"):
        (folder / name).write_text(text)
    with pytest.raises(DataError, match=r"expected one table for train, found 2: train-extra\.csv, train\.csv\. Join"):
        open_source("mine", data_root=root, image_size=None, channels=None)
