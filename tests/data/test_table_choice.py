"""Which columns are learned from: named, guessed, or the best."""

import re

import numpy as np
import pyarrow as pa
import pytest

from escalera.core.errors import DataError
from escalera.data.column import Kind
from escalera.data.table.choice import choose, select, select_best

ROWS = np.arange(60)
TRAIN = pa.table(
    {
        "row": ROWS,
        "area": ROWS % 17 + 0.5,
        "zip": np.array([92880, 94501])[ROWS % 2],
        "kind": np.array(["a", "b", "c"])[ROWS % 3],
        "one": np.ones(60),
        "nothing": pa.nulls(60),
        "sold": pa.array(ROWS.tolist(), pa.date32()),
        "typo": ["1"] * 59 + ["1O"],
    }
)


def test_all_columns_as_far_as_they_can_be_learned_from() -> None:
    kinds, left_out = choose(TRAIN, ROWS, None)
    assert kinds == {"area": "numeric", "zip": "categorical", "kind": "categorical"}
    assert left_out == {
        "row": "row_number", "one": "constant", "nothing": "empty", "sold": "other", "typo": "mixed"
    }  # fmt: skip


def test_named_columns_alone() -> None:
    kinds, left_out = choose(TRAIN, ROWS, ["zip", "row"])
    assert kinds == {"zip": "categorical", "row": "numeric"}
    assert set(left_out.values()) == {"not_named"}
    assert choose(TRAIN, ROWS, [])[0] == {}


def test_kinds_that_are_said_are_taken() -> None:
    assert choose(TRAIN, ROWS, {"numeric": ["zip"], "categorical": ["area"]})[0] == {
        "zip": "numeric",
        "area": "categorical",
    }
    assert choose(TRAIN, ROWS, {"categorical": ["typo"]})[0] == {"typo": "categorical"}


def test_a_single_value_is_left_out_also_when_it_is_named() -> None:
    kinds, left_out = choose(TRAIN, ROWS, ["one", "area"])
    assert (list(kinds), left_out["one"]) == (["area"], "constant")


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (["aera"], "data.attributes: the table has no column 'aera'; did you mean 'area'?"),
        ({"categorical": ["zips"]}, "data.attributes: the table has no column 'zips'; did you mean 'zip'?"),
        (
            ["nothing"],
            "data.attributes: column 'nothing' has no value in any of the 60 rows of train. Take it out of the list.",
        ),
        ({"numeric": ["nothing"]}, "column 'nothing' has no value in any of the 60 rows of train."),
        (["sold"], "data.attributes: column 'sold' holds date32[day]; expected numbers, texts, or true and false. "),
        (["typo"], "column 'typo': expected a number in row 59, received '1O'."),
        ({"numeric": ["kind"]}, "column 'kind': expected a number in row 0, received 'a'."),
    ],
)
def test_columns_that_cannot_be_used(columns: list[str] | dict[Kind, list[str]], text: str) -> None:
    with pytest.raises(DataError, match=re.escape(text)):
        choose(TRAIN, ROWS, columns)


def test_the_row_of_a_mistake_is_that_of_the_whole_table() -> None:
    """It is searched in, while only the rows of train decide."""
    with pytest.raises(DataError, match="expected a number in row 59"):
        choose(TRAIN, ROWS[40:], ["typo"])
    assert choose(TRAIN, ROWS[:40], None)[1]["typo"] == "constant"
    assert choose(TRAIN, ROWS[::2], ["zip", "area"])[0] == {"area": "numeric"}


def test_selection_by_name_and_by_what_the_columns_say() -> None:
    kinds: dict[str, Kind] = {"area": "numeric", "zip": "categorical", "kind": "categorical"}
    assert select(kinds, ["kind", "area"]) == {"area": "numeric", "kind": "categorical"}
    chosen, scores = select_best(TRAIN, ROWS % 3, kinds, 1)
    assert chosen == {"kind": "categorical"}
    assert next(iter(scores)) == "kind"
    assert set(scores) == set(kinds)
    with pytest.raises(
        DataError, match=re.escape("data.select: no attribute 'aera' to learn from; did you mean 'area'?")
    ):
        select(kinds, ["aera"])
    text = "data.select: expected at most the best 3, which is how many there are (area, zip, kind), received 4."
    with pytest.raises(DataError, match=re.escape(text)):
        select_best(TRAIN, ROWS % 3, kinds, 4)


def test_a_kind_that_was_said_counts_in_the_ranking() -> None:
    """Zip codes in disorder: as names they say all, as numbers little."""
    labels = np.array([0, 1, 0, 1, 0, 1])[ROWS % 6]
    train = pa.table({"zip": 10000 + ROWS % 6 + np.repeat([0, 100], 30)})
    as_names = select_best(train, labels, {"zip": "categorical"}, 1)[1]["zip"]
    assert as_names == pytest.approx(np.log(2))
