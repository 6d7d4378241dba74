"""Tables as other people write them: columns of splits, labels of all kinds, settings that say nothing of them."""

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest

from escalera.core.errors import DataError
from escalera.data.options import OF_TABLES
from escalera.data.sources.bundled import BUNDLED
from escalera.data.sources.open import ImageSet, open_source

FOUR = {f"img/{letter}.png": number for number, letter in enumerate("abcd", start=1)}


def csv(head: str, *lines: str) -> str:
    return "\n".join([head, *lines]) + "\n"


def table_of(found: ImageSet, split: str = "train") -> pa.Table:
    table = found.splits[split].table
    assert table is not None
    return table


def values(found: ImageSet, split: str = "train") -> list[int]:
    return [int(value) for value in found.splits[split].images[:, 0, 0, 0]]


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
def test_a_column_of_splits(
    name: str, words: tuple[str, str, str], put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
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
    assert table_of(overruled).column_names == [name]
    assert opened(split_column=name).notes == ()


def test_a_column_that_may_say_the_splits_and_does_not(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
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
def test_a_column_that_says_the_splits_of_some_rows_is_refused(
    words: list[str], held: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    lines = [f"img/{name}.png,{name},{word}" for name, word in zip("abc", words, strict=True)]
    folder = put_all({**FOUR, "t.csv": csv("path,label,Set", *lines)})
    text = (
        f"data.split_column: column 'Set' of {folder}/t.csv holds {held}; expected train, validation (or val, valid, "
        "dev) and test in its 3 rows. Mend them, or take their rows out."
    )
    with pytest.raises(DataError) as error:
        opened()
    which = " Or say which value is which with data.splits: {train: train, validation: other, test: test}."
    named = which.replace("with", "with data.split_column: Set and")
    false = " Or write data.split_column: false to take it for an attribute."
    assert str(error.value) == f"{text}{named if words[2] == 'other' else ''}{false}"
    with pytest.raises(DataError) as error:
        opened(split_column="Set")
    assert str(error.value) == f"{text}{which if words[2] == 'other' else ''}"
    assert values(opened(split_column=False)) == [1, 2, 3]
    found = open_source("mine", data_root=folder.parent, image_size=None, channels=None, bad="note")
    assert found.faults[0].startswith(text)


GERMAN = [f"img/{name}.png,{'xy'[n % 2]},{word}" for n, (name, word) in enumerate(
    zip("abcd", ["Training", "Training", "Validierung", "Test"], strict=True))]  # fmt: skip


def test_a_column_of_splits_is_known_by_its_values(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({**FOUR, "t.csv": csv("path,label,Teilmenge", *GERMAN)})
    found = opened()
    assert {split: values(found, split) for split in found.splits} == {"train": [1, 2], "validation": [3], "test": [4]}
    assert found.notes == (
        "t.csv: column 'Teilmenge' says which rows are which (2 train, 1 validation, 1 test); data.split_column: "
        "false takes it for an attribute.",
    )
    assert list(opened(split_column=False).splits) == ["train"]
    assert list(opened(label_column="Teilmenge").splits) == ["train"]


def test_a_word_that_may_be_test_or_validation_is_asked_about(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({**FOUR, "t.csv": csv("path,label,Teilmenge", *GERMAN).replace("Validierung", "Prüfung")})
    with pytest.raises(DataError, match="'Prüfung'") as error:
        opened()
    assert str(error.value).endswith(
        "Or say which value is which with data.split_column: Teilmenge and data.splits: {train: Training, validation: "
        "Prüfung, test: Test}. Or write data.split_column: false to take it for an attribute."
    )
    said = {"train": "Training", "validation": "Prüfung", "test": "Test"}
    found = opened(split_column="Teilmenge", splits=said)
    assert {split: values(found, split) for split in found.splits} == {"train": [1, 2], "validation": [3], "test": [4]}
    with pytest.raises(DataError, match=r"holds 'Prüfung' \(1\) beside .*; expected Training, Prüf, Test, as data.spl"):
        opened(split_column="Teilmenge", splits=said | {"validation": "Prüf"})
    put_all(
        {"t.csv": csv("path,label,Teilmenge", *GERMAN).replace("Validierung", "Prüfung").replace("Test", "Prüfung")}
    )
    assert list(opened().splits) == ["train", "test"]


def test_columns_of_row_numbers_and_of_one_value_are_no_labels(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    lines = [f"img/{'abcd'[n % 4]}.png,{n},7,{'xy'[n % 2]},{'uvw'[n % 3]}" for n in range(24)]
    put_all({**FOUR, "t.csv": csv("path,number,annotator,choice,other", *lines)})
    with pytest.raises(DataError, match=r"found 2 \(choice, other\)"):
        opened()
    put_all({"t.csv": csv("path,number,annotator,choice", *(line[:-2] for line in lines))})
    assert opened().classes == ["x", "y"]


def test_a_table_for_test_beside_one_with_a_column_of_splits(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
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


@pytest.mark.parametrize(
    ("column", "values_", "expected"),
    [
        ("is_valid", ("False", "True"), {"train": [1, 2], "validation": [3, 4]}),
        ("is_test", ("0", "1"), {"train": [1, 2], "test": [3, 4]}),
        ("is_train", ("1", "0"), {"train": [1, 2], "test": [3, 4]}),
        ("is_training_image", ("true", "false"), {"train": [1, 2], "test": [3, 4]}),
        ("is_male", ("1", "0"), {"train": [1, 2, 3, 4]}),
        ("is_valid", ("1", "1"), {"train": [1, 2, 3, 4]}),
    ],
)
def test_columns_of_true_and_false(
    column: str,
    values_: tuple[str, str],
    expected: dict[str, Any],
    put_all: Callable[..., Path],
    opened: Callable[..., ImageSet],
) -> None:
    lines = [f"img/{name}.png,{'xy'[n % 2]},{values_[n // 2]}" for n, name in enumerate("abcd")]
    put_all({**FOUR, "t.csv": csv(f"path,label,{column}", *lines)})
    found = opened()
    assert {split: values(found, split) for split in found.splits} == expected
    assert bool(found.notes) == (len(expected) > 1)
    assert list(opened(split_column=False).splits) == ["train"]


def test_two_columns_of_true_and_false_are_asked_about(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    lines = ["img/a.png,x,True,False", "img/b.png,y,False,False", "img/c.png,x,False,True", "img/d.png,y,False,False"]
    put_all({**FOUR, "t.csv": csv("path,label,is_test,is_valid", *lines)})
    with pytest.raises(
        DataError, match=r"the columns is_test, is_valid all say which rows are which\. Write one column"
    ):
        opened()
    assert list(opened(split_column="is_test").splits) == ["train", "test"]


def test_folds_that_are_numbers_are_no_splits(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    put_all({**FOUR, "t.csv": csv("path,label,fold", *(f"img/{n}.png,{n in 'ab'},{i}" for i, n in enumerate("abcd")))})
    assert list(opened().splits) == ["train"]


@pytest.mark.parametrize("test", ["image\nimg/c.png\n", "image,label\nimg/c.png,\nimg/d.png,\n"])
def test_a_test_table_without_labels_is_left_out(
    test: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    folder = put_all({**FOUR, "train.csv": csv("image,label", "img/a.png,x", "img/b.png,y"), "test.csv": test})
    found = opened()
    assert list(found.splits) == ["train"]
    assert found.notes == (
        f"{folder}/test.csv: left out, since it has no labels; test is cut out of train. `escalera predict` answers "
        "for its images.",
    )


@pytest.mark.parametrize("none", [-1, -1.0, None])
def test_labels_of_minus_one_are_none(
    none: float | None, put_all: Callable[..., Path], opened: Callable[..., ImageSet], put: Callable[..., Path]
) -> None:
    put("mine", "train", [0, 1])
    put("mine", "test", pa.array([none, none], pa.float64() if none is None else None))
    assert list(opened().splits) == ["train"]
    put("mine", "test", [-1, 1])
    with pytest.raises(DataError, match="class '-1' is in test"):
        opened()


@pytest.mark.parametrize(
    "test", ["image,age,label\nimg/c.png,3,-1\n", "image,age\nimg/c.png,3\n", "image,age,label\nimg/c.png,3, \n"]
)
def test_a_test_table_whose_labels_are_kept_secret(
    test: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({**FOUR, "train.csv": csv("image,age,label", "img/a.png,1,x", "img/b.png,2,y"), "test.csv": test})
    found = opened()
    assert list(found.splits) == ["train"]
    assert "left out, since it has no labels" in found.notes[0]


def test_a_test_table_without_the_target_or_the_classes(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({**FOUR, "train.csv": csv("image,price", "img/a.png,1", "img/b.png,2"), "test.csv": "image\nimg/c.png\n"})
    assert list(opened(target="price").splits) == ["train"]
    put_all({"train.csv": csv("image,cat,dog", "img/a.png,1,0", "img/b.png,0,1")})
    assert list(opened().splits) == ["train"]


def test_a_test_table_whose_labels_have_another_name(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({**FOUR, "train.csv": csv("image,label", "img/a.png,x", "img/b.png,y")})
    put_all({"test.csv": csv("image,class", "img/c.png,y")})
    assert opened().splits["test"].labels.tolist() == [1]


def test_a_second_table_of_a_split_is_never_dropped(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    rows = csv("image,label", "img/a.png,x", "img/b.png,y")
    put_all({**FOUR, "train.csv": rows, "train-extra.csv": rows})
    with pytest.raises(DataError, match=r"expected one table for train, found 2: train-extra.csv, train.csv. Join"):
        opened()


def test_two_folders_of_a_split_with_a_table_each(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    rows = csv("image,label", "a.png,x", "b.png,y")
    folders = ("train_a", "train_b", "test_a")
    files: dict[str, Any] = {f"{folder}/{name}.png": n for folder in folders for n, name in enumerate("ab", 1)}
    folder = put_all(files | {f"{name}/labels.csv": rows for name in folders})
    with pytest.raises(DataError) as error:
        opened()
    assert str(error.value) == (
        f"{folder}: expected one table for train, found 2: train_a/labels.csv, train_b/labels.csv. Join them, or name "
        "one: data.splits: {train: train_a/labels.csv}."
    )
    found = opened(splits={"train": "train_b/labels.csv", "test": "test_a/labels.csv"})
    assert {split: values(found, split) for split in found.splits} == {"train": [1, 2], "test": [1, 2]}


@pytest.mark.parametrize(
    ("test", "known"),
    [
        ("tset.csv", "did you mean 'test.csv'?"),
        ("x", None),
        ("../mine/test.csv", "did you mean 'test.csv'?"),
        ("labels.parquet", "known: test.csv, train.csv"),
    ],
)
def test_a_table_named_for_a_split_that_is_not_there(
    test: str, known: str | None, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    rows = csv("image,label", "img/a.png,x", "img/b.png,y")
    folder = put_all({**FOUR, "train.csv": rows, "test.csv": rows})
    text = f"data.splits: test: expected a table in {folder}, received '{test}'; {known}"
    if known is None:
        text = f"data.splits: train: expected a folder in {folder}, received 'train.csv'; known: img"
    with pytest.raises(DataError) as error:
        opened(splits={"train": "train.csv", "test": test})
    assert str(error.value) == text
    assert list(opened(splits={"train": "train.csv", "test": "test.csv"}).splits) == ["train", "test"]


def test_images_in_several_rows_are_counted(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    rows = ["img/a.png,x", "img/b.png,y", "img/a.png,x", "./img/b.png,x", "img/c.png,y"]
    put_all({**FOUR, "t.csv": csv("path,label", *rows)})
    assert opened().notes == ("t.csv: 2 images are in several rows, 1 of them with different labels.",)
    put_all({"t.csv": csv("path,label", *rows[:3], rows[4])})
    assert opened().notes == ("t.csv: 1 image is in several rows.",)
    put_all({"t.csv": csv("path,label", *rows[:2], "img/a.png,y")})
    assert opened().notes == ("t.csv: 1 image is in several rows, with different labels.",)


def test_several_tables_are_asked_about(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    truth = csv("image,MEL,NV", "a,1.0,0.0", "b,0.0,1.0")
    folder = put_all({"in/a.png": 1, "in/b.png": 2, "truth.csv": truth, "meta.csv": csv("image,age", "a,3", "b,4")})
    with pytest.raises(DataError) as error:
        opened()
    assert str(error.value) == (
        f"{folder}: expected one table with the images, found 2: meta.csv, truth.csv. Name it as the source, as "
        f"{folder}/meta.csv."
    )
    found = opened(str(folder / "truth.csv"))
    assert found.classes == ["MEL", "NV"]


def test_several_tables_beside_their_images_are_asked_about(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    ana, eva = csv("image,kind", "a.png,x", "b.png,y"), csv("image,kind", "b.png,y")
    folder = put_all({"a.png": 1, "b.png": 2, "ana.csv": ana, "eva.csv": eva})
    with pytest.raises(DataError, match=r"expected one table with the images, found 2: ana.csv, eva.csv. Name it as"):
        opened()
    assert opened(str(folder / "ana.csv")).classes == ["x", "y"]


@pytest.mark.parametrize("test", ["prueba", "test"])
def test_tables_are_called_as_the_splits_in_other_languages(
    test: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    table = csv("path,label", "img/a.png,x", "img/b.png,y")
    put_all({**FOUR, "Entrenamiento.csv": table, f"{test}.csv": csv("path,label", "img/c.png,x", "img/d.png,y")})
    assert {name: len(part.labels) for name, part in opened().splits.items()} == {"train": 2, "test": 2}


def test_a_table_in_each_folder_of_a_split_whatever_else_its_name_says(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    parts = {f"{split}_images": csv("path,label", "a.png,x", "b.png,y") for split in ("train", "test")}
    pictures = {f"{folder}/{name}.png": n for folder in parts for n, name in enumerate("ab")}
    put_all({**pictures, **{f"{folder}/_annotations.csv": table for folder, table in parts.items()}})
    assert {name: len(part.labels) for name, part in opened().splits.items()} == {"train": 2, "test": 2}


def test_a_table_of_paths_alone_is_none_of_labels(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    files = {f"{kind}/{name}.png": n for n, kind in enumerate(("cat", "dog")) for name in "ab"}
    put_all({**files, "files.csv": csv("path", *files)})
    assert opened().classes == ["cat", "dog"]
    assert "data.form: table reads the other" in opened().notes[0]


@pytest.mark.parametrize("name", ["labels.xlsx", "labels.json"])
def test_tables_that_are_not_read(name: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    folder = put_all({"a.png": 1, name: "x"})
    beside = (
        f"The file {name} is not read. Save what it says as CSV in {folder}, with the columns path,label and lines "
    )
    for source, hint in (("mine", beside), (str(folder / name), f" Save {name} as CSV.")):
        with pytest.raises(DataError) as error:
            opened(source)
        assert hint in str(error.value)


def test_addresses_beside_paths_say_where_these_come_from(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    lines = [f"https://example.org/{name}.png,{name in 'ab'},img/{name}.png" for name in "abcd"]
    put_all({**FOUR, "t.csv": csv("link,label,where", *lines)})
    assert values(opened()) == [1, 2, 3, 4]


# Labels


def test_labels_stay_as_they_are_written(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    put_all({**FOUR, "t.csv": csv("path,label", "img/a.png,01", "img/b.png,1", "img/c.png,002", "img/d.png,01")})
    assert sorted(opened().classes) == ["002", "01", "1"]
    put_all({"t.csv": csv("path,label", "img/a.png,1.0", "img/b.png,0.0", "img/c.png,10.0", "img/d.png,1.0")})
    assert opened().classes == ["0", "1", "10"]
    put_all({"t.csv": csv("path,label", "img/a.png,NA", "img/b.png,ES", "img/c.png,nan", "img/d.png,null")})
    assert opened().classes == ["ES", "NA", "nan", "null"]
    put_all({"t.csv": csv("path;label", "img/a.png;1,0", "img/b.png;0,0", "img/c.png;2,0", "img/d.png;1,0")})
    assert opened().classes == ["0", "1", "2"]
    put_all({"t.csv": csv("path,label", "img/a.png,True", "img/b.png,False", "img/c.png,1e5", "img/d.png,1.10")})
    assert opened().classes == ["1.10", "1e5", "False", "True"]


@pytest.mark.parametrize("nothing", ["", " ", '""'])
def test_only_an_empty_field_is_no_label(
    nothing: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    folder = put_all({**FOUR, "t.csv": csv("path,label", "img/a.png,NA", f"img/b.png,{nothing}", "img/c.png,x")})
    text = f"{folder}/t.csv: column 'label' has no label (null) at 1 of 3 rows, counted from 0: 1."
    with pytest.raises(DataError, match=re.escape(text)):
        opened()


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
def test_names_in_parquet_are_names_too(
    kind: pa.DataType, put: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put("mine", "train", pa.array(["NA", "nan", "01", "1"]).cast(kind))
    assert sorted(opened().classes) == ["01", "1", "NA", "nan"]
    put("mine", "train", pa.array(["NA", None, "01", "1"]).cast(kind))
    with pytest.raises(DataError, match=r"no label .null. at 1 of 4 rows, counted from 0: 1"):
        opened()


def test_floats_in_parquet_that_are_whole(put: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    put("mine", "train", pa.array([1.0, 0.0, 10.0]))
    assert opened().classes == ["0", "1", "10"]
    put("mine", "train", pa.array([1.0, None, 0.0]))
    with pytest.raises(DataError, match=r"no label .null. at 1 of 3 rows"):
        opened()
    put("mine", "train", pa.array([1.0, 0.5]))
    with pytest.raises(DataError, match=r"column 'label' holds 0\.5 in row 1, which is no label but a number"):
        opened()
    put("mine", "train", pa.array([1.0, 0.0, float("nan")]))
    with pytest.raises(DataError, match=r"no label .null. at 1 of 3 rows, counted from 0: 2"):
        opened()


@pytest.mark.parametrize("value", ["0.5", "1.25", "1e-3"])
def test_a_number_that_is_no_label(value: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    put_all({**FOUR, "t.csv": csv("path,label", "img/a.png,1.5", f"img/b.png,{value}")})
    with pytest.raises(
        DataError, match=r"column 'label' holds 1.5 in row 0, which is no label but a number.*data.target"
    ):
        opened()


def test_accents_of_labels_are_composed(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    forms: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD", "NFC", "NFD")
    lines = [
        f"img/{letter}.png,{unicodedata.normalize(form, 'piñón' if letter in 'ab' else 'árbol')}"
        for letter, form in zip("abcd", forms, strict=True)
    ]
    put_all({**FOUR, "t.csv": csv("path,label", *lines)})
    found = opened()
    assert found.classes == ["piñón", "árbol"]
    assert found.splits["train"].labels.tolist() == [0, 0, 1, 1]


def test_classes_of_zeros_and_ones(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
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
def test_columns_of_zeros_and_ones(one: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
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
    alone = opened(label_column="dog")
    assert alone.classes == [text.removesuffix(".0") for text in (zero, one)]
    # As an attribute the other column would tell the label.
    assert alone.splits["train"].table is None
    assert alone.notes == ("t.csv: left out, since with 'dog' they are the classes, one in each row: cat.",)
    with pytest.raises(DataError, match=r"data.label_column: .* has no column 'dgo'.*Did you mean 'dog'\?"):
        opened(label_column=["dgo", "cat"])
    with pytest.raises(DataError, match=r"one column by its name, or a list of two or more, received \['dog'\]"):
        opened(label_column=["dog"])


def test_a_column_beside_a_label_of_zeros_and_ones_that_says_something_else(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({**FOUR, "t.csv": csv("path,dog,red", "img/a.png,0,1", "img/b.png,1,1", "img/c.png,1,0")})
    found = opened(label_column="dog")
    assert table_of(found)["red"].to_pylist() == [1, 1, 0]
    assert found.notes == ()


@pytest.mark.parametrize(
    "lines",
    [["img/a.png,0,1", "img/b.png,1,1"], ["img/a.png,0,1", "img/b.png,,1"], ["img/a.png,0,1", "img/b.png,2,1"]],
)
def test_columns_of_other_numbers_are_asked_about(
    lines: list[str], put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({**FOUR, "t.csv": csv("path,dog,cat", *lines)})
    with pytest.raises(DataError, match=re.escape("write data.label_column: [dog, cat]")):
        opened()


def test_a_class_of_zeros_alone_is_none(put_all: Callable[..., Path], opened: Callable[..., ImageSet]) -> None:
    head = "path,cat,dog,emu"
    put_all({**FOUR, "train.csv": csv(head, "img/a.png,1,0,0", "img/b.png,0,1,0")})
    put_all({"test.csv": csv(head, "img/c.png,0,1,0")})
    assert opened().classes == ["cat", "dog"]
    put_all({"test.csv": csv(head, "img/c.png,0,1,0", "img/d.png,0,0,1")})
    with pytest.raises(DataError, match=r"test.csv: class 'emu' is in test \(1 row\) but not in train"):
        opened()


@pytest.mark.parametrize("row", ["1,1", "0,0", ",", "2,0"])
def test_rows_with_none_or_several_ones(
    row: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
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
def test_names_of_classes_that_are_odd(
    labels: list[str], note: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all(
        {**FOUR, "t.csv": csv("path,label", *(f"img/{n}.png,{label}" for n, label in zip("abc", labels, strict=True)))}
    )
    notes = opened().notes
    assert len(notes) == bool(note)
    assert note in "".join(notes)


# Settings that have no effect


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"encoding": "cp1252"},
            "data.encoding: {}/train.parquet is parquet, which says itself how it is written; 'cp125",
        ),
        ({"decimal": ","}, "data.decimal: {}/train.parquet is parquet, which says itself how it is written; ',' needs"),
        (
            {"image_folder": "img"},
            "data.image_folder: the images of {}/train.parquet are in it, without paths. Take 'img",
        ),
        (
            {"image_ending": ".png"},
            "data.image_ending: the images of {}/train.parquet are in it, without paths. Take '.",
        ),
        (
            {"label_pattern": "{label}.*"},
            "data.label_pattern: {} has its labels inside; '{{label}}.*' needs a folder of",
        ),
    ],
)
def test_settings_that_say_nothing_of_this_table(
    options: dict[str, Any], text: str, put: Callable[..., Path], opened: Callable[..., ImageSet], root: Path
) -> None:
    put("mine", "train", [0, 1])
    with pytest.raises(DataError, match=re.escape(text.format(root / "mine"))):
        opened(**options)


@pytest.mark.parametrize("key", OF_TABLES)
def test_settings_of_tables_where_there_is_none(
    key: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    folder = put_all({"cat/a.png": 1, "cat/b.png": 2, "dog/a.png": 3, "dog/b.png": 4})
    value = False if key == "split_column" else "," if key == "decimal" else "x"
    said = "false" if value is False else value
    with pytest.raises(
        DataError, match=re.escape(f"data.{key}: {folder} has no columns; '{said}' needs a CSV or parq")
    ):
        opened(**{key: value})
    with pytest.raises(DataError, match=f"data.{key}: the digits come with scikit-learn, without files or columns"):
        opened("digits", **{key: value})


def test_settings_of_what_comes_with_another_library(
    opened: Callable[..., ImageSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(BUNDLED, "irises", BUNDLED["digits"])
    with pytest.raises(DataError, match=r"data\.encoding: 'irises' comes with a library, without files or columns"):
        opened("irises", encoding="utf-8")


@pytest.mark.parametrize("name", ["folders", "folders/labels.csv"])
def test_splits_of_which_none_is_named(
    name: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    folder = put_all({f"folders/{kind}/{name}.png": n for n, kind in enumerate(("cat", "dog")) for name in "ab"})
    put_all({"folders/labels.csv": csv("image,kind", "cat/a.png,x", "dog/a.png,y")})
    with pytest.raises(DataError, match=r"expected which folder or file is which split, as .*, received \{\}. Take it"):
        opened(str(folder / name), splits={})


@pytest.mark.parametrize("key", ["shape", "splits", "label_pattern"])
@pytest.mark.parametrize("source", ["t.csv", "t.npz", "folders"])
def test_settings_of_other_forms(
    source: str, key: str, put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    folder = put_all({**FOUR, "t.csv": csv("path,label", "img/a.png,x", "img/b.png,y")})
    put_all({f"folders/{kind}/{name}.png": n for n, kind in enumerate(("cat", "dog")) for name in "ab"})
    np.savez(folder / "t.npz", images=np.zeros((4, 4, 4), np.uint8), labels=np.arange(4) % 2)
    value = {"shape": [4, 4], "splits": {"train": "a"}, "label_pattern": "{label}.*"}[key]
    if source == "folders" and key != "shape":
        return  # that is what these are for
    with pytest.raises(DataError, match=rf"data\.{key}: .*{source} (have|is one file|has its labels)"):
        opened(str(folder / source), **{key: value})


def test_what_is_said_of_a_table_decides_for_it_beside_folders(
    put_all: Callable[..., Path], opened: Callable[..., ImageSet]
) -> None:
    put_all({f"{kind}/{name}.png": n for n, kind in enumerate(("cat", "dog")) for name in "ab"})
    put_all({"labels.csv": csv("image,kind", "cat/a.png,x", "dog/a.png,y")})
    assert opened(label_column="kind").classes == ["x", "y"]
    with pytest.raises(DataError, match=r"labels.csv has no column 'kin'; .* Did you mean 'kind'\?"):
        opened(label_column="kin")
    put_all({"labels.csv": csv("id,kind", "a,x", "b,y")})
    with pytest.raises(DataError, match=r"data.image_folder: .*/mine has no folder 'cats'; did you mean 'cat'\?"):
        opened(image_folder="cats")
