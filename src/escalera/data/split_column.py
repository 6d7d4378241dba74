"""A column that says which rows of a table are train, validation and test."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from escalera.data.listing import SPLITS
from escalera.data.options import ReadOptions
from escalera.data.some_rows import Table
from escalera.errors import DataError, nearest, refuse

_NAMES = {
    "split", "splits", "set", "sets", "subset", "partition", "fold", "dataset", "usage", "phase", "datasplit",
    "splitset", "conjunto", "particion", "partición",
}  # fmt: skip
"""What such a column is called, without blanks and capitals."""
_MORE = {
    "publictest": "validation", "privatetest": "test", "holdout": "test", "heldout": "test", "eval": "validation",
    "evaluation": "validation", "entrenamiento": "train", "validacion": "validation", "validación": "validation",
    "prueba": "test",
}  # fmt: skip
"""Other words for a split: those of FER2013, of some published tables, and of tables in Spanish."""
_WORDS = {word: split for split, usual in SPLITS.items() for word in usual} | _MORE
_FLAGS = {
    "isvalid": ("validation", "train"), "isval": ("validation", "train"), "isvalidation": ("validation", "train"),
    "istest": ("test", "train"), "istrain": ("train", "test"), "istraining": ("train", "test"),
    "istrainingimage": ("train", "test"),
}  # fmt: skip
"""Columns of true and false, and what the two stand for."""
_TRUE, _FALSE = ("true", "1"), ("false", "0")
_LISTED = 5

Parts = dict[str, NDArray[np.int64]]


def split_column(
    split: str, table: Table, options: ReadOptions, faults: list[str] | None
) -> tuple[str | None, Parts, list[str]]:
    """The column, the rows of each split (train first), and what is said of it, in the table of `split`.

    None and no rows where no column says it, or where data.split_column is false. Raises DataError for a named column
    that is absent, and for one that says train and test in some rows and what nobody knows in others.
    """
    said, path, names = options.split_column, table.path, table.schema.names
    notes: list[str] = []
    if said is False:
        return None, {}, []
    if said is not None and said not in names:
        if split != "train":
            return None, {}, []
        raise DataError(f"data.split_column: {path} has no column '{said}'; {nearest(said, names)}")
    called = [name for name in names if _bare(name) in _NAMES] or _flags(table)
    if said is None and len(called) > 1 and _bare(called[0]) in _FLAGS:
        raise DataError(
            f"{path}: the columns {', '.join(called)} all say which rows are which. Write one column of train, "
            f"validation and test and name it with data.split_column, or name the one that counts, as {called[0]}."
        )
    for name in [said] if said else called:
        values = table.texts(name)
        splits = _splits(name, values)
        unknown = Counter(value or "" for value, one in zip(values, splits, strict=True) if one is None)
        known = Counter(one for one in splits if one is not None)
        if said is None and len(known) < 2:
            if known and not unknown and split in known:  # as the name of the file says already
                return name, {}, []
            notes += [_unused(table, name, unknown, known)] if known and unknown else []
            continue
        if unknown or "train" not in known:
            refuse(_unusable(table, name, unknown, known, said is not None), faults)
            return None, {}, notes
        rows = {part: np.flatnonzero([one == part for one in splits]) for part in SPLITS if part in known}
        return name, rows, notes if said else [*notes, _note(table, name, rows)]
    return None, {}, notes


def _flags(table: Table) -> list[str]:
    """The columns that say by true and false which rows are train."""
    return [
        name
        for name in table.schema.names
        if _bare(name) in _FLAGS and len(set(_splits(name, table.texts(name))) - {None}) == 2
    ]


def _splits(name: str, values: Sequence[str | None]) -> list[str | None]:
    """The split that each value of a column says; None for what says none."""
    if _bare(name) in _FLAGS:
        yes, no = _FLAGS[_bare(name)]
        words = dict.fromkeys(_TRUE, yes) | dict.fromkeys(_FALSE, no)
        return [words.get(value.strip().casefold()) if value else None for value in values]
    return [_WORDS.get(_bare(value)) if value else None for value in values]


def _note(table: Table, name: str, rows: Parts) -> str:
    counts = ", ".join(f"{len(some):,} {part}" for part, some in rows.items())
    return (
        f"{table.path.name}: column '{name}' says which rows are which ({counts}); data.split_column: false takes it "
        "for an attribute."
    )


def _unused(table: Table, name: str, unknown: Counter[str], known: Counter[str]) -> str:
    """Of a column that says train in some rows and what is no split in others."""
    return (
        f"{table.path.name}: column '{name}' is not taken for the splits, since it holds {_held(unknown, known)}; "
        "expected train, validation (or val, valid, dev) and test."
    )


def _unusable(table: Table, name: str, unknown: Counter[str], known: Counter[str], said: bool) -> DataError:
    """Of a column that says something of the splits, but not all, or nothing of train."""
    way_out = "" if said else " Or write data.split_column: false to take it for an attribute."
    return DataError(
        f"data.split_column: column '{name}' of {table.path} holds {_held(unknown, known)}; expected train, validation "
        f"(or val, valid, dev) and test in its {table.rows:,} rows. Mend them, or take their rows out.{way_out}"
    )


def _held(unknown: Counter[str], known: Counter[str]) -> str:
    """What a column says, the words that are not understood first, each with its number of rows."""
    some = [f"'{value}' ({count:,})" for value, count in unknown.most_common(_LISTED)]
    more = [f"{len(unknown) - _LISTED:,} more"] if len(unknown) > _LISTED else []
    return " beside ".join(
        ", ".join(part) for part in ([*some, *more], [f"{word} ({count:,})" for word, count in known.items()]) if part
    )


def _bare(text: str) -> str:
    return re.sub(r"[\W_]", "", text.casefold())
