"""Tables as other people write them: Windows, spreadsheets, Kaggle, Roboflow, the hub."""

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from escalera.data.options import ReadOptions
from escalera.data.sources import ImageSet, open_source
from escalera.data.table_listings import unlabelled_table
from escalera.errors import DataError


@pytest.fixture
def put_all(root: Path, png) -> Callable[[dict[str, int | str | bytes]], Path]:
    """`put_all({"img/a.png": 1, "t.csv": "image,label\\n..."})`: the folder `mine`; a number is a grey picture."""

    def write(files: dict[str, int | str | bytes]) -> Path:
        for name, content in files.items():
            path = root / "mine" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            raw = png(content) if isinstance(content, int) else content
            path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
        return root / "mine"

    return write


@pytest.fixture
def opened(root: Path) -> Callable[..., ImageSet]:
    def read(name: str = "mine", **options: object) -> ImageSet:
        return open_source(name, ReadOptions(**options), data_root=root, image_size=None, channels=None)

    return read


FOUR = {f"img/{letter}.png": number for number, letter in enumerate("abcd", start=1)}


def csv(head: str, *lines: str) -> str:
    return "\n".join([head, *lines]) + "\n"


def values(found: ImageSet, split: str = "train") -> list[int]:
    return found.splits[split].images[:, 0, 0, 0].tolist()


# Paths


@pytest.mark.parametrize("between", ["\\", "/./", "\\.\\", "//"])
def test_paths_as_they_are_written_elsewhere(between: str, put_all, opened):
    put_all({**FOUR, "t.csv": csv("path,label", *(f"img{between}{name}.png,{name in 'ab'}" for name in "abcd"))})
    found = opened()
    assert values(found) == [1, 2, 3, 4]
    windows = ("t.csv: 4 paths have backslashes, as on Windows, and are read with slashes.",)
    assert found.notes == (windows if "\\" in between else ())


@pytest.mark.parametrize(("file", "written"), [("NFD", "NFC"), ("NFC", "NFD"), ("NFC", "NFC")])
def test_accents_are_found_however_they_are_composed(file: str, written: str, put_all, opened):
    names = ["niño", "árbol"]
    files = {unicodedata.normalize(file, f"fotos/{name}.png"): number for number, name in enumerate(names, start=5)}
    lines = [unicodedata.normalize(written, f"fotos/{name}.png,{name[0]}") for name in names]
    put_all({**files, "t.csv": csv("path,label", *lines)})
    found = opened()
    assert values(found) == [5, 6]
    assert bool(found.notes) == (file != written)


def test_an_absolute_path_inside_the_folder_is_one_of_it(put_all, opened, root: Path):
    folder = put_all(FOUR)
    put_all({"t.csv": csv("path,label", *(f"{folder}/img/{name}.png,{name in 'ab'}" for name in "abcd"))})
    assert values(opened()) == [1, 2, 3, 4]


@pytest.mark.parametrize("path", ["..\\secret.png", "img\\..\\..\\secret.png", "/etc/passwd.png", "C:\\a.png"])
def test_no_path_leaves_the_folder_however_it_is_written(path: str, put_all, opened, root: Path, png):
    put_all({**FOUR, "t.csv": csv("path,label", "img/a.png,x", f"{path},y")})
    (root / "secret.png").write_bytes(png(99))
    with pytest.raises(DataError, match=re.escape("1 of 2 are not (rows count from 0):\n  row 1: ")):
        opened()


def test_many_wrong_paths_are_a_few_lines(put_all, opened):
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
def test_names_without_their_folder_or_ending(files: dict, before: str, behind: str, put_all, opened):
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
def test_names_in_several_folders_or_with_several_endings(files: dict, put_all, opened):
    put_all({**files, "labels.csv": csv("image_id,dx", *(f"{name},{name in 'ab'}" for name in "abcd"))})
    assert values(opened()) == [1, 2, 3, 4]


