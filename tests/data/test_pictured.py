"""Tables whose pictures are files beside them: the columns, the paths, the attributes."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from escalera.core.errors import DataError
from escalera.data.options import ReadOptions
from escalera.data.sources.open import ImageSet, open_source


@pytest.fixture
def table(root: Path, png: Callable[..., bytes]) -> Callable[..., Path]:
    """`table("image,kind\\na.png,x\\n")`: `<root>/mine/mine.csv`; a.png to f.png lie beside it, and below `more`."""

    def write(text: str | bytes, name: str = "mine.csv") -> Path:
        folder = root / "mine"
        (folder / "more").mkdir(parents=True, exist_ok=True)
        for value, letter in enumerate("abcdef", start=1):
            (folder / f"{letter}.png").write_bytes(png(value))
            (folder / "more" / f"{letter}.png").write_bytes(png(10 * value))
        (root / "secret.png").write_bytes(png(99))
        (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return folder / name

    return write


@pytest.fixture
def opened(root: Path) -> Callable[..., ImageSet]:
    def read(**settings: Any) -> ImageSet:
        return open_source("mine", ReadOptions(**settings), data_root=root, image_size=None, channels=None)

    return read


def table_of(found: ImageSet, split: str = "train") -> pa.Table:
    table = found.splits[split].table
    assert table is not None
    return table


def values(opened: ImageSet) -> list[int]:
    return [int(value) for value in opened.splits["train"].images[:, 0, 0, 0]]


def test_pictures_labels_and_attributes(table: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    table("image,kind,weight,town\nb.png,x,1.5,Lima\nmore/a.png,y,,\n./c.png,x,2,Quito\nmore/../d.png,y,4,Lima\n")
    mine = opened(label_column="kind")
    assert values(mine) == [2, 10, 3, 4]
    assert mine.classes == ["x", "y"]
    assert mine.splits["train"].labels.tolist() == [0, 1, 0, 1]
    assert table_of(mine).to_pydict() == {
        "weight": [1.5, None, 2, 4], "town": ["Lima", None, "Quito", "Lima"],
    }  # fmt: skip


def test_the_table_comes_back_from_the_cache(table: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    table("image,label,weight\na.png,0,1\nb.png,1,2\n")
    first, second = opened(), opened()
    assert table_of(first).equals(table_of(second))
    assert table_of(first).to_pydict() == {"weight": [1, 2]}


def test_a_table_of_pictures_and_labels_alone_has_no_attributes(
    table: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    table("image,label\na.png,0\nb.png,1\n")
    assert opened().splits["train"].table is None


def test_columns_of_other_pictures_are_no_attributes(
    table: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    table("left,right,label\na.png,b.png,0\nb.png,c.png,1\n")
    mine = opened(image_column="right")
    assert values(mine) == [2, 3]
    assert mine.splits["train"].table is None


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_separators_and_marks_of_spreadsheets(
    separator: str, mark: str, table: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    table(mark + "image,label\r\na.png,x\r\nb.png,y\r\n".replace(",", separator))
    assert opened().classes == ["x", "y"]


def test_the_target_stays_in_the_table(table: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    table("image,price,rooms\na.png,10.5,1\nb.png,20.5,2\n")
    mine = opened(target="price")
    assert (mine.classes, mine.splits["train"].labels.tolist()) == ([], [0, 0])
    assert table_of(mine).to_pydict() == {"price": [10.5, 20.5], "rooms": [1, 2]}


def test_bad_rows_are_left_out_of_the_table_too(
    table: Callable[..., Path], opened: Callable[..., ImageSet], root: Path
) -> None:
    path = table("image,label,weight\na.png,x,1\ngone.png,y,2\nb.png,y,3\n,x,4\n")
    mine = open_source("mine", data_root=root, image_size=None, channels=None, bad="skip")
    assert mine.skipped == (
        f"{path}: row 1 (gone.png): cannot be read: No such file or directory",
        f"{path}: row 3: no picture (null)",
    )
    assert values(mine) == [1, 2]
    assert mine.splits["train"].labels.tolist() == [0, 1]
    assert table_of(mine).to_pydict() == {"weight": [1, 3]}


def test_a_parquet_file_of_paths(table: Callable[..., Path], opened: Callable[..., ImageSet], root: Path) -> None:
    table("", "none.txt")
    pq.write_table(pa.table({"file": ["a.png", "more/b.png"], "kind": ["x", "y"]}), root / "mine" / "train.parquet")
    pq.write_table(pa.table({"file": ["c.png"], "kind": ["x"]}), root / "mine" / "validation.parquet")
    mine = opened()
    assert values(mine) == [1, 20]
    assert mine.splits["validation"].labels.tolist() == [0]


def test_true_and_false_are_classes(table: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    table("image,label\na.png,true\nb.png,false\n")
    assert opened().classes == ["false", "true"]


def test_a_picture_that_changed_is_decoded_anew(
    table: Callable[..., Path], opened: Callable[..., ImageSet], root: Path, png: Callable[..., bytes]
) -> None:
    table("image,label\na.png,x\nb.png,y\n")
    assert values(opened()) == [1, 2]
    (root / "mine" / "a.png").write_bytes(png(50))
    assert values(opened()) == [50, 2]


@pytest.mark.parametrize("path", ["../secret", "more/../../secret", "../../../etc/passwd", "more/../../mine/a"])
def test_a_path_that_leaves_the_folder(
    path: str, table: Callable[..., Path], opened: Callable[..., ImageSet], root: Path
) -> None:
    file = table(f"image,label\na.png,x\nb.png,y\n{path}.png,y\n")
    for bad in ("refuse", "skip"):  # never left out: it is no damaged picture but a table that is not to be trusted
        with pytest.raises(DataError) as error:
            open_source("mine", data_root=root, image_size=None, channels=None, bad=bad)
        assert str(error.value) == (
            f"{file}: expected paths of pictures relative to {root}/mine and inside it, in column 'image'; 1 of 3 are "
            f"not (rows count from 0):\n  row 2: {path}.png: it leaves the folder\n"
            "Put the pictures beside the table, and write their paths from there."
        )


@pytest.mark.parametrize("path", ["/etc/passwd.png", "C:\\x.png", "C:x.png", "\\\\host\\x.png"])
def test_a_path_that_is_absolute(path: str, table: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    table(f"image,label\n{path},x\nb.png,y\n")
    with pytest.raises(DataError, match=re.escape(f"row 0: {path}: it is absolute")):
        opened()


def test_a_path_that_leads_nowhere(table: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    file = table("image,label\na.png,x\nb.png,y\ngone.png,y\n")
    with pytest.raises(DataError, match=re.escape(f"{file}: row 2 (gone.png): cannot be read: No such file or dir")):
        opened()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "{} has no first line with the names of the columns."),
        ("\n\n", "{} has no first line with the names of the columns."),
        ("image,label\n", "{} has 0 rows below its first line."),
        ("image,label\na.png,x\nb.png\n", "{} cannot be read as CSV: CSV parse error: Row #3: Expected 2 columns,"),
        ("image,label,label\na.png,x,y\n", "{}: column 'label' is there twice. Give each column a name of its own."),
        ("image,label\na.png,x\nb.png,\n", "{}: column 'label' has no label (null) at 1 of 2 rows, counted from 0: 1."),
        ("image,weight\na.png,1.5\nb.png,2.5\n", "{}: expected one column of labels (integers or text), found none; i"),
        ("image,weight\na.png,1.5\nb.png,2.5\n", "classes, with data.target: weight and data.bands: 4."),
        ("image,label\n/9j/4AAQSkZJRg,x\n/9j/4AAQSkZJ,y\n", "{}: column 'image' holds pictures written as text (bas"),
        ("image,label\na.png,x\nb.png\n", "Mend that row, or put quotes around a field that holds the separator."),
        ("image,a,b\na.png,1,2\nb.png,2,3\n", "found 2 (a, b); its columns: image (string), a (int64), b (int64). Say"),
        ("name,label\nA,x\nB,y\n", "{}: expected one column of images (binary, bytes and path as the hub writes them,"),
        (b"image,label\n\xff.png,x\n", "{} is not UTF-8 (invalid start byte at byte 12). Save it as UTF-8, or"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_read(
    text: str | bytes, message: str, table: Callable[..., Path], opened: Callable[..., ImageSet], tmp_path: Path
) -> None:
    file = table(text)
    with pytest.raises(DataError, match=re.escape(message.format(file))):
        opened()
    assert not list((tmp_path / "cache").glob("*"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"label_column": "lable"}, "{} has no column 'lable'; its columns: image (string), label (string). Did you m"),
        ({"image_column": "picture"}, "{} has no column 'picture'; its columns: image (string), label (string). Known"),
        ({"group": "patient"}, "data.group: {} has no column 'patient'; its columns: image (string), label (string). "),
        ({"target": "price"}, "data.target: {} has no column 'price'; its columns: image"),
    ],
)  # fmt: skip
def test_columns_that_are_not_there(
    settings: dict[str, Any], message: str, table: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    file = table("image,label\na.png,x\nb.png,y\n")
    with pytest.raises(DataError, match=re.escape(message.format(file))):
        opened(**settings)


def many(values: int, rows: int) -> str:
    return "image,label,kind\n" + "".join(f"a.png,{row % values},{row % 2}\n" for row in range(rows))


def test_a_column_of_ten_thousand_labels_is_asked_about(
    table: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    file = table(many(10_000, 10_000))
    question = (
        f"{file}: column 'label' has 10,000 different values in 10,000 rows, as 0, 1, 2. Is it the right column for "
        "the labels? Name another with data.label_column"
    )
    with pytest.raises(DataError) as error:
        opened()
    assert str(error.value) == f"{question}, or this one to say that it is. Every class needs several pictures."
    with pytest.raises(DataError) as error:
        opened(label_column="label")
    assert str(error.value) == f"{question}. Every class needs several pictures."
    assert opened(label_column="kind").classes == ["0", "1"]


def test_many_classes_are_believed_when_the_column_is_named(
    table: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    table(many(1_001, 2_002))
    with pytest.raises(DataError, match="1,001 different values in 2,002 rows"):
        opened()
    assert len(opened(label_column="label").classes) == 1_001


def test_many_classes_with_many_rows_each_are_believed(
    table: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    table(many(1_001, 10_010))
    assert len(opened().classes) == 1_001


@pytest.mark.data
def test_houses(real_data: Path) -> None:
    settings: dict[str, Any] = {"data_root": real_data, "image_size": (8, 8), "channels": 3}
    with pytest.raises(DataError, match=re.escape("found 4 (frontal, bedroom, bathroom, kitchen); its columns: house")):
        open_source("houses", ReadOptions(target="price"), **settings)
    houses = open_source("houses", ReadOptions(target="price", image_column="frontal"), **settings)
    assert houses.splits["train"].images.shape == (535, 8, 8, 3)
    assert table_of(houses).column_names == ["house", "bedrooms", "bathrooms", "area", "zipcode", "price"]
