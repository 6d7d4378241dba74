"""A column that says which rows of a table are train, validation and test."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from escalera.data.columns import is_path
from escalera.data.listing import SPLITS
from escalera.data.options import ReadOptions
from escalera.errors import DataError, nearest

_NAMES = {"split", "splits", "set", "subset", "partition", "fold", "dataset", "usage", "phase", "datasplit"}
_MORE = {"publictest": "validation", "privatetest": "test", "holdout": "test", "eval": "validation"}
"""Other words for a split: those of FER2013, and of some published tables."""
_WORDS = {word: split for split, usual in SPLITS.items() for word in usual} | _MORE


def split_column(
    path: Path, schema: pa.Schema, read: pa.Table, options: ReadOptions
) -> tuple[str | None, dict[str, NDArray[np.int64]], list[str]]:
    """The column, the rows of each split (train first), and what is said of it; `read` are the columns of texts, whole.

    None and no rows where no column says it, or where data.split_column is false. Raises DataError for a named column
    that is absent or holds other words.
    """
    said = options.split_column
    if said is False:
        return None, {}, []
    if said is not None:
        if said not in schema.names:
            raise DataError(f"data.split_column: {path} has no column '{said}'; {nearest(said, schema.names)}")
        if not is_path(schema.field(said).type):
            raise DataError(
                f"data.split_column: column '{said}' of {path} holds {schema.field(said).type}; {_EXPECTED}"
            )
    names = [said] if said else [name for name in read.column_names if re.sub(r"[\W_]", "", name.casefold()) in _NAMES]
    notes: list[str] = []
    for name in names:
        values = read[name].to_pylist()
        splits = [_split(value) for value in values]
        found = Counter(str(value) for value, split in zip(values, splits, strict=True) if split is None)
        listed = ", ".join(f"'{value}' ({count})" for value, count in found.most_common(5))
        if said and found:
            raise DataError(f"data.split_column: column '{said}' of {path} holds {listed}; {_EXPECTED}")
        if set(splits) <= {"train", None} or "train" not in splits:
            continue
        if found:
            notes.append(
                f"{path.name}: column '{name}' is not taken for the splits, since it holds {listed}; {_EXPECTED}"
            )
            continue
        rows = {split: np.flatnonzero([one == split for one in splits]) for split in SPLITS if split in splits}
        counts = ", ".join(f"{len(some)} {split}" for split, some in rows.items())
        said_so = f"{path.name}: column '{name}' says which rows are which ({counts}); data.split_column: false "
        return name, rows, [said_so + "takes it for an attribute."] if said is None else []
    return None, {}, notes


_EXPECTED = "expected train, validation (or val, valid, dev) and test."


def _split(value: str | None) -> str | None:
    return _WORDS.get(re.sub(r"[\W_]", "", value.casefold())) if value else None