@pytest.mark.parametrize("first", [1, 7])
def test_names_that_are_numbers(first: int, put_all, opened):
    """As CIFAR-10 on Kaggle; a column of numbers that repeat is none of names."""
    files = {f"train/{first + i}.png": i + 1 for i in range(4)} | {f"train/{i}.png": 99 for i in (20, 21)}
    lines = [f"{first + i},{['frog', 'cat'][i % 2]},{20 + i % 2}" for i in range(4)]
    put_all({**files, "trainLabels.csv": csv("id,label,age", *lines)})
    found = opened()
    assert values(found) == [1, 2, 3, 4]
    assert found.splits["train"].table.column_names == ["age"]


def test_names_keep_their_zeros(put_all, opened):
    put_all({"0001.png": 1, "0002.png": 2, "1.png": 99, "t.csv": csv("id,label", "0001,x", "0002,y")})
    assert values(opened()) == [1, 2]


def test_names_that_several_folders_have(put_all, opened):
    files = {f"{size}/{name}.png": n for size in ("large", "small") for n, name in enumerate("ab", 1)}
    folder = put_all({**files, "labels.csv": csv("image,label", "a.png,x", "b.png,y")})
    with pytest.raises(DataError) as error:
        opened()
    assert str(error.value) == (
        f"{folder}/labels.csv: 2 folders hold the files that column 'image' names: large, small. Say which one with "
        "data.image_folder: large."
    )
    assert values(opened(image_folder="small")) == [1, 2]


def test_a_name_that_two_files_fit(put_all, opened):
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
def test_capitals_and_blanks(written: str, put_all, opened):
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
def test_what_is_not_there_is_told_with_what_is(path: str, why: str, put_all, opened):
    folder = put_all({**FOUR, "t.csv": csv("path,label", "img/a.png,x", "img/b.png,y", f"{path},y")})
    with pytest.raises(DataError) as error:
        opened(image_column="path")
    assert f"{folder}/t.csv: row 2 (" in str(error.value) and why in str(error.value)


def test_an_address_is_not_fetched(put_all, opened):
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
def test_a_folder_of_images_that_is_none(place: str, text: str, put_all, opened, root: Path):
    put_all({**FOUR, "t.csv": csv("path,label", "a.png,x", "b.png,y")})
    with pytest.raises(DataError, match=re.escape(text.format(place=place, mine=root / "mine"))):
        opened(image_folder=place)


def test_no_link_leads_out_of_the_folder(put_all, opened, root: Path, png):
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


def test_a_parquet_file_with_paths_in_place_of_bytes(put_all, opened, root: Path):
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


# Splits


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("split", ("train", "val", "test")),
        ("data set", ("TRAIN", "Valid", "Test")),
        ("Usage", ("Training", "PublicTest", "PrivateTest")),
        ("fold", ("training", "dev", "testing")),
    ],
)
def test_a_column_of_splits(name: str, words: tuple[str, str, str], put_all, opened):
    parts = [words[0], words[1], words[0], words[2]]
    lines = [f"img/{letter}.png,{letter in 'ab'},{part}" for letter, part in zip("abcd", parts, strict=True)]
    put_all({**FOUR, "t.csv": csv(f"path,label,{name}", *lines)})
    found = opened()
    assert {split: values(found, split) for split in found.splits} == {"train": [1, 3], "validation": [2], "test": [4]}
    assert found.splits["train"].table is None
    assert found.notes == (
        f"t.csv: column '{name}' says which rows are which (2 train, 1 validation, 1 test); "
        "data.split_column: false takes it for an attribute.",
    )
    overruled = opened(split_column=False)
    assert (values(overruled), overruled.notes) == ([1, 2, 3, 4], ())
    assert overruled.splits["train"].table.column_names == [name]
    assert opened(split_column=name).notes == ()


def test_a_column_that_may_say_the_splits_and_does_not(put_all, opened):
    lines = [f"img/{letter}.png,{letter in 'ab'},{part}" for letter, part in zip("abcd", "tuvw", strict=True)]
    put_all({**FOUR, "t.csv": csv("path,label,split", *lines)})
    assert opened().notes == ()
    with pytest.raises(DataError, match=r"column 'split' of .*t.csv holds 't' \(1\), 'u' \(1\).*expected train, valid"):
        opened(split_column="split")
    with pytest.raises(DataError, match=r"has no column 'splt'; did you mean 'split'\?"):
        opened(split_column="splt")
    put_all({"t.csv": csv("path,label,split", "img/a.png,x,train", "img/b.png,y,train", "img/c.png,y,other")})
    assert opened().notes == (
        "t.csv: column 'split' is not taken for the splits, since it holds 'other' (1) beside train (2); expected "
        "train, validation (or val, valid, dev) and test.",
    )


