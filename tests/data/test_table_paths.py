"""The paths in a table: written elsewhere, without folder or ending, in several folders; never outside."""

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from escalera.core.errors import DataError
from escalera.core.translation import translate
from escalera.data.options import ReadOptions
from escalera.data.readers.tables import unlabelled_table
from escalera.data.sources.open import ImageSet

FOUR = {f"img/{letter}.png": number for number, letter in enumerate("abcd", start=1)}


def csv(head: str, *lines: str) -> str:
    return "\n".join([head, *lines]) + "\n"


def values(found: ImageSet, split: str = "train") -> list[int]:
    return [int(value) for value in found.splits[split].images[:, 0, 0, 0]]


@pytest.mark.parametrize("between", ["\\", "/./", "\\.\\", "//"])
def test_paths_as_they_are_written_elsewhere(
    between: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({**FOUR, "t.csv": csv("path,label", *(f"img{between}{name}.png,{name in 'ab'}" for name in "abcd"))})
    found = opened()
    assert values(found) == [1, 2, 3, 4]
    windows = ("t.csv: 4 paths have backslashes, as on Windows, and are read with slashes.",)
    assert found.notes == (windows if "\\" in between else ())


@pytest.mark.parametrize(
    ("written", "note"),
    [
        ("img\\b.png", "path has backslashes, as on Windows, and is read with slashes"),
        ("img/B.png", "path has other capitals than the file"),
    ],
)
def test_one_path_that_is_written_otherwise(
    written: str, note: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({**FOUR, "t.csv": csv("path,label", "img/a.png,x", f"{written},y")})
    assert opened().notes == (f"t.csv: 1 {note}.",)


@pytest.mark.parametrize(("file", "written"), [("NFD", "NFC"), ("NFC", "NFD"), ("NFC", "NFC")])
def test_accents_are_found_however_they_are_composed(
    file: Literal["NFC", "NFD"],
    written: Literal["NFC", "NFD"],
    put_all: Callable[..., Path],
    opened: Callable[..., ImageSet],
) -> None:
    names = ["niño", "árbol"]
    files = {unicodedata.normalize(file, f"fotos/{name}.png"): number for number, name in enumerate(names, start=5)}
    lines = [unicodedata.normalize(written, f"fotos/{name}.png,{name[0]}") for name in names]
    put_all({**files, "t.csv": csv("path,label", *lines)})
    found = opened()
    assert values(found) == [5, 6]
    assert bool(found.notes) == (file != written)


def test_an_absolute_path_inside_the_folder_is_one_of_it(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet], root: Path
) -> None:
    folder = put_all(FOUR)
    put_all({"t.csv": csv("path,label", *(f"{folder}/img/{name}.png,{name in 'ab'}" for name in "abcd"))})
    assert values(opened()) == [1, 2, 3, 4]


@pytest.mark.parametrize("path", ["..\\secret.png", "img\\..\\..\\secret.png", "/etc/passwd.png", "C:\\a.png"])
def test_no_path_leaves_the_folder_however_it_is_written(
    path: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet], root: Path, png: Callable[..., bytes]
) -> None:
    put_all({**FOUR, "t.csv": csv("path,label", "img/a.png,x", f"{path},y")})
    (root / "secret.png").write_bytes(png(99))
    with pytest.raises(DataError, match=re.escape("1 of 2 are not (rows count from 0):\n  row 1: ")):
        opened()


