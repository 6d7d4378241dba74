"""One transformation, fitted on train, the same as scikit-learn's, and the same again from its JSON."""

import json
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from escalera.core.errors import DataError
from escalera.data.column import Kind
from escalera.data.table.fitting import column_transformer, fit, raw
from escalera.data.table.transform import Transformation

KINDS: dict[str, Kind] = {
    "zip": "categorical",
    "area": "numeric",
    "rooms": "numeric",
    "garage": "categorical",
    "age": "numeric",
}


def houses(count: int = 300, seed: int = 0) -> pa.Table:
    random = np.random.RandomState(seed)
    area = random.lognormal(7, 0.6, count)
    area[random.rand(count) < 0.1] = np.nan
    area[:2] = 1e6, -1e6
    zips = random.choice([92880, 94501, 90210, 11111, 22222], count, p=[0.5, 0.3, 0.18, 0.01, 0.01])
    garage = random.choice(["none", "one", "two", ""], count, p=[0.4, 0.3, 0.2, 0.1])
    return pa.table(
        {
            "zip": zips,
            "area": area,
            "rooms": random.randint(1, 8, count),
            "garage": pa.array([text or None for text in garage]),
            "age": pa.array([str(n) if n else None for n in random.randint(0, 90, count)]),
        }
    )


def learned(train: pa.Table, kinds: dict[str, Kind], left_out: dict[str, Any]) -> Transformation:
    found = fit(train, kinds, left_out)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def fitted() -> Transformation:
    return learned(houses(), KINDS, {})


def again(found: Transformation) -> Transformation:
    return Transformation.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))


@pytest.mark.parametrize("other", [0, 1, 2])
def test_it_equals_scikit_learn_to_the_last_bit(fitted: Transformation, other: int) -> None:
    """Also on rows that it has not seen (1, 2), with other categories (2), and after its JSON."""
    table = houses(seed=other)
    if other == 2:
        table = table.set_column(0, "zip", pa.array([55555, None] * 150))
    fill = {part.column: part.fill for part in fitted.categorical}
    reference = column_transformer(houses(), KINDS, fill).transform(raw(table, KINDS, fill)).astype(np.float32)
    ours = again(fitted)(table)
    assert ours.dtype == np.float32
    assert ours.shape == (300, len(fitted.names))
    np.testing.assert_array_equal(ours, reference)


def test_json_gives_the_same_transformation(fitted: Transformation) -> None:
    assert again(fitted) == fitted
    ranked = Transformation(fitted.numeric, fitted.categorical, {"x": "constant"}, {"area": 0.1, "zip": 1 / 3})
    assert again(ranked) == ranked
    assert list(again(ranked).ranking) == ["area", "zip"]


def test_the_names_say_what_each_output_is(fitted: Transformation) -> None:
    assert fitted.names == [
        "area", "rooms", "age", "area missing", "age missing",
        "zip = 90210", "zip = 92880", "zip = 94501", "zip rare",
        "garage missing", "garage = none", "garage = one", "garage = two",
    ]  # fmt: skip
    assert fitted.columns == ["area", "rooms", "age", "zip", "garage"]


def test_numbers_are_filled_clipped_and_standardised(fitted: Transformation) -> None:
    vectors = fitted(houses())
    assert np.abs(vectors[:, :3].mean(axis=0)).max() < 1e-5
    assert vectors[:, :3].std(axis=0) == pytest.approx([1, 1, 1], abs=1e-5)
    assert np.abs(vectors[:, 0]).max() < 6  # a million would be 17 deviations away
    area = houses()["area"].to_numpy()
    first, third = np.nanquantile(area, [0.25, 0.75])
    part = fitted.numeric[0]
    assert (part.low, part.high) == pytest.approx((first - 3 * (third - first), third + 3 * (third - first)))
    assert (vectors[:, 3] == np.isnan(area)).all()
    assert part.median == np.nanmedian(np.clip(area, part.low, part.high))


def test_quartiles_that_are_equal_fence_nothing() -> None:
    values = np.zeros(100)
    values[:10] = 5
    [part] = learned(pa.table({"pool": values}), {"pool": "numeric"}, {}).numeric
    assert (part.low, part.high) == (0, 5)


def test_limits_lie_within_what_train_has() -> None:
    [part] = learned(pa.table({"rooms": np.arange(100) % 7}), {"rooms": "numeric"}, {}).numeric
    assert (part.low, part.high) == (0, 6)


def test_nothing_is_learned_from_other_rows(fitted: Transformation) -> None:
    """The same train rows beside other test rows: the same transformation; a leak would show in any number of it."""
    table = pa.concat_tables([houses(), houses(seed=5)])
    assert fit(table.slice(0, 300), KINDS, {}) == fitted
    assert fit(table, KINDS, {}) != fitted


def test_a_category_that_train_does_not_have() -> None:
    train = pa.table({"kind": ["a"] * 10 + ["b"] * 10, "n": np.arange(20) % 3})
    kinds: dict[str, Kind] = {"kind": "categorical", "n": "numeric"}
    found = learned(train, kinds, {})
    assert found.categorical[0].rare is False
    assert found(pa.table({"kind": ["c", "b"], "n": [1, 1]}))[:, 1:].tolist() == [[0, 0], [0, 1]]