@pytest.mark.parametrize(
    ("words", "held"),
    [
        (["train", "test", "other"], "'other' (1) beside train (1), test (1)"),
        (["train", "val", ""], "'' (1) beside train (1), validation (1)"),
        (["dev", "test", "test"], "validation (1), test (2)"),
    ],
)
def test_a_column_that_says_the_splits_of_some_rows_is_refused(words: list[str], held: str, put_all, opened):
    lines = [f"img/{name}.png,{name},{word}" for name, word in zip("abc", words, strict=True)]
    folder = put_all({**FOUR, "t.csv": csv("path,label,Set", *lines)})
    text = (
        f"data.split_column: column 'Set' of {folder}/t.csv holds {held}; expected train, validation (or val, valid, "
        "dev) and test in its 3 rows. Mend them, or take their rows out."
    )
    with pytest.raises(DataError) as error:
        opened()
    assert str(error.value) == f"{text} Or write data.split_column: false to take it for an attribute."
    with pytest.raises(DataError) as error:
        opened(split_column="Set")
    assert str(error.value) == text
    assert values(opened(split_column=False)) == [1, 2, 3]
    found = open_source("mine", data_root=folder.parent, image_size=None, channels=None, lenient=True)
    assert found.faults[0].startswith(text)


def test_a_table_for_test_beside_one_with_a_column_of_splits(put_all, opened):
    put_all({**FOUR, "train.csv": csv("path,label,split", "img/a.png,x,train", "img/b.png,y,train", "img/c.png,y,val")})
    put_all({"test.csv": csv("path,label,split", "img/d.png,x,test")})
    found = opened()
    assert {split: values(found, split) for split in found.splits} == {"train": [1, 2], "validation": [3], "test": [4]}
    assert [part.table for part in found.splits.values()] == [None] * 3
    put_all({"test.csv": csv("path,label", "img/d.png,x")})
    assert values(opened(), "test") == [4]
    put_all({"train.csv": csv("path,label,split", "img/a.png,x,train", "img/b.png,y,train", "img/c.png,y,test")})
    with pytest.raises(DataError, match=r"rows of test are in .*train.csv and in .*test.csv, by a column of splits"):
        opened()
    assert values(opened(split_column=False), "test") == [4]


def test_folds_that_are_numbers_are_no_splits(put_all, opened):
    put_all({**FOUR, "t.csv": csv("path,label,fold", *(f"img/{n}.png,{n in 'ab'},{i}" for i, n in enumerate("abcd")))})
    assert list(opened().splits) == ["train"]


@pytest.mark.parametrize("test", ["image\nimg/c.png\n", "image,label\nimg/c.png,\nimg/d.png,\n"])
def test_a_test_table_without_labels_is_left_out(test: str, put_all, opened):
    folder = put_all({**FOUR, "train.csv": csv("image,label", "img/a.png,x", "img/b.png,y"), "test.csv": test})
    found = opened()
    assert list(found.splits) == ["train"]
    assert found.notes == (
        f"{folder}/test.csv: left out, since it has no labels; test is cut out of train. `escalera predict` answers "
        "for its images.",
    )


def test_labels_of_minus_one_are_none(put_all, opened, put):
    put("mine", "train", [0, 1])
    put("mine", "test", [-1, -1])
    assert list(opened().splits) == ["train"]


def test_a_second_table_of_a_split_is_never_dropped(put_all, opened):
    rows = csv("image,label", "img/a.png,x", "img/b.png,y")
    put_all({**FOUR, "train.csv": rows, "train-extra.csv": rows})
    with pytest.raises(DataError, match=r"expected one table for train, found 2: train-extra.csv, train.csv. Join"):
        opened()


# Labels


