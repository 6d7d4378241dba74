"""Columns as numbers and as texts, and what is guessed of them."""

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from escalera.core.errors import DataError
from escalera.data.column import guess, not_numbers, numbers, texts

N = 100
ROWS = np.arange(N)


def column(values: Any, kind: pa.DataType | None = None) -> pa.Table:
    return pa.table({"x": pa.array(values, kind)})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, None, 3], [1, np.nan, 3]),
        ([1.5, float("nan"), -2.0], [1.5, np.nan, -2]),
        (["1", " 2.50 ", None, "", "NA", "n/a", "1e3"], [1, 2.5, np.nan, np.nan, np.nan, np.nan, 1000]),
        (pa.array(["7", None, "7"]).dictionary_encode(), [7, np.nan, 7]),
        (pa.nulls(2), [np.nan, np.nan]),
        (pa.array([1, None], pa.decimal128(5, 2)), [1, np.nan]),
    ],
)
def test_numbers(values: Any, expected: list[float]) -> None:
    found = numbers(column(values), "x")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (["1", None, "big"], "column 'x': expected a number in row 2, received 'big'. "),
        (["1", "1,200"], "expected a number in row 1, received '1,200'"),
        (["inf"], "expected a number in row 0, received 'inf'"),
        (["1_0"], "expected a number in row 0, received '1_0'"),
        ([0.0, float("inf")], "expected a number in row 1, received "),
        ([True, False], "expected a number in row 0, received True"),
    ],
)
def test_what_is_no_number(values: list[Any], text: str) -> None:
    with pytest.raises(DataError, match=re.escape(text)) as caught:
        numbers(column(values), "x")
    assert str(caught.value).endswith(
        "Mend it, or leave it empty where it is not known; if 'x' holds names or codes, list it under "
        "data.attributes.categorical. Rows count from 0."
    )


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        (["1", "x", None, "2", "inf", "NA"], [1, 4]),
        ([1.0, float("inf"), float("nan")], [1]),
        ([1, 2], []),
        ([True, False], []),
    ],
)
def test_the_rows_that_hold_no_number(values: list[Any], rows: list[int]) -> None:
    assert not_numbers(column(values), "x").tolist() == rows
    assert not_numbers(column(values), "y").tolist() == []


def test_texts() -> None:
    assert texts(column([" a ", None, "none", "?", "N/A"]), "x").tolist() == ["a", "", "none", "", ""]
    assert texts(column([92880, None]), "x").tolist() == ["92880", ""]
    assert texts(column([92880.0, None, 0.5]), "x").tolist() == ["92880", "", "0.5"]
    assert texts(column([True, False, None]), "x").tolist() == ["true", "false", ""]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(ROWS % 5 + 1, ("numeric", None), id="bedrooms"),
        pytest.param(np.array([92880, 90210, 94501])[ROWS % 3], ("categorical", None), id="zip codes"),
        pytest.param(np.array([92880.0, np.nan, 94501])[ROWS % 3], ("categorical", None), id="zip codes, some missing"),
        pytest.param(np.array(["92880", "94501"])[ROWS % 2], ("categorical", None), id="zip codes as texts"),
        pytest.param(1950 + ROWS % 20, ("numeric", None), id="years"),
        pytest.param(np.array([250000, 300000])[ROWS % 2], ("numeric", None), id="rounded prices"),
        pytest.param(np.array([92501, 102301])[ROWS % 2], ("numeric", None), id="numbers of two lengths"),
        pytest.param(10001 + ROWS % 50, ("numeric", None), id="numbers that seldom repeat"),
        pytest.param(np.array([10001.5, 20002.5])[ROWS % 2], ("numeric", None), id="decimals"),
        pytest.param(-np.array([92880, 94501])[ROWS % 2], ("numeric", None), id="negative numbers"),
        pytest.param(ROWS, ("numeric", "row_number"), id="row numbers"),
        pytest.param(np.random.RandomState(0).permutation(2 * N)[:N], ("numeric", "row_number"), id="some rows"),
        pytest.param(ROWS / 7, ("numeric", None), id="all different, with decimals"),
        pytest.param(ROWS**2, ("numeric", None), id="all different, far apart"),
        pytest.param(np.arange(5), ("numeric", None), id="too few to tell"),
        pytest.param(np.ones(N), ("numeric", "constant"), id="one number"),
        pytest.param(np.where(ROWS < 5, np.nan, 1), ("numeric", None), id="one number or none"),
        pytest.param(["a"] * N, ("categorical", "constant"), id="one text"),
        pytest.param(["a", None] * N, ("categorical", None), id="one text or none"),
        pytest.param([f"street {i}" for i in ROWS], ("categorical", "distinct"), id="addresses"),
        pytest.param([None] * N, ("categorical", "empty"), id="nothing"),
        pytest.param(["", "NA"] * N, ("categorical", "empty"), id="nothing, in words"),
        pytest.param(np.full(N, np.nan), ("numeric", "empty"), id="no number"),
        pytest.param(["1.5", "2", "x"] * N, ("categorical", None), id="names and numbers"),
        pytest.param(["1.5"] * 50 + ["2"] * 48 + ["x"] * 2, ("numeric", "mixed"), id="two typing errors"),
        pytest.param(np.array(["02134", "90210"])[ROWS % 2], ("categorical", None), id="zip codes with a zero"),
        pytest.param([f"{i:03d}" for i in ROWS], ("categorical", "distinct"), id="codes of rows"),
        pytest.param(np.array(["007", "?", "8"])[ROWS % 3], ("categorical", None), id="codes, some missing"),
        pytest.param(np.array(["0", "0.5", "-0.25"])[ROWS % 3], ("numeric", None), id="zeros before a point"),
        pytest.param([1.5, float("inf")] * N, ("numeric", "endless"), id="an infinite number"),
        pytest.param([True, False] * N, ("categorical", None), id="yes and no"),
        pytest.param([True] * N, ("categorical", "constant"), id="yes"),
        pytest.param([b"x"] * N, (None, "other"), id="bytes"),
        pytest.param([[1]] * N, (None, "other"), id="lists"),
        pytest.param(pa.array([0] * N, pa.timestamp("s")), (None, "other"), id="times"),
    ],
)
def test_guesses(values: Any, expected: tuple[str | None, str | None]) -> None:
    assert guess(column(values), "x") == expected