def test_a_missing_name_is_the_most_frequent_where_train_misses_none() -> None:
    train = pa.table({"kind": ["a"] * 10 + ["b"] * 10 + ["c"] * 9})
    found = learned(train, {"kind": "categorical"}, {})
    assert found.categorical[0].fill == "a"
    assert found(pa.table({"kind": pa.array([None], pa.string())})).tolist() == [[1, 0, 0]]


def test_names_that_are_all_rare_are_left_out() -> None:
    train = pa.table({"owner": [f"o{i % 25}" for i in range(50)], "n": np.arange(50) % 3})
    found = learned(train, {"owner": "categorical", "n": "numeric"}, {"x": "constant"})
    assert found.left_out == {"x": "constant", "owner": "all_rare"}
    assert found.names == ["n"]
    assert fit(train, {"owner": "categorical"}, {}) is None
    assert fit(train, {}, {}) is None


def test_in_a_large_train_one_in_a_hundred_is_rare() -> None:
    names = np.array(["a"] * 900 + ["b"] * 91 + ["c"] * 9)
    assert learned(pa.table({"x": names}), {"x": "categorical"}, {}).names == ["x = a", "x = b", "x rare"]


def test_rows_as_a_person_gives_them(fitted: Transformation) -> None:
    table = houses().slice(10, 5)
    rows = table.to_pylist()
    np.testing.assert_array_equal(fitted.vectors(rows), fitted(table))
    written = [{name: None if value is None else f" {value} " for name, value in row.items()} for row in rows]
    np.testing.assert_array_equal(fitted.vectors(written), fitted(table))
    numpys = [{**row, "rooms": np.int64(row["rooms"]), "area": np.float64(row["area"] or np.nan)} for row in rows]
    np.testing.assert_array_equal(fitted.vectors(numpys), fitted(table))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"are": 1}, "unknown attribute 'are'; did you mean 'area'?"),
        ({"rooms": "many"}, "attribute 'rooms': expected a number, or null where it is not known; received 'many'."),
        ({"rooms": True}, "attribute 'rooms': expected a number, or null where it is not known; received True."),
        ({"rooms": float("inf")}, "attribute 'rooms': expected a number, or null where it is not known; received inf."),
    ],
)
def test_rows_that_cannot_be_read(fitted: Transformation, change: dict[str, Any], text: str) -> None:
    good = houses().slice(10, 1).to_pylist()[0]
    with pytest.raises(DataError) as caught:
        fitted.vectors([{**good, **change}])
    assert str(caught.value) == text
    with pytest.raises(DataError) as caught:
        fitted.vectors([good, {**good, **change}])
    assert str(caught.value) == f"row 1: {text}"


def test_rows_with_an_attribute_too_few(fitted: Transformation) -> None:
    text = (
        "expected the attributes area, rooms, age, zip, garage; received none for rooms, zip. "
        "Give null where a value is not known."
    )
    with pytest.raises(DataError, match=re.escape(text)):
        fitted.vectors([{"area": 1, "age": 2, "garage": None}])


def test_columns_that_were_left_out_may_be_there(fitted: Transformation) -> None:
    found = Transformation(fitted.numeric, fitted.categorical, {"price": "target"})
    row = houses().slice(10, 1).to_pylist()[0]
    np.testing.assert_array_equal(found.vectors([{**row, "price": "high"}]), fitted.vectors([row]))
    assert fitted.vectors([]).shape == (0, 13)


def test_a_table_without_one_of_the_columns(fitted: Transformation) -> None:
    with pytest.raises(DataError, match=r"the table has no column 'area'; did you mean 'areas'"):
        fitted(houses().rename_columns(["zip", "areas", "rooms", "garage", "age"]))


def test_text_among_the_numbers_of_another_split(fitted: Transformation) -> None:
    table = houses().set_column(2, "rooms", pa.array(["3"] * 299 + ["three"]))
    with pytest.raises(DataError, match="column 'rooms': expected a number in row 299, received 'three'"):
        fitted(table)


def test_true_and_false_are_read_as_people_write_them() -> None:
    """A CSV, a spreadsheet and Python write True, TRUE or 1 for what pyarrow reads as true: none of them is another."""
    train = pa.table({"new": [True, False] * 20, "code": pa.array(["1", "0"] * 20)})
    found = learned(train, {"new": "categorical", "code": "categorical"}, {})
    for true, false in ((True, False), ("True", "False"), ("TRUE", "FALSE"), (1, 0), ("1", "0"), (" true ", "false")):
        made = found.vectors([{"new": true, "code": "1"}, {"new": false, "code": "1"}])
        assert made.tolist() == [[0, 1, 0, 1], [1, 0, 0, 1]]
        assert found.unseen({"new": true, "code": "0"}) == []


def test_a_text_that_no_row_of_train_has_is_told_where_it_has_no_place() -> None:
    train = pa.table({"brand": ["Acme", "Zed"] * 20, "new": [True, False] * 20})
    found = learned(train, {"brand": "categorical", "new": "categorical"}, {})
    none = "no row of train has '{}', which counts as none of its values;"
    assert found.unseen({"brand": "acme", "new": "yes"}) == [
        f"attribute 'brand': {none.format('acme')} did you mean 'Acme'?",
        f"attribute 'new': {none.format('yes')} known: false, true",
    ]
    assert found.unseen({"brand": None, "new": ""}) == found.unseen({}) == []
    rare = learned(pa.table({"zip": ["a"] * 50 + ["b"] * 50 + ["c"]}), {"zip": "categorical"}, {})
    assert rare.categorical[0].rare and rare.unseen({"zip": "d"}) == []
