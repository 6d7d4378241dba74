"""The attributes of a data set: chosen and fitted on its train rows, and given to all of its splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from escalera.core.errors import DataError
from escalera.data.column import Kind, not_numbers, numbers, texts
from escalera.data.table.choice import Columns, choose, select, select_best
from escalera.data.table.fitting import fit
from escalera.data.table.transform import Transformation

if TYPE_CHECKING:
    from escalera.data.dataset import Dataset, Split

REASONS = {
    "empty": "no value in train",
    "constant": "a single value in train",
    "row_number": "it numbers the rows",
    "distinct": "another text in every row",
    "mixed": "mostly numbers, but some text; name it under data.attributes to see where",
    "endless": "an infinite number in it; name it under data.attributes to see where",
    "other": "neither numbers nor texts",
    "all_rare": "no name is in enough rows",
    "not_named": "not named",
    "not_selected": "not selected",
    "target": "its bands are the classes",
    "group": "it groups the rows",
}
"""Why a column is left out, in words."""


def with_attributes(
    data: Dataset,
    *,
    columns: Columns = None,
    only: Sequence[str] | None = None,
    best: int | None = None,
    aside: Mapping[str, str] | None = None,
    read: bool = True,
) -> Dataset:
    """The data set with the transformation of its attributes, and each split with its rows' vectors (N, A) float32.

    `columns` says which there are (see `choose`); of these `only` keeps some by name, `best` as many by what they say
    about the class. `aside` are columns that are no attributes, with the reason. Those that nobody named and no model
    will `read` are told and not transformed. A source without a table, or whose table says nothing, comes back as it is
    unless columns were named; then DataError is raised.
    """
    named = columns is not None or only is not None or best is not None
    whole = data.train.table
    if whole is None:
        if named:
            raise DataError(f"data.attributes: {data.name} has no table; it has pictures and labels alone.")
        return data
    aside = {name: why for name, why in (aside or {}).items() if name in whole.column_names}
    _check_aside(columns, aside)
    whole = whole.drop_columns(list(aside))
    kinds, left_out = choose(whole, data.train.rows, columns)
    if not (read or named):
        return replace(data, notes=(*data.notes, *_unread(kinds, left_out)))
    train = whole.take(data.train.rows)
    chosen, scores = dict(kinds), dict[str, float]()
    if only is not None:
        chosen = select(kinds, only)
    if best is not None:
        chosen, scores = select_best(train, data.train.labels[data.train.rows], kinds, best)
    left_out |= {name: "not_selected" for name in kinds if name not in chosen}
    fitted = fit(train, chosen, {**left_out, **aside})
    if fitted is None:
        if named:
            raise DataError(f"data.attributes: {data.name} has no column to learn from: {_reasons(left_out)}.")
        return data
    fitted = replace(fitted, ranking=scores)
    tables = {id(part.table): part.table for part in (data.train, data.validation, data.test)}
    odd = [] if columns is not None else _texts_outside(list(tables.values()), [part.column for part in fitted.numeric])
    vectors: dict[int, np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = {}

    def given(part: Split) -> Split:
        table: pa.Table = part.table
        if id(table) not in vectors:
            vectors[id(table)] = fitted(table if columns is not None else cleaned(table, chosen))
        return replace(part, attributes=vectors[id(table)])

    return replace(
        data,
        train=given(data.train),
        validation=given(data.validation),
        test=given(data.test),
        attributes=fitted,
        notes=(*data.notes, *_notes(whole, chosen, fitted), *odd),
    )


def _check_aside(columns: Columns, aside: Mapping[str, str]) -> None:
    names = [name for some in columns.values() for name in some] if isinstance(columns, Mapping) else columns or []
    for name in names:
        if name in aside:
            raise DataError(
                f"data.attributes: column '{name}' is data.{aside[name]}, and cannot be learned from as well. "
                "Take it out of the list."
            )


def cleaned(table: pa.Table, chosen: Mapping[str, Kind]) -> pa.Table:
    """The table with texts among numbers, where train has none, as missing: nobody asked for these columns by name."""
    for name, kind in chosen.items():
        if kind == "numeric" and len(wrong := not_numbers(table, name)):
            values = table[name].to_pylist()
            for row in wrong:
                values[row] = None
            table = table.set_column(table.column_names.index(name), name, pa.array(values, table[name].type))
    return table


def _texts_outside(tables: Sequence[pa.Table], names: Sequence[str]) -> list[str]:
    """What is said of texts among numbers in columns of which train has numbers alone."""
    notes = []
    for name in names:
        found = [table[name][int(row)].as_py() for table in tables for row in not_numbers(table, name)]
        if found:
            where = f"{len(found):,} row{'s' if len(found) > 1 else ''}"
            notes.append(
                f"attributes: {name} holds no number in {where} outside of train, as {found[0]!r}, which counts as "
                "missing; name it under data.attributes to see where."
            )
    return notes


def _unread(kinds: Mapping[str, Kind], left_out: Mapping[str, str]) -> list[str]:
    """What could be learned from beside the images."""
    return [
        *([f"attributes: {_by_kind(kinds)}; read by none of these rungs."] if kinds else []),
        *([f"attributes left out: {_reasons(left_out)}."] if left_out else []),
    ]


def _by_kind(kinds: Mapping[str, Kind]) -> str:
    named = {kind: [name for name, other in kinds.items() if other == kind] for kind in ("numeric", "categorical")}
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in named.items() if names)


def _notes(whole: pa.Table, chosen: Mapping[str, Kind], fitted: Transformation) -> list[str]:
    """Which columns are learned from and as what, what is missing in them, and what was left out unasked."""
    others = {name: why for name, why in fitted.left_out.items() if why not in ("not_named", "target", "group")}
    missing = {name: _missing(whole, name, chosen[name]) for name in fitted.columns}
    listed = ", ".join(f"{name} in {count}" for name, count in missing.items() if count)
    return [
        f"attributes: {_by_kind({name: chosen[name] for name in fitted.columns})}.",
        *(
            [
                f"attributes missing: {listed} of {whole.num_rows:,} rows. A number counts as train's median, with "
                "a flag beside it that says so; a name counts as a category of its own."
            ]
            if listed
            else []
        ),
        *([f"attributes left out: {_reasons(others)}."] if others else []),
    ]


def _missing(whole: pa.Table, name: str, kind: Kind) -> int:
    """How many rows of a table have no value in a column."""
    if kind == "numeric":
        return int(np.isnan(numbers(cleaned(whole, {name: kind}), name)).sum())
    return int((texts(whole, name) == "").sum())


def _reasons(left_out: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({REASONS[why]})" for name, why in left_out.items()) or "it is empty"
