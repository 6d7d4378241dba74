"""A column of a table as numbers or as texts, and which of the two it holds.

numbers  (N,) float64, NaN where the value is missing
texts    (N,) object, "" where the value is missing
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from escalera.core.errors import DataError
from escalera.data.value import as_text, parsed

Kind = Literal["numeric", "categorical"]
Remark = Literal["empty", "constant", "row_number", "distinct", "mixed", "endless", "other"]

MOSTLY = 0.9
"""A column of texts with this share of numbers or more was meant as numbers."""
_ROWS = 20
"""With fewer rows than this, all-different values say nothing."""
_PADDED = re.compile(r"[+-]?0\d+")
_REPEATED = 5
_DIGITS = 5


def numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A column as numbers; raises DataError for the first value that is not a finite number, naming its row."""
    column = _decoded(table[name])
    if _is_number(column.type):
        values = _floats(column)
        endless = np.flatnonzero(np.isinf(values))
        if len(endless):
            raise _not_a_number(name, int(endless[0]), values[endless[0]])
        return values

    def parse(value: Any) -> float:
        text = as_text(value)
        number = math.nan if not text else None if isinstance(value, bool | np.bool_) else parsed(text)
        if number is None:
            raise _not_a_number(name, _row(column, value), value)
        return number

    return np.array(_by_value(column, parse), dtype=np.float64)


def not_numbers(table: pa.Table, name: str) -> NDArray[np.int64]:
    """The rows of a column (n,) that hold neither a finite number nor a missing value, where it holds texts or numbers.

    Ascending; none where there is no such column.
    """
    column = _decoded(table[name]) if name in table.column_names else None
    if column is not None and _is_number(column.type):
        return np.flatnonzero(np.isinf(_floats(column)))
    if column is None or not _is_text(column.type):
        return np.empty(0, np.int64)
    wrong = [bool(text := as_text(value)) and parsed(text) is None for value in column.to_pylist()]
    return np.flatnonzero(wrong)


def texts(table: pa.Table, name: str) -> NDArray[np.object_]:
    """A column as texts without blanks around them; a whole number has no decimal point, so that 1.0 is 1."""
    found = np.empty(table.num_rows, dtype=object)
    found[:] = _by_value(_decoded(table[name]), as_text)
    return found


def guess(table: pa.Table, name: str) -> tuple[Kind | None, Remark | None]:
    """What a column holds, and what speaks against learning from it.

    Numbers are numeric, also when they are written as texts. Codes are not: whole numbers of one length of 5 digits or
    more that come back five times on average, as zip codes do, or texts of digits with a zero in front. Texts, and true
    and false, are categorical. Dates, lists and bytes are neither. Remarks: `empty`, `constant`, `row_number` (whole
    numbers, all different, that fill their range), `distinct` (texts, all different), `mixed` (mostly numbers, and some
    text), `endless` (an infinite number), `other` (neither).
    """
    column = _decoded(table[name])
    if pa.types.is_null(column.type):
        return "categorical", "empty"
    if not (_is_number(column.type) or _is_text(column.type) or pa.types.is_boolean(column.type)):
        return None, "other"
    if pa.types.is_boolean(column.type):
        return "categorical", _remark_on_texts(texts(table, name))
    if not _is_number(column.type):
        found = texts(table, name)
        present = found[found != ""]
        if len(present) == 0:
            return "categorical", "empty"
        read = {text: parsed(text) for text in set(present)}
        numbers = [number for text in present if (number := read[text]) is not None]
        if len(numbers) < MOSTLY * len(present) or any(map(_PADDED.fullmatch, read)):
            return "categorical", _remark_on_texts(found)
        if len(numbers) < len(present):
            return "numeric", "mixed"
        values = np.array(numbers, dtype=np.float64)
    else:
        values = _floats(column)
        values = values[~np.isnan(values)]
        if len(values) == 0:
            return "numeric", "empty"
        if np.isinf(values).any():
            return "numeric", "endless"
    return ("categorical" if _is_code(values) else "numeric"), _remark_on_numbers(values, table.num_rows)


def _remark_on_texts(found: NDArray[np.object_]) -> Remark | None:
    present = found[found != ""]
    distinct = len(set(present))
    if len(present) == 0:
        return "empty"
    if distinct == 1 and len(present) == len(found):
        return "constant"
    return "distinct" if len(present) >= _ROWS and distinct == len(present) else None


def _remark_on_numbers(values: NDArray[np.float64], rows: int) -> Remark | None:
    distinct = np.unique(values)
    if len(distinct) == 1 and len(values) == rows:
        return "constant"
    different = len(values) >= _ROWS and len(distinct) == len(values) and bool((values == np.rint(values)).all())
    # Numbers drawn at random from a range so narrow would repeat; those of rows do not, also when some are left out.
    return "row_number" if different and distinct[-1] - distinct[0] < 4 * len(values) else None


def _is_code(values: NDArray[np.float64]) -> bool:
    distinct = np.unique(values)
    if (distinct != np.rint(distinct)).any() or distinct[0] < 10 ** (_DIGITS - 1) or distinct[-1] >= 1e15:
        return False
    one_length = len(str(int(distinct[0]))) == len(str(int(distinct[-1])))
    rounded = bool((distinct % 10 == 0).all())  # a price of 250,000 repeats too, but is a number
    return one_length and not rounded and len(distinct) * _REPEATED <= len(values)


def _not_a_number(name: str, row: int, value: Any) -> DataError:
    return DataError(
        f"column '{name}': expected a number in row {row}, received {value!r}. Mend it, or leave it empty where it is "
        f"not known; if '{name}' holds names or codes, list it under data.attributes.categorical. Rows count from 0."
    )


def _row(column: pa.ChunkedArray, value: Any) -> int:
    return int(pc.index(column, pa.scalar(value, column.type)).as_py())


def _by_value(column: pa.ChunkedArray, of: Callable[[Any], Any]) -> list[Any]:
    """`of` each value of a column, called once for each that differs."""
    if column.null_count == len(column):
        return [of(None)] * len(column)
    encoded = column.combine_chunks().dictionary_encode()
    found = [of(value) for value in encoded.dictionary.to_pylist()]
    return [of(None) if code is None else found[code] for code in encoded.indices.to_pylist()]


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64)
    return numbers


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