def test_labels_stay_as_they_are_written(put_all, opened):
    put_all({**FOUR, "t.csv": csv("path,label", "img/a.png,01", "img/b.png,1", "img/c.png,002", "img/d.png,01")})
    assert sorted(opened().classes) == ["002", "01", "1"]
    put_all({"t.csv": csv("path,label", "img/a.png,1.0", "img/b.png,0.0", "img/c.png,10.0", "img/d.png,1.0")})
    assert opened().classes == ["0", "1", "10"]
    put_all({"t.csv": csv("path,label", "img/a.png,NA", "img/b.png,ES", "img/c.png,nan", "img/d.png,null")})
    assert opened().classes == ["ES", "NA", "nan", "null"]


@pytest.mark.parametrize("value", ["0.5", "1.25", "1e-3"])
def test_a_number_that_is_no_label(value: str, put_all, opened):
    put_all({**FOUR, "t.csv": csv("path,label", "img/a.png,1.5", f"img/b.png,{value}")})
    with pytest.raises(
        DataError, match=r"column 'label' holds 1.5 in row 0, which is no label but a number.*data.target"
    ):
        opened()


def test_accents_of_labels_are_composed(put_all, opened):
    forms = ("NFC", "NFD", "NFC", "NFD")
    lines = [
        f"img/{letter}.png,{unicodedata.normalize(form, 'piñón' if letter in 'ab' else 'árbol')}"
        for letter, form in zip("abcd", forms, strict=True)
    ]
    put_all({**FOUR, "t.csv": csv("path,label", *lines)})
    found = opened()
    assert found.classes == ["piñón", "árbol"]
    assert found.splits["train"].labels.tolist() == [0, 0, 1, 1]


def test_classes_of_zeros_and_ones(put_all, opened):
    rows = ["a.png,  1, 0, 0", "b.png, 0, 1, 0", "c.png, 0, 0, 1", "d.png, 1, 0, 0"]
    table = csv("filename, Alto, Bajo, Medio", *rows)
    pictures = {f"{split}/{name}.png": n for split in ("train", "valid") for n, name in enumerate("abcd", 1)}
    put_all({**pictures, "train/_classes.csv": table, "valid/_classes.csv": table})
    found = opened()
    assert found.classes == ["Alto", "Bajo", "Medio"]
    assert {name: part.labels.tolist() for name, part in found.splits.items()} == {
        "train": [0, 1, 2, 0], "validation": [0, 1, 2, 0],
    }  # fmt: skip


@pytest.mark.parametrize("one", ["1", "1.0", "True"])
def test_columns_of_zeros_and_ones(one: str, put_all, opened):
    zero = {"1": "0", "1.0": "0.0", "True": "False"}[one]
    rows = [f"img/{name}.png,{zero if name in 'ad' else one},{one if name in 'ad' else zero}" for name in "abcd"]
    put_all({**FOUR, "t.csv": csv("path,dog,cat", *rows)})
    found = opened()
    assert [found.classes[label] for label in found.splits["train"].labels] == ["cat", "dog", "dog", "cat"]
    assert found.notes == (
        "t.csv: each of the columns dog, cat is a class, being 0 and 1; data.label_column names another column of "
        "labels.",
    )
    assert found.splits["train"].table is None
    said = opened(label_column=["dog", "cat"])
    assert (said.classes, said.notes) == (found.classes, ())
    assert opened(label_column="dog").classes == [text.removesuffix(".0") for text in (zero, one)]
    with pytest.raises(DataError, match=r"data.label_column: .* has no column 'dgo'.*Did you mean 'dog'\?"):
        opened(label_column=["dgo", "cat"])
    with pytest.raises(DataError, match=r"one column by its name, or a list of two or more, received \['dog'\]"):
        opened(label_column=["dog"])


@pytest.mark.parametrize(
    "lines",
    [["img/a.png,0,1", "img/b.png,1,1"], ["img/a.png,0,1", "img/b.png,,1"], ["img/a.png,0,1", "img/b.png,2,1"]],
)
def test_columns_of_other_numbers_are_asked_about(lines: list[str], put_all, opened):
    put_all({**FOUR, "t.csv": csv("path,dog,cat", *lines)})
    with pytest.raises(DataError, match=re.escape("write data.label_column: [dog, cat]")):
        opened()


