"""Labels as a table writes them: names, whole numbers, or a column of 0 and 1 for each class.

labels  the distinct values, and each row's position (N,) among them
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from escalera.core.errors import DataError
from escalera.core.names import composed
from escalera.data.readers.columns import Columns, is_called_index, is_called_label, looks_like_label
from escalera.data.readers.listing import Labels
from escalera.data.readers.some_rows import Table

_WHOLE = r"^-?(0|[1-9][0-9]{0,17})([.,](0{1,2}|0{4,}))?$"
"""As many digits as 64 bits surely hold; three zeros behind a point or a comma are as likely thousands."""
_POINT_ZERO = r"[.,]0+$"
_ROBOFLOW = "_classes.csv"
_LISTED, _NAMED = 10, 5


def labels_of(path: Path, name: str, column: pa.ChunkedArray, rows: NDArray[np.int64]) -> Labels:
    """The distinct labels in a column, in order, and each row's position among them.

    Texts that are all whole numbers, as 0, 1 or 0.0, 1.0, are these numbers; others stay as they are written, in the
    composed form of their accents. `rows` are where they stand in the file, for messages. Raises DataError for rows
    without a label, and for numbers that are not whole.
    """
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.if_else(pc.equal(pc.utf8_trim_whitespace(column), ""), None, column)
    elif pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    _no_null(path, name, column, rows)
    if pa.types.is_floating(column.type) or pa.types.is_boolean(column.type):
        column = _whole(path, name, column, rows) if pa.types.is_floating(column.type) else column.cast(pa.string())
    elif not pa.types.is_integer(column.type) and pc.all(pc.match_substring_regex(column, _WHOLE)).as_py():
        column = pc.replace_substring_regex(column, _POINT_ZERO, "").cast(pa.int64())
    elif not pa.types.is_integer(column.type) and (fraction := _fraction(column)) is not None:
        raise _not_whole(path, name, fraction, int(rows[pc.index(column, fraction).as_py()]))
    found = column.dictionary_encode()
    values = [composed(value) if isinstance(value, str) else value for value in found.dictionary.to_pylist()]
    distinct = sorted(set(values))
    position = {value: number for number, value in enumerate(distinct)}
    place = np.array([position[value] for value in values], np.int64)
    return distinct, place[found.indices.to_numpy()]


def one_hot_columns(table: Table, names: Sequence[str]) -> list[str]:
    """The columns of 0 and 1, one for each class, among those that may be labels; none where other labels are likelier.

    They are all of them, and each row has one 1. In the table that Roboflow writes all numbers are such columns,
    whatever is in them.
    """
    if any(is_called_label(name) for name in names):
        return []
    fields = [table.schema.field(name) for name in names if not is_called_index(name)]
    counted = [part.name for part in fields if _is_number(part.type)]
    if table.path.name == _ROBOFLOW:
        return counted
    if len(counted) < 2 or any(looks_like_label(part) for part in fields if part.name not in counted):
        return []
    ones = _zeros_and_ones(table.read(counted), counted)
    return counted if ones is not None and (ones.sum(axis=1) == 1).all() else []


def without_other_classes(table: Table, columns: Columns) -> tuple[Columns, list[str]]:
    """The columns without those of 0 and 1 that say whether a row is of another class than the label's; a note.

    As attributes they would tell the label.
    """
    if columns.label is None:
        return columns, []
    ones = one_hot_columns(table, [columns.label, *(name for name in columns.others if name != columns.group)])
    others = [name for name in ones if name != columns.label]
    if not others or columns.label not in ones:
        return columns, []
    left = replace(columns, others=[name for name in columns.others if name not in others])
    why = f"left out, since with '{columns.label}' they are the classes, one in each row"
    return left, [f"{table.path.name}: {why}: {some(others)}."]


def some(names: Sequence[str]) -> str:
    """The first names of columns, and how many more there are."""
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def one_hot_labels(path: Path, names: Sequence[str], table: pa.Table, rows: NDArray[np.int64]) -> Labels:
    """The class of each row whose columns hold 0 and one 1, of those that a row has.

    `rows` are where they stand in the file. Raises DataError for rows with none or several.
    """
    try:
        ones = np.stack([table[name].cast(pa.float64()).fill_null(0).to_numpy() for name in names], axis=1)
    except pa.ArrowException as error:
        raise DataError(f"{path}: expected 0 and 1 in the columns {', '.join(names)}: {error}.") from error
    wrong = np.flatnonzero(((ones != 0) & (ones != 1)).any(axis=1) | (ones.sum(axis=1) != 1))
    if len(wrong):
        raise DataError(
            f"{path}: expected one 1 in each row of the columns {', '.join(names)}; {len(wrong):,} of {len(ones):,} "
            f"rows have none or several (rows count from 0): {_listed(rows[wrong])}. An image with several labels is "
            "another task; take these rows out, or name one column of labels with data.label_column."
        )
    present: list[int] = np.flatnonzero(ones.any(axis=0)).tolist()
    order = sorted(present, key=lambda number: names[number])
    place = np.zeros(len(names), np.int64)
    place[order] = np.arange(len(order))
    return [composed(names[number]) for number in order], place[ones.argmax(axis=1)]


def _zeros_and_ones(table: pa.Table, names: Sequence[str]) -> NDArray[np.float64] | None:
    """The columns (N, C), where they hold nothing else."""
    columns = [table[name] for name in names]
    if any(column.null_count for column in columns):
        return None
    ones = np.stack([column.cast(pa.float64()).to_numpy() for column in columns], axis=1)
    return ones if ((ones == 0) | (ones == 1)).all() else None


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def _whole(path: Path, name: str, column: pa.Array, rows: NDArray[np.int64]) -> pa.Array:
    """Floats that are whole numbers, as pandas makes of a column in which a label was missing once."""
    values = column.to_numpy(zero_copy_only=False)
    broken = np.flatnonzero(values != np.rint(values))
    if len(broken):
        raise _not_whole(path, name, values[broken[0]], int(rows[broken[0]]))
    return pa.array(values.astype(np.int64))


def _fraction(column: pa.Array) -> pa.Scalar | None:
    """The first value that is not whole, where all are numbers with a point."""
    numbers = r"^-?[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?$"
    if not len(column) or not pc.all(pc.match_substring_regex(column, numbers)).as_py():
        return None
    pointed = column.filter(pc.match_substring_regex(column, r"[.eE]"))
    return next((value for value in pointed if float(value.as_py()) != int(float(value.as_py()))), None)


def _not_whole(path: Path, name: str, value: Any, row: int) -> DataError:
    return DataError(
        f"{path}: column '{name}' holds {value} in row {row}, which is no label but a number. Rows count from 0. A "
        f"number is cut into bands, which are then the classes, with data.target: {name} and data.bands: 4."
    )


def _no_null(path: Path, name: str, column: pa.Array, rows: NDArray[np.int64]) -> None:
    if column.null_count:
        absent = rows[np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))]
        raise DataError(
            f"{path}: column '{name}' has no label (null) at {len(absent):,} of {len(rows):,} rows, counted "
            f"from 0: {_listed(absent)}. Give each a label, or take the rows out."
        )


def _listed(rows: NDArray[np.int64]) -> str:
    return ", ".join(map(str, rows[:_LISTED])) + (", ..." if len(rows) > _LISTED else "")
