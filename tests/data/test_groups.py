"""Cutting by group: no split stays empty where there are groups enough."""

import re
import unicodedata
from typing import Literal

import numpy as np
import pyarrow as pa
import pytest

from escalera.core.errors import DataError
from escalera.core.translation import translate
from escalera.data.images import Images, ImageSet
from escalera.data.splits import split


def grouped(sizes: dict[str, int], labels: dict[str, list[int]] | None = None) -> ImageSet:
    """Rows in groups of these sizes; their labels alternate where none are given."""
    names = [name for name, size in sizes.items() for _ in range(size)]
    given = [label for name in sizes for label in (labels or {}).get(name, [n % 2 for n in range(sizes[name])])]
    table = pa.table({"who": names})
    return ImageSet(
        "mine", ["x", "y"], {"train": Images(np.zeros((len(names), 2, 2, 1), np.uint8), np.array(given), table)}
    )


@pytest.mark.parametrize(
    "sizes",
    [
        {"a": 40, "b": 34, "c": 6, "d": 3, "e": 1, "f": 1},
        {"a": 90, "b": 5, "c": 5},
        {"a": 30, "b": 30, "c": 30},
        {"a": 1_000, "b": 2, "c": 1, "d": 1},
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_every_split_has_a_group(sizes: dict[str, int], seed: int) -> None:
    source = grouped(sizes)
    data = split(source, validation=0.1, test=0.2, seed=seed, group="who")
    table = source.splits["train"].table
    assert table is not None
    who = np.array(table["who"].to_pylist())
    parts = [set(who[part.rows]) for part in (data.train, data.validation, data.test)]
    assert all(parts)
    assert sum(map(len, parts)) == len(sizes)  # no group is in two
    assert set(data.train.labels[data.train.rows]) == {0, 1}


def test_train_keeps_its_classes() -> None:
    labels = {"a": [0, 0, 0], "b": [1, 1, 1], "c": [0, 0], "d": [0]}
    data = split(grouped({"a": 3, "b": 3, "c": 2, "d": 1}, labels), validation=0.1, test=0.2, seed=0, group="who")
    assert set(data.train.labels[data.train.rows]) == {0, 1}


def test_groups_that_cannot_fill_three_splits() -> None:
    labels = {"a": [0, 0, 0], "b": [1, 1, 1], "c": [0]}
    with pytest.raises(
        DataError,
        match=re.escape(
            "mine: the 3 groups of data.group 'who' are too unequal: the largest has 3 of 7 rows, so that no group is "
            "left for validation. Add groups, or leave out data.group."
        ),
    ):
        split(grouped({"a": 3, "b": 3, "c": 1}, labels), validation=0.1, test=0.2, seed=0, group="who")


@pytest.mark.parametrize("other", ["ana ", " ana", "ana"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_one_patient_however_blanks_and_accents_are_written(other: str, form: Literal["NFC", "NFD"]) -> None:
    names = ["aná", unicodedata.normalize(form, other.replace("ana", "aná"))] * 10 + ["b", "c"] * 10
    images = Images(np.zeros((40, 2, 2, 1), np.uint8), np.arange(40) // 2 % 2, pa.table({"who": names}))
    data = split(ImageSet("mine", ["x", "y"], {"train": images}), validation=0.2, test=0.2, seed=0, group="who")
    parts = [set(part.rows.tolist()) for part in (data.train, data.validation, data.test)]
    assert [len(part & set(range(20))) for part in parts].count(20) == 1


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_a_row_without_a_group(nothing: str | None) -> None:
    images = Images(np.zeros((4, 2, 2, 1), np.uint8), np.arange(4) % 2, pa.table({"who": ["a", "b", nothing, "c"]}))
    with pytest.raises(DataError, match=r"mine: data\.group 'who' is empty in row 2 of train\. Rows count from 0\."):
        split(ImageSet("mine", ["x", "y"], {"train": images}), validation=0.2, test=0.2, seed=0, group="who")


@pytest.mark.parametrize(
    ("test", "text"),
    [
        (
            ["a", "c"],
            "mine: 1 group of data.group 'who' is in train and in test, as 'a'. Move its rows into one split, or ",
        ),
        (
            ["a", "b"],
            "mine: 2 groups of data.group 'who' are in train and in test, as 'a'. Move their rows into one spli",
        ),
    ],
)
def test_groups_in_two_splits_of_the_source(test: list[str], text: str) -> None:
    def images(names: list[str]) -> Images:
        return Images(np.zeros((2, 2, 2, 1), np.uint8), np.arange(2), pa.table({"who": names}))

    mine = ImageSet("mine", ["x", "y"], {"train": images(["a", "b"]), "test": images(test)})
    with pytest.raises(DataError) as error:
        split(mine, validation=0.2, test=0.2, seed=0, group="who")
    assert str(error.value).startswith(text)
    assert ("1 grupo de" in translate(str(error.value), "es")) == (test == ["a", "c"])