def test_a_class_of_zeros_alone_is_none(put_all, opened):
    head = "path,cat,dog,emu"
    put_all({**FOUR, "train.csv": csv(head, "img/a.png,1,0,0", "img/b.png,0,1,0")})
    put_all({"test.csv": csv(head, "img/c.png,0,1,0")})
    assert opened().classes == ["cat", "dog"]
    put_all({"test.csv": csv(head, "img/c.png,0,1,0", "img/d.png,0,0,1")})
    with pytest.raises(DataError, match=r"test.csv: class 'emu' is in test \(1 rows\) but not in train"):
        opened()


@pytest.mark.parametrize("row", ["1,1", "0,0", ",", "2,0"])
def test_rows_with_none_or_several_ones(row: str, put_all, opened):
    put_all({**FOUR, "t.csv": csv("path,dog,cat", "img/a.png,0,1", f"img/b.png,{row}")})
    with pytest.raises(DataError, match="expected one 1 in each row of the columns dog, cat; 1 of 2 rows have none or"):
        opened(label_column=["dog", "cat"])


@pytest.mark.parametrize(
    ("labels", "note"),
    [
        (["happy", "HAPPY", "sad"], "1 group of classes differs only in case, blanks or accents: 'HAPPY' and 'happy'."),
        (["sad", "sad ", "x"], "1 group of classes differs only in case, blanks or accents: 'sad' and 'sad '. Are th"),
        (["arbol", "árbol", "x"], "differs only in case, blanks or accents: 'arbol' and 'árbol'. Are they the same?"),
        (["scab", "scab rust", "rust"], "column 'label': 'scab rust' reads like 'scab' and 'rust' together; each comb"),
        (["a", "a|b", "b"], "'a|b' reads like 'a' and 'b' together"),
        (["New York", "Lima", "Quito"], ""),
    ],
)
def test_names_of_classes_that_are_odd(labels: list[str], note: str, put_all, opened):
    put_all(
        {**FOUR, "t.csv": csv("path,label", *(f"img/{n}.png,{label}" for n, label in zip("abc", labels, strict=True)))}
    )
    notes = opened().notes
    assert len(notes) == bool(note)
    assert note in "".join(notes)


# How the file is written


def test_numbers_with_a_decimal_comma(put_all, opened):
    lines = ["img/a.png;1,5;1.234;x;3", "img/b.png;2;12;y;4", "img/c.png;;1.000.000;x;5", "img/d.png;1.250,75;7;y;6"]
    put_all({**FOUR, "t.csv": csv("imagen;peso;precio;clase;n", *lines)})
    found = opened()
    assert found.splits["train"].table.to_pydict() == {
        "peso": [1.5, 2, None, 1250.75], "precio": [1234, 12, 1_000_000, 7], "n": [3, 4, 5, 6],
    }  # fmt: skip
    assert found.notes == (
        "t.csv: numbers with a decimal comma in peso, with points between thousands in precio; data.decimal: '.' takes "
        "points for it.",
    )
    assert opened(decimal=".").splits["train"].table["peso"].to_pylist()[0] == "1,5"
    assert opened(decimal=",").notes == ()


@pytest.mark.parametrize(
    ("separator", "decimal", "lines", "expected"),
    [
        (";", None, ["1,5", "?", "N/A", " 2 "], [1.5, None, None, 2]),
        (";", None, ["1,234", "2,345", "3", "4"], [1.234, 2.345, 3, 4]),
        (";", None, ["-1,5", "+2,5", ",5", "1e3"], [-1.5, 2.5, 0.5, 1000]),
        (",", None, ['"1,5"', '"2,25"', "3", "4"], [1.5, 2.25, 3, 4]),
        (",", None, ['"1,234"', '"2,345"', "3", "4"], ["1,234", "2,345", "3", "4"]),  # thousands, perhaps
        (",", ",", ['"1,234"', '"2,345"', "3", "4"], [1.234, 2.345, 3, 4]),
        ("\t", None, ["1,5", "2", "3", "4"], [1.5, 2, 3, 4]),
        ("\t", None, ["1,234", "2", "3", "4"], ["1,234", "2", "3", "4"]),
        (";", None, ["1.234", "2.5", "3", "4"], [1.234, 2.5, 3, 4]),
        (";", None, ["1.234", "2.500", "3", "4"], [1.234, 2.5, 3, 4]),  # no comma anywhere: points are as ever
        (";", ",", ["1.234", "2.500", "3", "4"], [1234, 2500, 3, 4]),
        (";", ".", ["1,5", "2", "3", "4"], ["1,5", "2", "3", "4"]),
        (";", None, ["1,234.5", "2,5", "3", "4"], ["1,234.5", "2,5", "3", "4"]),  # neither way
    ],
)
def test_decimals(separator: str, decimal: str | None, lines: list, expected: list, put_all, opened):
    rows = [f"img/{n}.png,{n},{value}".replace(",", separator, 2) for n, value in zip("abcd", lines, strict=True)]
    put_all({**FOUR, "t.csv": csv(separator.join(["image", "label", "size"]), *rows)})
    found = opened(decimal=decimal)
    assert found.splits["train"].table["size"].to_pylist() == expected
    commas = decimal is None and any("," in value for value in lines) and not isinstance(expected[0], str)
    assert bool(found.notes) == commas


