"""Attributes in the splits of a data set, and one pass over the real houses."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from escalera import builders
from escalera.core.errors import DataError
from escalera.data.column import Kind
from escalera.data.dataset import Dataset, Split
from escalera.data.table.attributes import with_attributes
from escalera.data.table.transform import Transformation
from escalera.ladder import schema

ROWS = np.arange(90)
TABLE = pa.table(
    {
        "house": ROWS,
        "area": ROWS % 13 + 0.5,
        "noise": np.random.RandomState(0).rand(90),
        "owner": np.array(["ann", "bob", "eve"])[ROWS % 3],
        "price": ROWS * 1.5,
    }
)


def dataset(table: pa.Table | None = TABLE, test: pa.Table | None = None) -> Dataset:
    images = np.zeros((90, 2, 2, 1), np.uint8)
    parts = [Split(images, ROWS % 3, rows, table) for rows in np.split(ROWS, [60, 75])]
    if test is not None:
        count = test.num_rows
        parts[2] = Split(images[:count], np.zeros(count, np.int64), np.arange(count), test)
    return Dataset("houses", ["low", "middle", "high"], parts[0], parts[1], parts[2])


def learned(data: Dataset) -> Transformation:
    assert data.attributes is not None
    return data.attributes


def vectors(part: Split) -> np.ndarray:
    assert part.attributes is not None
    return part.attributes


def test_every_split_has_its_vectors() -> None:
    data = with_attributes(dataset())
    assert learned(data).names == ["area", "noise", "price", "owner = ann", "owner = bob", "owner = eve"]
    assert vectors(data.train).shape == (90, 6)
    assert vectors(data.train).dtype == np.float32
    assert data.test.attributes is data.train.attributes
    assert vectors(data.train)[data.train.rows, 0].mean() == pytest.approx(0, abs=1e-6)
    assert learned(data).left_out == {"house": "row_number"}


def test_a_test_split_of_its_own_has_its_own_vectors() -> None:
    data = with_attributes(dataset(test=TABLE.slice(3, 4)))
    np.testing.assert_array_equal(data.test.attributes, vectors(data.train)[3:7])


def test_rows_that_are_not_train_teach_nothing() -> None:
    values = TABLE["area"].to_numpy().copy()
    values[60:] = 1e6
    moved = TABLE.set_column(1, "area", pa.array(values))
    assert with_attributes(dataset(moved)).attributes == with_attributes(dataset()).attributes


def test_labels_of_other_rows_choose_nothing() -> None:
    data, other = dataset(), dataset()
    labels = np.where(ROWS < 60, ROWS % 3, 0)
    other = replace(other, train=replace(other.train, labels=labels))
    assert with_attributes(other, best=2).attributes == with_attributes(data, best=2).attributes


def test_the_ranking_is_that_of_the_train_rows() -> None:
    """Not of the first rows, whose labels are drawn at random here."""
    labels = np.where(ROWS < 30, np.random.RandomState(0).randint(0, 3, 90), ROWS % 3)
    parts = [
        replace(part, labels=labels, rows=rows)
        for part, rows in zip(
            (dataset().train, dataset().validation, dataset().test), (ROWS[30:], ROWS[:15], ROWS[15:30]), strict=True
        )
    ]
    fitted = learned(
        with_attributes(Dataset("houses", ["low", "middle", "high"], parts[0], parts[1], parts[2]), best=1)
    )
    assert fitted.ranking["owner"] == pytest.approx(np.log(3))


def test_the_best_are_kept_with_the_ranking() -> None:
    fitted = learned(with_attributes(dataset(), best=1))
    assert fitted.columns == ["owner"]
    assert list(fitted.ranking) == sorted(fitted.ranking, key=lambda name: -fitted.ranking[name])
    assert fitted.left_out["area"] == "not_selected"
    assert Transformation.from_json(json.loads(json.dumps(fitted.to_json()))) == fitted


def test_some_are_kept_by_name() -> None:
    assert learned(with_attributes(dataset(), only=["area", "owner"])).columns == ["area", "owner"]
    assert learned(with_attributes(dataset(), columns={"categorical": ["owner"]})).columns == ["owner"]


def test_what_is_learned_from_is_said() -> None:
    assert with_attributes(dataset()).notes == (
        "attributes: numeric area, noise, price; categorical owner.",
        "attributes left out: house (it numbers the rows).",
    )
    assert with_attributes(dataset(), columns=["area"], aside={"price": "target"}).notes == (
        "attributes: numeric area.",
    )


def test_what_is_missing_is_said() -> None:
    gaps = TABLE.set_column(1, "area", pa.array([None, None, *range(2, 90)], pa.float64()))
    gaps = gaps.set_column(3, "owner", pa.array(["?", *(["ann", "bob", "eve"] * 30)[1:]]))
    assert with_attributes(dataset(gaps), columns=["area", "owner", "noise"]).notes[1] == (
        "attributes missing: area in 2, owner in 1 of 90 rows. A number counts as train's median, with a flag beside "
        "it that says so; a name counts as a category of its own."
    )


@pytest.mark.parametrize("odd", ["unknown", "1,5", "inf"])
@pytest.mark.parametrize("row", [61, 76])
def test_a_text_among_numbers_outside_of_train_is_missing(odd: str, row: int) -> None:
    values = [str(value) for value in TABLE["area"].to_pylist()]
    values[row] = odd
    data = with_attributes(dataset(TABLE.set_column(1, "area", pa.array(values))))
    assert data.notes[-1] == (
        f"attributes: area holds no number in 1 row outside of train, as '{odd}', which counts as missing; name it "
        "under data.attributes to see where."
    )
    assert (
        vectors(data.train)[row, 0]
        == vectors(
            with_attributes(
                dataset(TABLE.set_column(1, "area", pa.array([None if v == odd else float(v) for v in values])))
            ).train
        )[row, 0]
    )
    with pytest.raises(DataError, match=rf"column 'area': expected a number in row {row}, received '{odd}'"):
        with_attributes(dataset(TABLE.set_column(1, "area", pa.array(values))), columns=["area"])
    values[row], values[5] = "2", odd
    data = with_attributes(dataset(TABLE.set_column(1, "area", pa.array(values))))
    assert learned(data).left_out["area"] == "mixed"


def test_a_test_table_of_its_own_may_hold_such_a_text() -> None:
    other = TABLE.slice(0, 4).set_column(1, "area", pa.array(["1", "unknown", "2", "3"]))
    data = with_attributes(dataset(test=other))
    assert "area holds no number in 1 row outside of train, as 'unknown'," in data.notes[-1]
    endless = TABLE.slice(0, 4).set_column(1, "area", pa.array([1, float("inf"), 2, 3]))
    assert "area holds no number in 1 row outside of train, as inf," in with_attributes(dataset(test=endless)).notes[-1]


def test_what_no_model_reads_is_told() -> None:
    data = with_attributes(dataset(), read=False)
    assert data.attributes is None
    assert data.notes == (
        "attributes: numeric area, noise, price; categorical owner; read by none of these rungs.",
        "attributes left out: house (it numbers the rows).",
    )
    assert learned(with_attributes(dataset(), columns=["area"], read=False)).columns == ["area"]
    assert with_attributes(dataset(None), read=False).notes == ()


def test_the_target_and_the_group_are_no_attributes() -> None:
    data = with_attributes(dataset(), aside={"price": "target", "owner": "group"})
    assert learned(data).columns == ["area", "noise"]
    assert learned(data).left_out == {"house": "row_number", "price": "target", "owner": "group"}
    text = (
        "data.attributes: column 'price' is data.target, and cannot be learned from as well. Take it out of the list."
    )
    ways: tuple[list[str] | dict[Kind, list[str]], ...] = (["price"], {"numeric": ["price"]})
    for columns in ways:
        with pytest.raises(DataError, match=re.escape(text)):
            with_attributes(dataset(), columns=columns, aside={"price": "target"})


def test_a_source_without_attributes_stays_as_it_is() -> None:
    bare = dataset(None)
    assert with_attributes(bare) is bare
    nothing = dataset(TABLE.select(["house"]))
    assert with_attributes(nothing).attributes is None
    with pytest.raises(DataError, match=r"data.attributes: houses has no table; it has pictures and labels alone\."):
        with_attributes(bare, best=1)
    text = "data.attributes: houses has no column to learn from: one (a single value in train)."
    with pytest.raises(DataError, match=re.escape(text)):
        with_attributes(dataset(pa.table({"one": np.ones(90)})), columns=["one"])


def test_a_test_split_without_one_of_the_columns() -> None:
    with pytest.raises(DataError, match=r"the table has no column 'area'; known: noise"):
        with_attributes(dataset(test=TABLE.select(["noise"])), columns=["area"])


HOUSES = {"image_column": "frontal", "image_size": 16, "target": "price", "bands": 4}


@pytest.mark.data
def test_the_houses(real_data: Path) -> None:
    """535 houses, bands of price; what is fitted on train is not what the whole table would give."""
    config = schema.Data.model_validate({"source": str(real_data / "houses" / "houses.csv"), **HOUSES})
    data = builders.dataset(config, seed=0, data_root=None)
    assert [len(part.rows) for part in (data.train, data.validation, data.test)] == [384, 44, 107]
    assert np.bincount(data.train.labels[data.train.rows]).tolist() == pytest.approx([96] * 4, abs=3)
    assert data.classes[0].startswith("≤ ")
    assert len(data.classes) == 4
    fitted = learned(data)
    assert [part.column for part in fitted.numeric] == ["bedrooms", "bathrooms", "area"]
    assert [part.column for part in fitted.categorical] == ["zipcode"]
    assert fitted.left_out == {"house": "row_number", "price": "target"}
    assert fitted.categorical[0].rare
    assert vectors(data.train).shape == (535, len(fitted.names))
    assert data.train.table is not None
    row = data.train.table.to_pylist()[7]
    np.testing.assert_array_equal(fitted.vectors([row])[0], vectors(data.train)[7])


@pytest.mark.data
def test_the_bands_of_houses_do_not_move_with_the_test_rows(real_data: Path) -> None:
    config = schema.Data.model_validate({"source": str(real_data / "houses" / "houses.csv"), **HOUSES})
    first, other = (builders.dataset(config, seed=seed, data_root=None) for seed in (0, 1))
    again = builders.dataset(config, seed=0, data_root=None)
    assert first.bands == again.bands
    assert (first.test.rows == again.test.rows).all()
    assert first.bands != other.bands