def test_many_wrong_paths_are_a_few_lines(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    put_all({"t.csv": csv("path,label", *(f"C:\\x\\{i}.jpg,{i % 2}" for i in range(2_000)))})
    with pytest.raises(DataError) as error:
        opened()
    assert "2,000 of 2,000 are not" in str(error.value) and "... and 1,995 more" in str(error.value)
    assert len(str(error.value).splitlines()) == 8


@pytest.mark.parametrize(
    ("files", "before", "behind"),
    [
        ({f"train/{name}.png": n for n, name in enumerate("abcd", 1)}, "train/", ".png"),
        ({f"images/all/{name}.png": n for n, name in enumerate("abcd", 1)}, "images/all/", ".png"),
        ({f"{name}.JPG": n for n, name in enumerate("abcd", 1)}, "", ".JPG"),
        ({f"pics/{name}": n for n, name in enumerate("abcd", 1)}, "pics/", ""),
    ],
)
def test_names_without_their_folder_or_ending(
    files: dict[str, Any], before: str, behind: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({**files, "labels.csv": csv("id,breed", *(f"{name},{name in 'ab'}" for name in "abcd"))})
    put_all({"sample_submission.csv": csv("id,pug,beagle", "x,0.5,0.5")})
    found = opened()
    assert values(found) == [1, 2, 3, 4]
    notes = "\n".join(found.notes)
    assert "labels.csv: column 'id' names the images (data.image_column)." in notes
    assert (f"in the folder {before.rstrip('/')} (data.image_folder)" in notes) == bool(before)
    assert (f"with the ending {behind} (data.image_ending)" in notes) == bool(behind)
    assert "not read: sample_submission.csv, beside labels.csv." in notes
    said = opened(image_column="id", image_folder=before or ".", image_ending=behind)
    assert values(said) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "files",
    [
        {"part_1/a.png": 1, "part_1/b.png": 2, "part_2/c.png": 3, "part_2/d.png": 4},  # as HAM10000
        {"train/a.png": 1, "train/b.PNG": 2, "train/c.jpeg": 3, "train/d.png": 4, "test/e.png": 9},
        {"train/a.png": 1, "train/b.png": 2, "train/c.png": 3, "train/d.png": 4, "small/a.png": 9, "small/b.png": 9},
    ],
)
def test_names_in_several_folders_or_with_several_endings(
    files: dict[str, Any], put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({**files, "labels.csv": csv("image_id,dx", *(f"{name},{name in 'ab'}" for name in "abcd"))})
    assert values(opened()) == [1, 2, 3, 4]


@pytest.mark.parametrize("first", [1, 7])
def test_names_that_are_numbers(first: int, put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    """As CIFAR-10 on Kaggle; a column of numbers that repeat is none of names."""
    files = {f"train/{first + i}.png": i + 1 for i in range(4)} | {f"train/{i}.png": 99 for i in (20, 21)}
    lines = [f"{first + i},{['frog', 'cat'][i % 2]},{20 + i % 2}" for i in range(4)]
    put_all({**files, "trainLabels.csv": csv("id,label,age", *lines)})
    found = opened()
    assert values(found) == [1, 2, 3, 4]
    table = found.splits["train"].table
    assert table is not None
    assert table.column_names == ["age"]


def test_names_keep_their_zeros(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    put_all({"0001.png": 1, "0002.png": 2, "1.png": 99, "t.csv": csv("id,label", "0001,x", "0002,y")})
    assert values(opened()) == [1, 2]


def test_names_that_several_folders_have(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    files = {f"{size}/{name}.png": n for size in ("large", "small") for n, name in enumerate("ab", 1)}
    folder = put_all({**files, "labels.csv": csv("image,label", "a.png,x", "b.png,y")})
    with pytest.raises(DataError) as error:
        opened()
    assert str(error.value) == (
        f"{folder}/labels.csv: 2 folders hold the files that column 'image' names: large, small. Say which one with "
        "data.image_folder: large."
    )
    assert values(opened(image_folder="small")) == [1, 2]


def test_a_name_that_two_files_fit(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    folder = put_all({"a.png": 1, "a.jpg": 2, "b.png": 3, "c.png": 4, "t.csv": csv("id,label", "a,x", "b,y", "c,y")})
    with pytest.raises(DataError, match=re.escape(f"{folder}/t.csv: row 0 (a): 2 files fit: a.jpg, a.png")):
        opened(image_column="id")
    for ending in ("png", ".png", ".PNG"):
        assert values(opened(image_column="id", image_ending=ending)) == [1, 3, 4]
    with pytest.raises(
        DataError, match=re.escape("expected the end of the files' names, as .jpg, received '/../x.png'")
    ):
        opened(image_column="id", image_ending="/../x.png")


@pytest.mark.parametrize("written", ["IMG/{}.PNG", "Img\\{}.png", " img/{}.png", "img/{}.png "])
def test_capitals_and_blanks(written: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    put_all({**FOUR, "t.csv": csv("path,label", *(f"{written.format(name)},{name in 'ab'}" for name in "abcd"))})
    found = opened()
    assert values(found) == [1, 2, 3, 4]
    assert ("t.csv: 4 paths have other capitals than the files." in found.notes) == (written[0] == "I")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("photos/a.png", "cannot be read: No such file or directory; there is img/a.png"),
        ("z.png", "cannot be read: No such file or directory\n"),
        ("img", "cannot be read: No such file or directory\n"),
        ("x" * 300 + ".png", "cannot be read: No such file or directory\n"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(
    path: str, why: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    folder = put_all({**FOUR, "t.csv": csv("path,label", "img/a.png,x", "img/b.png,y", f"{path},y")})
    with pytest.raises(DataError) as error:
        opened(image_column="path")
    assert f"{folder}/t.csv: row 2 (" in str(error.value) and why in str(error.value)


def test_absolute_paths_of_another_machine_are_told_with_what_is_here(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({**FOUR, "t.csv": csv("path,label", "/home/ana/img/a.png,x", "C:\\ana\\b.png,y", "img/c.png,y")})
    with pytest.raises(DataError) as error:
        opened()
    assert "\n  row 0: /home/ana/img/a.png: it is absolute; there is img/a.png\n" in str(error.value)
    assert "\n  row 1: C:\\ana\\b.png: it is absolute; there is img/b.png\n" in str(error.value)


def test_an_address_is_not_fetched(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    put_all({**FOUR, "t.csv": csv("path,label", "img/a.png,x", "https://example.org/b.png,y")})
    with pytest.raises(DataError, match=r"row 1: https://example.org/b.png: it is an address, and nothing is fetched"):
        opened()


@pytest.mark.parametrize(
    ("place", "text"),
    [
        (
            "../mine",
            "data.image_folder: expected a folder inside {mine}, received '{place}'. Nothing outside the folder",
        ),
        ("/tmp", "expected a folder inside {mine}, received '{place}'."),
        ("img\\..\\..", "expected a folder inside {mine}, received '{place}'."),
        ("img/../../mine/img", "expected a folder inside {mine}, received '{place}'."),
        ("C:\\img", "expected a folder inside {mine}, received '{place}'."),
        ("imgs", "data.image_folder: {mine} has no folder '{place}'; did you mean 'img'?"),
    ],
)
def test_a_folder_of_images_that_is_none(
    place: str, text: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet], root: Path
) -> None:
    put_all({**FOUR, "t.csv": csv("path,label", "a.png,x", "b.png,y")})
    with pytest.raises(DataError, match=re.escape(text.format(place=place, mine=root / "mine"))):
        opened(image_folder=place)


def test_no_link_leads_out_of_the_folder(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet], root: Path, png: Callable[..., bytes]
) -> None:
    folder = put_all({**FOUR, "t.csv": csv("path,label", "img/a.png,x", "img/b.png,y", "img/c.png,y")})
    (root / "secret").mkdir()
    (root / "secret" / "a.png").write_bytes(png(99))
    (folder / "img" / "c.png").unlink()
    (folder / "img" / "c.png").symlink_to(folder / "img" / "d.png")  # to another image of the folder
    assert values(opened()) == [1, 2, 4]
    (folder / "img" / "c.png").unlink()
    (folder / "img" / "c.png").symlink_to(root / "secret" / "a.png")
    with pytest.raises(DataError, match=r"row 2: img/c\.png: it is a link that leads out of the folder"):
        opened()
    (folder / "away").symlink_to(root / "secret")
    put_all({"t.csv": csv("path,label", "away/a.png,x", "img/b.png,y")})
    with pytest.raises(DataError, match=r"row 0: away/a\.png: it is a link that leads out of the folder"):
        opened()
    put_all({"t.csv": csv("path,label", "a,x", "b,y")})
    with pytest.raises(DataError, match=r"data.image_folder: expected a folder inside .*/mine, received 'away'\."):
        opened(image_folder="away", image_column="path")


def test_a_parquet_file_with_paths_in_place_of_bytes(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet], root: Path
) -> None:
    folder = put_all(FOUR)
    rows = [{"bytes": None, "path": f"img/{name}.png"} for name in "abcd"]
    pq.write_table(pa.table({"image": rows, "label": [0, 0, 1, 1]}), folder / "train.parquet")
    assert values(opened()) == [1, 2, 3, 4]
    put_all({"img/a.png": 50})
    assert values(opened()) == [50, 2, 3, 4]
    raw = (folder / "img" / "d.png").read_bytes()
    pq.write_table(pa.table({"image": [*rows[:3], {"bytes": raw, "path": "gone.png"}], "label": [0, 0, 1, 1]}),
                   folder / "train.parquet")  # fmt: skip
    assert values(opened()) == [50, 2, 3, 4]
    rows[1]["path"] = "../secret.png"
    pq.write_table(pa.table({"image": rows, "label": [0, 0, 1, 1]}), folder / "train.parquet")
    with pytest.raises(DataError, match=r"row 1: \.\./secret\.png: it leaves the folder"):
        opened()


def test_a_table_that_is_asked_about_needs_no_labels(put_all: Callable[..., Path]) -> None:
    folder = put_all({**FOUR, "new.csv": csv("id,age", "img\\a,3", "img\\b,4", "..\\x,5")})
    listing = unlabelled_table(folder / "new.csv", ReadOptions(image_column="id"))
    [[first, second, third]] = listing.pictures()
    assert (first, second) == ((folder / "img" / "a.png").read_bytes(), (folder / "img" / "b.png").read_bytes())
    assert str(third) == "it leaves the folder"
    assert listing.file_names(0) == ["img\\a"]
    assert listing.notes[-1] == "new.csv: 2 paths have backslashes, as on Windows, and are read with slashes."


@pytest.mark.parametrize(("path", "value"), [("img/A.png", 1), ("IMG/A.png", 7), ("Img/a.png", None), ("img/a", 1)])
def test_the_nearest_way_to_write_a_path_counts(
    path: str, value: int | None, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({**FOUR, "IMG/a.png": 7, "t.csv": csv("path,label", f"{path},x", "img/b.png,y", "img/c.png,y")})
    if value is None:
        with pytest.raises(DataError, match=r"row 0 \(Img/a\.png\): 2 files fit: IMG/a\.png, img/a\.png"):
            opened(image_column="path")
    else:
        assert values(opened(image_column="path")) == [value, 2, 3]


def test_a_table_in_a_folder_beside_that_of_the_images(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    folder = put_all({**FOUR, "tables/t.csv": csv("path,label", "img/a.png,x", "img/b.png,y")})
    with pytest.raises(DataError) as error:
        opened(name="mine/tables")
    line = str(error.value).splitlines()[1]
    assert line.endswith(
        f"cannot be read: No such file or directory; it is there from {folder}: move the table to that folder"
    )
    assert translate(line, "es").endswith(f"sí existe desde {folder}: mueve la tabla a esa carpeta")