def test_a_text_among_numbers_with_a_comma_leaves_them_numbers(put_all, opened):
    values = ["1,5"] * 19 + ["unknown"]
    put_all({**FOUR, "t.csv": csv("image;label;size", *(f"img/a.png;{n % 2};{v}" for n, v in enumerate(values)))})
    assert opened().splits["train"].table["size"].to_pylist() == ["1.5"] * 19 + ["unknown"]


@pytest.mark.parametrize("lines", [["1,5", "abc"], ["1,5,6", "2"], ["a", "b"], ["1;2", "3"]])
def test_what_is_no_number_with_a_comma(lines: list[str], put_all, opened):
    rows = [f'img/{n}.png;"{value}";{n}' for n, value in zip("ab", lines, strict=True)]
    put_all({**FOUR, "t.csv": csv("image;size;label", *rows)})
    assert opened().splits["train"].table["size"].to_pylist() == lines[:1] + lines[1:]


def test_codes_keep_their_zeros(put_all, opened):
    put_all({**FOUR, "t.csv": csv("path,label,zip,age", "img/a.png,x,02134,1", "img/b.png,y,90210,2")})
    assert opened().splits["train"].table.to_pydict() == {"zip": ["02134", "90210"], "age": [1, 2]}


@pytest.mark.parametrize("column", ["patient", "grupo"])
def test_groups_are_names_as_they_are_written(column: str, put_all, opened):
    lines = [f"img/{n}.png,{n in 'ab'},{who}" for n, who in zip("abcd", ["01", "1", "1.0", "NA"], strict=True)]
    put_all({**FOUR, "t.csv": csv(f"path,label,{column}", *lines)})
    assert opened(group=column).splits["train"].table[column].to_pylist() == ["01", "1", "1.0", "NA"]


@pytest.mark.parametrize(("encoding", "called"), [("cp1252", "cp1252"), ("utf-16", "UTF-16")])
def test_tables_from_spreadsheets(encoding: str, called: str, put_all, opened):
    text = csv("imagen;clase", "img/a.png;año", "img/b.png;día")
    put_all({**FOUR, "t.csv": text.encode(encoding)})
    found = opened()
    assert found.classes == ["año", "día"]
    assert found.notes == (f"t.csv is read as {called}; data.encoding names another.",)
    assert opened(encoding=encoding).notes == ()


