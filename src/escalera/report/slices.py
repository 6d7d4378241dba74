"""What the test rows of a run have in common, kept beside it, and how the run fares on each such slice of them.

rows  (N,) int64, those that were answered, ascending
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from escalera.core.files import write_aside
from escalera.core.predictions import Answers
from escalera.data.facets import Facet
from escalera.evaluate.slices import Part, Slice, judge_slices

FILE = "facets.parquet"
DUPLICATE, YES, NO = "duplicate", "yes", "no"
"""Whether a row has a near duplicate in train: the run knows that itself."""


def write_facets(run: Path, rows: NDArray[np.int64], found: Sequence[Facet]) -> None:
    """Keep facets beside a run: a column for each, of texts."""
    columns: dict[str, pa.Array] = {"row": pa.array(rows)}
    for one in found:
        codes = pa.array(one.codes, mask=one.codes < 0)
        columns[one.name] = pa.DictionaryArray.from_arrays(codes.cast(pa.int32()), pa.array(one.values, pa.string()))
    table = pa.table(columns)
    write_aside(run / FILE, lambda file: pq.write_table(table, file, compression="zstd"))


def read_facets(run: Path, rows: NDArray[np.int64]) -> list[Facet] | None:
    """The facets of a run's rows; None where they are not kept, or those of other rows."""
    try:
        table = pq.read_table(run / FILE)
        if not np.array_equal(table["row"].to_numpy(), rows):
            return None
        return [_facet(name, table[name].combine_chunks()) for name in table.column_names if name != "row"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException):
        return None


def _facet(name: str, column: pa.DictionaryArray) -> Facet:
    codes = column.indices.fill_null(-1).to_numpy().astype(np.int64)
    return Facet(name, column.dictionary.to_pylist(), codes)


def slices_of(run: Path, answers: Answers, metric: str) -> list[Slice]:
    """How a run fares on each slice of its test rows, the worst first; none where nothing is known of the rows."""
    parts: list[Part] = []
    if answers.in_train is not None and answers.in_train.any():
        parts += [(DUPLICATE, YES, answers.in_train), (DUPLICATE, NO, ~answers.in_train)]
    for one in read_facets(run, answers.rows) or []:
        parts += [(one.name, value, mask) for k, value in enumerate(one.values) if (mask := one.codes == k).any()]
    return judge_slices(metric, answers.labels, answers.predicted, answers.classes, parts)


def as_columns(found: Sequence[Slice], metric: str) -> dict[str, list[Any]]:
    """Slices as a table, column by column; those with too few rows have no figures."""
    fields = ("facet", "value", "rows", "figure", "low", "high", "rest", "difference", "p", "p_holm", "verdict")
    return {metric if field == "figure" else field: [getattr(one, field) for one in found] for field in fields}
