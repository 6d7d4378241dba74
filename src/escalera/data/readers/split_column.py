"""A column that says which rows of a table are train, validation and test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError, nearest, refuse
from escalera.data.options import NOTHING_SAID, ReadOptions
from escalera.data.readers.columns import LOOKED_AT, is_path
from escalera.data.readers.listing import SPLITS
from escalera.data.readers.some_rows import Table
from escalera.data.readers.split_words import bare, splits_of

_NAMES = {
    "split", "splits", "set", "sets", "subset", "partition", "fold", "dataset", "usage", "phase", "datasplit",
    "splitset", "conjunto", "particion", "partición",
}  # fmt: skip
"""What such a column is called, without blanks and capitals."""
_FLAGS = {
    "isvalid": ("validation", "train"), "isval": ("validation", "train"), "isvalidation": ("validation", "train"),
    "istest": ("test", "train"), "istrain": ("train", "test"), "istraining": ("train", "test"),
    "istrainingimage": ("train", "test"),
}  # fmt: skip
"""Columns of true and false, and what the two stand for."""
_TRUE, _FALSE = ("true", "1"), ("false", "0")
_LISTED = 5
_OTHERS = 3
"""Other values beside train and test that a column of splits with a name of its own may have."""

Parts = dict[str, NDArray[np.int64]]


def split_column(
    split: str, table: Table, options: ReadOptions, faults: list[str] | None
) -> tuple[str | None, Parts, list[str]]:
    """The column, the rows of each split (train first), and what is said of it, in the table of `split`.

    None and no rows where no column says it, or where data.split_column is false. Raises DataError for a named column
    that is absent, and for one that says train and test in some rows and what nobody knows in others.
    """
    named, path, names = options.split_column, table.path, table.schema.names
    notes: list[str] = []
    if named is False:
        return None, {}, []
    if named is not None and named not in names:
        if split != "train":
            return None, {}, []
        raise DataError(f"data.split_column: {path} has no column '{named}'; {nearest(named, names)}")
    by_name = [name for name in names if bare(name) in _NAMES]
    called = by_name or _flags(table) or (_by_values(table, options) if named is None else [])
    if named is None and len(called) > 1 and not by_name:
        raise DataError(
            f"{path}: the columns {', '.join(called)} all say which rows are which. Write one column of train, "
            f"validation and test and name it with data.split_column, or name the one that counts, as {called[0]}."
        )
    for name in [named] if named else called:
        values = table.texts(name)
        splits = _splits(name, values, options)
        unknown = Counter(value or "" for value, one in zip(values, splits, strict=True) if one is None)
        known = Counter(one for one in splits if one is not None)
        if named is None and len(known) < 2:
            if known and not unknown and split in known:  # as the name of the file says already
                return name, {}, []
            notes += [_unused(table, name, unknown, known)] if known and unknown else []
            continue
        if unknown or "train" not in known:
            refuse(_unusable(table, name, unknown, known, options, dict(zip(splits, values, strict=True))), faults)
            return None, {}, notes
        rows = {part: np.flatnonzero([one == part for one in splits]) for part in SPLITS if part in known}
        return name, rows, notes if named else [*notes, _note(table, name, rows)]
    return None, {}, notes


def _flags(table: Table) -> list[str]:
    """The columns that say by true and false which rows are train."""
    return [
        name
        for name in table.schema.names
        if bare(name) in _FLAGS and len(set(_splits(name, table.texts(name))) - {None}) == 2
    ]


def _by_values(table: Table, options: ReadOptions) -> list[str]:
    """The columns, whatever they are called, whose values are train and validation or test, and few others."""
    others = (options.image_column, options.label_column, options.group, options.target)
    taken = {name for one in others if one is not None for name in ([one] if isinstance(one, str) else one)}
    texts = [field.name for field in table.schema if is_path(field.type) and field.name not in taken]
    found = []
    for name, head in zip(texts, table.read(texts, LOOKED_AT).columns if texts else [], strict=True):
        if any(splits_of(head.to_pylist())):
            words = set(table.texts(name))
            splits = splits_of(sorted(word or "" for word in words))
            if "train" in splits and len(set(splits) - {None}) > 1 and splits.count(None) <= _OTHERS:
                found.append(name)
    return found


def _splits(name: str, values: Sequence[str | None], options: ReadOptions = NOTHING_SAID) -> list[str | None]:
    """The split that each value of a column says; None for what says none."""
    if bare(name) in _FLAGS and not options.split_words:
        yes, no = _FLAGS[bare(name)]
        words = dict.fromkeys(_TRUE, yes) | dict.fromkeys(_FALSE, no)
        return [words.get(value.strip().casefold()) if value else None for value in values]
    return splits_of(values, options.split_words)


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


def _unusable(
    table: Table,
    name: str,
    unknown: Counter[str],
    known: Counter[str],
    options: ReadOptions,
    values: dict[str | None, str | None],
) -> DataError:
    """Of a column that says something of the splits, but not all, or nothing of train; `values` has one for each."""
    words = options.split_words
    expected = (
        f"{', '.join(words.values())}, as data.splits says," if words else
        "train, validation (or val, valid, dev) and test"
    )  # fmt: skip
    way_out = "" if options.split_column else " Or write data.split_column: false to take it for an attribute."
    if not words and (meant := _meant(unknown, values)):
        column = "" if options.split_column else f"data.split_column: {name} and "
        way_out = f" Or say which value is which with {column}data.splits: {meant}.{way_out}"
    return DataError(
        f"data.split_column: column '{name}' of {table.path} holds {_held(unknown, known)}; expected {expected} in its "
        f"{table.rows:,} rows. Mend them, or take their rows out.{way_out}"
    )


def _meant(unknown: Counter[str], values: dict[str | None, str | None]) -> str:
    """What may be written for values that are not understood, where as many splits are left; else ""."""
    left = [split for split in ("validation", "test", "train") if split not in values]
    if not unknown or len(unknown) > len(left) or "" in unknown or len(unknown) + len(values) - 1 < 2:
        return ""
    both = values | dict(zip(left, unknown, strict=False))
    return "{" + ", ".join(f"{split}: {both[split]}" for split in SPLITS if split in both) + "}"


def _held(unknown: Counter[str], known: Counter[str]) -> str:
    """What a column says, the words that are not understood first, each with its number of rows."""
    some = [f"'{value}' ({count:,})" for value, count in unknown.most_common(_LISTED)]
    more = [f"{len(unknown) - _LISTED:,} more"] if len(unknown) > _LISTED else []
    return " beside ".join(
        ", ".join(part) for part in ([*some, *more], [f"{word} ({count:,})" for word, count in known.items()]) if part
    )