@pytest.mark.parametrize(
    ("raw", "encoding", "text"),
    [
        (
            b"image,label\nimg/a.png,a\xffo\x81\n",
            None,
            "is not UTF-8 (invalid start byte at byte 23). Save it as UTF-8, or",
        ),
        (b"image,label\nimg/a.png,\xa7\n", None, "is not UTF-8"),
        (b"image,label\nimg/a.png,x\n", "utf-99", "data.encoding: 'utf-99' is not known; expected utf-8, cp1252"),
        (b"image,label\nimg/a.png,\xff\n", "utf-8", "is not utf-8 (invalid start byte at byte 22)."),
        (b"image,label\nimg/a.png,x\n", "utf8x", "expected utf-8, cp1252, latin-1, utf-16, mac-roman, cp850, cp1251"),
        (b"image,label\nimg/a.png,x\n", "zip", "data.encoding: 'zip' is not known"),
        ("image,label\nimg/a.png,año\n".encode("mac-roman"), None, "is not UTF-8"),
        ("image,label\nimg/a.png,año\n".encode("cp850"), None, "is not UTF-8"),
        ("image,label\nimg/a.png,да\n".encode("cp1251"), None, "is not UTF-8"),
        ("image,label\nimg/a.png,ネコ\n".encode("shift-jis"), None, "is not UTF-8"),
        ("image,label\nimg/a.png,狗\n".encode("gb18030"), None, "is not UTF-8"),
        ("image,label\nimg/a.png,x\n".encode("utf-16-le"), None, "is not UTF-8 (null character at byte 1)."),
        (b"\xff\xfei\0m\0a", None, "is not UTF-16 (truncated data at byte "),
    ],
)
def test_encodings_that_do_not_fit(raw: bytes, encoding: str | None, text: str, put_all, opened):
    put_all({**FOUR, "t.csv": raw})
    with pytest.raises(DataError, match=re.escape(text)):
        opened(encoding=encoding)


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("img/a.png,x", "img/b.png,y", "img/a.png"),
        ('"img/a.png",x', "img/b.png,y", "img/a.png"),
        ("img\\a.png,x", "img\\b.png,y", "img\\a.png"),
        ("x, img/a.png", "y, img/b.png", "img/a.png"),
        ("elsewhere/a.png,x", "elsewhere/b.png,y", "elsewhere/a.png"),
        ("a,x", "b,y", "a"),  # names without their ending
    ],
)
def test_a_table_without_names(first: str, second: str, found: str, put_all, opened):
    folder = put_all({**FOUR, "t.csv": csv(first, second, second.replace("b", "c"))})
    with pytest.raises(DataError) as error:
        opened()
    assert str(error.value) == (
        f"{folder}/t.csv: expected the names of the columns in the first line, found '{found}', which is an image. "
        "Write a line above it, such as image,label."
    )


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\r\nimage;label\r\nimg/a.png;x\r\nimg/b.png;y\r\n",
        'image;"weight, kg";label\nimg/a.png;1;x\nimg/b.png;2;y\n',
        "image;weight, kg;label\nimg/a.png;1;x\nimg/b.png;2;y\n",
        "image;label;weight, in kg, dry\nimg/a.png;x;1\nimg/b.png;y;2\n",
        "image|label\nimg/a.png|x\nimg/b.png|y\n",
        "image\tlabel, or class\nimg/a.png\tx\nimg/b.png\ty\n",
        'image,label,"a note"\nimg/a.png,x,"two\nlines; and, more"\nimg/b.png,y,""\n',
        "image;label;;\nimg/a.png;x;;\nimg/b.png;y;;\n;;;\n;;;\n",
        "\ufeffimage,label\nimg/a.png,x\nimg/b.png,y\n\n\n",
        ",image,label\n0,img/a.png,x\n1,img/b.png,y\n",
        "Unnamed: 0,image,species\n0,img/a.png,x\n1,img/b.png,y\n",
        "Image_Path,Class Name,index\nimg/a.png,x,0\nimg/b.png,y,1\n",
    ],
)
def test_what_spreadsheets_and_pandas_write(text: str, put_all, opened):
    put_all({**FOUR, "t.csv": text})
    found = opened()
    assert (values(found), found.classes, found.notes) == ([1, 2], ["x", "y"], ())


def test_an_empty_row_between_others_is_told(put_all, opened):
    folder = put_all({**FOUR, "t.csv": "image;label\nimg/a.png;x\n;\nimg/b.png;y\n"})
    with pytest.raises(DataError, match=re.escape(f"{folder}/t.csv: column 'label' has no label (null) at 1 of 3 row")):
        opened()


def test_a_table_that_is_asked_about_needs_no_labels(put_all):
    folder = put_all({**FOUR, "new.csv": csv("id,age", "img\\a,3", "img\\b,4", "..\\x,5")})
    listing = unlabelled_table(folder / "new.csv", ReadOptions(image_column="id"))
    [[first, second, third]] = listing.pictures()
    assert (first, second) == ((folder / "img" / "a.png").read_bytes(), (folder / "img" / "b.png").read_bytes())
    assert str(third) == "it leaves the folder"
    assert listing.file_names(0) == ["img\\a"]
    assert listing.notes[-1] == "new.csv: 2 paths have backslashes, as on Windows, and are read with slashes."
