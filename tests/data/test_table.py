"""What a table holds, column by column, and what the columns say about the classes."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn import feature_selection

from escalera.data.table import summary as module
from escalera.data.table.summary import describe, ranking

RANDOM = np.random.RandomState(0)


def test_numbers_are_described_as_pandas_does() -> None:
    [entry] = describe(pa.table({"area": [3.0, None, 1.0, 2.0, 10.5]}))
    histogram = entry.pop("histogram")
    assert entry == {
        "column": "area",
        "kind": "numeric",
        "remark": None,
        "count": 4,
        "missing": 1,
        "min": 1.0,
        "quartiles": [1.75, 2.5, 4.875],
        "max": 10.5,
        "mean": 4.125,
        "std": pytest.approx(4.3277207),  # pandas.Series([3, 1, 2, 10.5]).std()
    }
    assert (len(histogram["edges"]), histogram["edges"][0], histogram["edges"][-1]) == (21, 1.0, 10.5)
    assert sum(histogram["counts"]) == 4


def test_small_whole_numbers_have_a_bar_each() -> None:
    [entry] = describe(pa.table({"bedrooms": [1, 2, 2, 4]}))
    assert entry["histogram"] == {"edges": [0.5, 1.5, 2.5, 3.5, 4.5], "counts": [1, 2, 0, 1]}


@pytest.mark.parametrize("values", [[0.5, 0.5], [1e16, 1e16 + 2], [-1e300, 1e300], [7.25]])
def test_every_number_falls_into_the_histogram(values: list[float]) -> None:
    [entry] = describe(pa.table({"x": values}))
    assert sum(entry["histogram"]["counts"]) == len(values)


def test_names_are_counted_the_most_frequent_first() -> None:
    [entry] = describe(pa.table({"kind": ["b", "a", None, "b", "?", "c", "a"]}))
    assert entry == {
        "column": "kind",
        "kind": "categorical",
        "remark": None,
        "count": 5,
        "missing": 2,
        "distinct": 3,
        "top": [{"value": "a", "count": 2}, {"value": "b", "count": 2}, {"value": "c", "count": 1}],
    }


def test_no_more_than_twenty_names_are_shown() -> None:
    [entry] = describe(pa.table({"kind": [f"k{i % 25}" for i in range(60)]}))
    assert (entry["distinct"], len(entry["top"])) == (25, 20)


def test_what_is_neither_a_number_nor_a_name() -> None:
    [entry] = describe(pa.table({"sold": pa.array([0, None], pa.date32())}))
    assert entry == {
        "column": "sold", "kind": "other", "remark": "other", "count": 1, "missing": 1, "type": "date32[day]"
    }  # fmt: skip


def test_every_column_goes_into_json() -> None:
    table = pa.table(
        {
            "empty": pa.nulls(3),
            "no number": pa.array([None, None, None], pa.float64()),
            "one": [1, 1, 1],
            "yes": [True, None, False],
            "mixed": pa.array([*"123"]),
            "codes": pa.array(["a", "b", "a"]).dictionary_encode(),
        }
    )
    entries = json.loads(json.dumps(describe(table), allow_nan=False))
    assert [(entry["column"], entry["remark"]) for entry in entries] == [
        ("empty", "empty"), ("no number", "empty"), ("one", "constant"), ("yes", None), ("mixed", None), ("codes", None)
    ]  # fmt: skip


def test_a_table_without_columns() -> None:
    assert describe(pa.table({})) == []
    assert ranking(pa.table({}), np.zeros(0, np.int64)) == []


def test_the_column_that_says_most_comes_first() -> None:
    labels = np.arange(400) % 4
    table = pa.table(
        {
            "noise": RANDOM.rand(400),
            "half": np.where(labels < 2, "low", "high"),
            "all": labels + 0.1 * RANDOM.rand(400),
            "row": np.arange(400),
            "one": np.ones(400),
        }
    )
    ranked = ranking(table, labels)
    assert [entry["column"] for entry in ranked[:3]] == ["all", "half", "noise"]
    scores = {entry["column"]: entry["score"] for entry in ranked}
    assert scores["half"] == pytest.approx(np.log(2), abs=1e-9)
    assert scores["all"] == pytest.approx(np.log(4), abs=0.05)
    assert scores["noise"] < 0.1
    assert scores["row"] == scores["one"] == 0
    assert ranking(table, labels) == ranked


def test_missing_values_and_decimals_of_few_kinds_are_ranked() -> None:
    labels = np.arange(100) % 2
    table = pa.table(
        {
            "bathrooms": np.where(labels == 1, 2.5, np.nan),
            "kind": pa.array([None if label else "a" for label in labels]),
        }
    )
    ranked = ranking(table, labels)
    assert {entry["column"]: round(entry["score"], 2) for entry in ranked} == {"kind": 0.69, "bathrooms": 0.0}


def test_rows_of_as_many_classes_rank_nothing() -> None:
    table = pa.table({"x": RANDOM.rand(20), "y": np.arange(20)})
    assert [entry["score"] for entry in ranking(table, np.arange(20))] == [0.0, 0.0]


def test_numbers_of_few_kinds_are_counted() -> None:
    labels = np.arange(400) % 4
    [entry] = ranking(pa.table({"bathrooms": 1 + labels / 2}), labels)
    assert entry["score"] == pytest.approx(np.log(4), abs=1e-12)


def test_a_long_table_is_ranked_by_some_of_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.arange(3000) % 3
    table = pa.table({"noise": RANDOM.rand(3000), "x": labels + RANDOM.rand(3000)})
    whole, seen = feature_selection.mutual_info_classif, []

    def spy(columns: np.ndarray, *arguments: Any, **settings: Any) -> Any:
        seen.append(columns.shape)
        return whole(columns, *arguments, **settings)

    monkeypatch.setattr(feature_selection, "mutual_info_classif", spy)
    monkeypatch.setattr(module, "_ROWS", 500)
    ranked = ranking(table, labels)
    assert seen == [(500, 2)]
    assert ranked[0]["column"] == "x"
    assert ranked[0]["score"] == pytest.approx(np.log(3), abs=0.1)
