"""Which columns of a table a network learns from, and each as what: named, guessed, or chosen by what they say.

table  N rows, whole, so that a message names the row where it stands
rows   (n,) int64: those of train, which alone decide
train  n rows: those of train
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from escalera.core.errors import DataError, nearest
from escalera.data.column import Kind, guess, numbers, texts
from escalera.data.table.summary import ranking

Columns = Sequence[str] | Mapping[Kind, Sequence[str]] | None
"""Names, whose kinds are guessed; names by kind; or None: all columns, as far as they can be learned from."""


def choose(table: pa.Table, rows: NDArray[np.int64], columns: Columns) -> tuple[dict[str, Kind], dict[str, str]]:
    """The kind of each column to learn from, and the reasons why the others are left out.

    A column that was named raises DataError where it is absent, empty, of dates, lists or bytes, or holds text among
    numbers; one that was not is left out. One that holds a single value is left out in either case.
    """
    train = table.take(rows)
    if columns is None:
        return _guessed(train)
    wanted = _wanted(columns)
    kinds: dict[str, Kind] = {}
    left_out: dict[str, str] = {name: "not_named" for name in train.column_names if name not in wanted}
    for name, kind in wanted.items():
        if name not in train.column_names:
            raise DataError(f"data.attributes: the table has no column '{name}'; {nearest(name, train.column_names)}")
        guessed, remark = guess(train, name)
        if remark == "other":
            raise DataError(
                f"data.attributes: column '{name}' holds {train[name].type}; expected numbers, texts, or true and "
                "false. Write it as one of them (a date as a year), or take it out of the list."
            )
        kind = kind or guessed or "categorical"
        values = (numbers(table, name) if kind == "numeric" else texts(table, name))[rows]
        present = values[~np.isnan(values)] if values.dtype == np.float64 else values[values != ""]
        if len(present) == 0:
            raise DataError(
                f"data.attributes: column '{name}' has no value in any of the {train.num_rows} rows of train. "
                "Take it out of the list."
            )
        if len(present) == len(values) and (present == present[0]).all():
            left_out[name] = "constant"
        else:
            kinds[name] = kind
    return kinds, left_out


def select(kinds: Mapping[str, Kind], names: Sequence[str]) -> dict[str, Kind]:
    """Those columns that are named; raises DataError for a name that is not among them."""
    for name in names:
        if name not in kinds:
            raise DataError(f"data.select: no attribute '{name}' to learn from; {nearest(name, kinds)}")
    return {name: kind for name, kind in kinds.items() if name in names}


def select_best(
    train: pa.Table, labels: NDArray[np.int64], kinds: Mapping[str, Kind], count: int
) -> tuple[dict[str, Kind], dict[str, float]]:
    """The `count` columns that say most about the class, and the score of each, best first."""
    if count > len(kinds):
        raise DataError(
            f"data.select: expected at most the best {len(kinds)}, which is how many there are "
            f"({', '.join(kinds)}), received {count}."
        )
    scores = {entry["column"]: entry["score"] for entry in ranking(train.select(list(kinds)), labels, dict(kinds))}
    return select(kinds, list(scores)[:count]), scores


def _guessed(train: pa.Table) -> tuple[dict[str, Kind], dict[str, str]]:
    kinds: dict[str, Kind] = {}
    left_out: dict[str, str] = {}
    for name in train.column_names:
        kind, remark = guess(train, name)
        if kind is None or remark is not None:
            left_out[name] = remark or "other"
        else:
            kinds[name] = kind
    return kinds, left_out


def _wanted(columns: Sequence[str] | Mapping[Kind, Sequence[str]]) -> dict[str, Kind | None]:
    if isinstance(columns, Mapping):
        return {name: kind for kind, names in columns.items() for name in names}
    return dict.fromkeys(columns)
