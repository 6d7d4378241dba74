"""predictions.parquet: what a run answered for its test rows, written and read here alone.

A row for each test row: `row`, `label`, `logits` (K), `in_train` where somebody looked for copies, and a column for
everybody else who was asked about the same rows.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from escalera.core.files import write_aside
from escalera.core.rundir import BESIDE

_AT_ONCE = 1024
"""Rows of logits in memory together: a thousand classes make them large, and whole they are needed once."""


class WrongValueError(ValueError):
    """A value of a column that cannot be: a row that is there twice, a label of no class, a logit that is no number."""

    def __init__(self, column: str, value: str) -> None:
        super().__init__(f"{column}: {value}")
        self.column = column
        self.value = value


@dataclass(frozen=True)
class Answers:
    """The test rows (N,) in the order of their numbers: which they are, what they show, and what the run predicted.

    `in_train` says which have a duplicate in train; None where nobody looked. `others` is what others predicted for the
    same rows: classes (R, N) of R draws, by `<kind>:<name>`.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    classes: int
    in_train: NDArray[np.bool_] | None = None
    others: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(N,): whether the run was right."""
        right: NDArray[np.bool_] = self.labels == self.predicted
        return right

    def same_rows(self, other: Answers) -> bool:
        """Whether both were asked the same questions."""
        return np.array_equal(self.rows, other.rows) and np.array_equal(self.labels, other.labels)


def write_predictions(
    path: Path,
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
    logits: NDArray[np.float32],
    *,
    in_train: NDArray[np.bool_] | None,
    others: Mapping[str, NDArray[np.int64]],
) -> None:
    """Write rows (N,), labels (N,), logits (N, K), and by name what others said, classes (R, N)."""
    columns: dict[str, Any] = {"row": rows, "label": labels, "logits": _lists(logits)}
    if in_train is not None:
        columns["in_train"] = in_train
    for name, predicted in others.items():
        columns[BESIDE + name] = _lists(predicted.T.astype(np.int16 if logits.shape[1] < 2**15 else np.int32))
    table = pa.table(columns)
    write_aside(path, lambda file: pq.write_table(table, file))


def read_answers(path: Path) -> Answers:
    """What a file holds, but for the logits, sorted by row.

    Raises WrongValueError for a value that cannot be, ValueError for a file that cannot be read.
    """
    try:
        with pq.ParquetFile(path) as file:
            table = file.read(columns=[name for name in file.schema_arrow.names if name != "logits"])
            parts = [(part.argmax(axis=1), part[~np.isfinite(part)][:1], part.shape[1]) for _, part in _logits(file)]
        given = {"in_train"} & set(table.column_names)
        if any(table[column].null_count for column in ("row", "label", *given)):
            raise ValueError("a cell is empty")
        if any(table[column].type != pa.bool_() for column in given):
            raise ValueError("expected true or false")
        [classes] = {width for *_, width in parts}
        rows = table["row"].to_numpy().astype(np.int64)
        labels = table["label"].to_numpy().astype(np.int64)
        predicted = np.concatenate([part for part, *_ in parts])
        order = np.argsort(rows, kind="stable")
        seen = table["in_train"].to_numpy()[order] if given else None
        answers = Answers(rows[order], labels[order], predicted[order], classes, seen, _others(table, order))
    except (OSError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        raise ValueError(str(error)) from error
    once, times = np.unique(answers.rows, return_counts=True)
    for column, wrong in (
        ("row", once[times > 1]),
        ("label", labels[(labels < 0) | (labels >= classes)]),
        ("logits", np.concatenate([wrong for _, wrong, _ in parts])),
    ):
        if len(wrong):
            raise WrongValueError(column, str(wrong[0]))
    return answers


def read_logits(path: Path) -> NDArray[np.floating[Any]]:
    """(N, K), sorted by row."""
    with pq.ParquetFile(path) as file:
        rows = file.read(columns=["row"])["row"].to_numpy()
        place = np.empty(len(rows), np.int64)
        place[np.argsort(rows, kind="stable")] = np.arange(len(rows))
        found: NDArray[np.floating[Any]] = np.empty(0)
        for start, part in _logits(file):
            if not start:
                found = np.empty((len(rows), part.shape[1]), part.dtype)
            found[place[start : start + len(part)]] = part
    return found


def _others(table: pa.Table, order: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """What else was said, in the order of the answers; a column that cannot be read is left out."""
    found = {}
    for name in table.column_names:
        if name.startswith(BESIDE):
            with contextlib.suppress(ValueError, TypeError, AttributeError, pa.ArrowException):
                predicted = table[name].combine_chunks().flatten().to_numpy().reshape(len(order), -1)
                found[name.removeprefix(BESIDE)] = predicted[order].T.astype(np.int64)
    return found


def _logits(file: pq.ParquetFile) -> Iterator[tuple[int, NDArray[np.floating[Any]]]]:
    """The logits some rows at a time, each part (n, K) with the number of its first row in the file."""
    start = 0
    for batch in file.iter_batches(_AT_ONCE, columns=["logits"]):
        if batch["logits"].null_count or batch["logits"].flatten().null_count:
            raise ValueError("a cell is empty")
        yield start, batch["logits"].flatten().to_numpy().reshape(len(batch), -1)
        start += len(batch)


def _lists(rows: NDArray[Any]) -> pa.Array:
    """(N, R) as a column of lists."""
    return pa.FixedSizeListArray.from_arrays(pa.array(np.ascontiguousarray(rows).ravel()), rows.shape[1])
