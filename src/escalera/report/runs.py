"""One run as its folder tells it, whatever is left of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from escalera.core.errors import RunError
from escalera.core.rundir import ANOTHERS, BESIDE, DAMAGED, GONE, RunDir
from escalera.report.faults import Fault, Kind
from escalera.report.records import Environment, Epoch, Metrics, RunRecord

State = Literal["done", "failed", "damaged", "running", "absent"]


_AT_ONCE = 1024
"""Rows of logits in memory together: a thousand classes make them large, and whole they are needed once."""


@dataclass(frozen=True)
class Answers:
    """The test rows (N,) in the order of their numbers: which they are, what they show, and what the run said.

    `in_train` says which have a duplicate in train; None where nobody looked. `beside` is what else was said of the
    same rows: classes (R, N) of R draws, by `<kind>:<name>`.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    said: NDArray[np.int64]
    classes: int
    in_train: NDArray[np.bool_] | None = None
    beside: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(N,): whether the run was right."""
        right: NDArray[np.bool_] = self.labels == self.said
        return right

    def same_rows(self, other: Answers) -> bool:
        """Whether both were asked the same questions."""
        return np.array_equal(self.rows, other.rows) and np.array_equal(self.labels, other.labels)


@dataclass(frozen=True)
class Run:
    """One training with one seed. `faults` says which files, or parts of them, could not be read."""

    seed: int
    path: Path
    state: State
    record: RunRecord
    metrics: Metrics
    history: list[Epoch]
    environment: Environment
    settings: str
    answers: Answers | None
    faults: list[Fault]

    @property
    def accuracy(self) -> float | None:
        """The test accuracy; from the predictions where metrics.json does not give it."""
        given = self.metrics.test.accuracy
        return float(self.answers.correct.mean()) if given is None and self.answers else given

    @property
    def classes(self) -> list[str]:
        """The names of the classes; their numbers where no file that fits gives them."""
        count = self.answers.classes if self.answers else None
        named = (self.record.data.classes, [row.name for row in self.metrics.test.per_class])
        given = next((names for names in named if names and count in (None, len(names))), None)
        return given or [str(k) for k in range(count or 0)]

    def logits(self) -> NDArray[np.floating[Any]]:
        """(N, K), in the order of the answers; read when they are needed, since of a ladder they may be gigabytes."""
        with pq.ParquetFile(RunDir(self.path).predictions) as file:
            rows = file.read(columns=["row"])["row"].to_numpy()
            place = np.empty(len(rows), np.int64)
            place[np.argsort(rows, kind="stable")] = np.arange(len(rows))
            found: NDArray[np.floating[Any]] = np.empty(0)
            for start, part in _logits(file):
                if not start:
                    found = np.empty((len(rows), part.shape[1]), part.dtype)
                found[place[start : start + len(part)]] = part
        return found


def read_run(path: Path, seed: int) -> Run:
    """Read one run directory, whatever is left of it."""
    files = RunDir(path)
    faults: list[Fault] = []
    if not files.exists():
        return Run(seed, path, "absent", RunRecord(), Metrics(), [], Environment(), "", None, [])
    record = RunRecord.read_file(files.record, faults)
    damage = _damage(files)
    if files.record.name in damage:
        told = faults or list(damage.values())
        return Run(seed, path, "damaged", RunRecord(), Metrics(), [], Environment(), "", None, told)
    faults += damage.values()
    state: State = next((known for known in ("done", "failed", "running") if known == record.state), "absent")

    def whole(file: Path) -> bool:
        return state == "done" and file.name not in damage

    metrics = Metrics.read_file(files.metrics, faults) if whole(files.metrics) else Metrics()
    answers = _answers(files.predictions, faults) if whole(files.predictions) else None
    if answers is not None:
        faults += _disagreements(files, answers, record, metrics)
    return Run(
        seed=seed,
        path=path,
        state=state,
        record=record,
        metrics=metrics,
        history=_history(files, faults) if files.history.name not in damage else [],
        environment=Environment.read_file(files.environment, faults) if whole(files.environment) else Environment(),
        settings=_text(files.config, faults) if whole(files.config) else "",
        answers=answers,
        faults=faults,
    )


_KINDS: dict[str, Kind] = {DAMAGED: "changed", GONE: "absent", ANOTHERS: "foreign"}


def _damage(files: RunDir) -> dict[str, Fault]:
    """What run.json says is not as it was written, by the names of the files."""
    try:
        found = files.faults()
    except RunError:
        return {files.record.name: Fault(files.record.name, "changed")}
    return {name: Fault(name, _KINDS.get(fault, "unreadable")) for name, fault in found.items()}


def _answers(path: Path, faults: list[Fault]) -> Answers | None:
    """predictions.parquet as answers, sorted by row; None, with a fault, where it cannot be read."""
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
        said = np.concatenate([part for part, *_ in parts])
        order = np.argsort(rows, kind="stable")
        seen = table["in_train"].to_numpy()[order] if given else None
        answers = Answers(rows[order], labels[order], said[order], classes, seen, _beside(table, order))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException):
        faults.append(Fault(path.name, "unreadable" if path.exists() else "absent"))
        return None
    once, times = np.unique(answers.rows, return_counts=True)
    for column, wrong in (
        ("row", once[times > 1]),
        ("label", labels[(labels < 0) | (labels >= classes)]),
        ("logits", np.concatenate([wrong for _, wrong, _ in parts])),
    ):
        if len(wrong):
            faults.append(Fault(path.name, "value", column, str(wrong[0])))
            return None
    return answers


def _beside(table: pa.Table, order: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """What else was said, in the order of the answers; a column that cannot be read is left out."""
    found = {}
    for name in table.column_names:
        if name.startswith(BESIDE):
            with contextlib.suppress(ValueError, TypeError, AttributeError, pa.ArrowException):
                said = table[name].combine_chunks().flatten().to_numpy().reshape(len(order), -1)
                found[name.removeprefix(BESIDE)] = said[order].T.astype(np.int64)
    return found


def _disagreements(files: RunDir, answers: Answers, record: RunRecord, metrics: Metrics) -> list[Fault]:
    """Where the predictions contradict what the run has noted of them; the page shows both, so a reader has to know."""
    found = []
    rows, accuracy = record.data.rows.test, metrics.test.accuracy
    if rows is not None and rows != len(answers.rows):
        found.append((f"{len(answers.rows)}", f"{files.record.name}: {rows}", "rows"))
    if accuracy is not None and abs(accuracy - float(answers.correct.mean())) > 1e-6:
        found.append((f"{answers.correct.mean():.4f}", f"{files.metrics.name}: {accuracy:.4f}", "accuracy"))
    return [Fault(files.predictions.name, "disagrees", what, f"{here}, {there}") for here, there, what in found]


def _logits(file: pq.ParquetFile) -> Iterator[tuple[int, NDArray[np.floating[Any]]]]:
    """The logits some rows at a time, each part (n, K) with the number of its first row in the file."""
    start = 0
    for batch in file.iter_batches(_AT_ONCE, columns=["logits"]):
        if batch["logits"].null_count or batch["logits"].flatten().null_count:
            raise ValueError("a cell is empty")
        yield start, batch["logits"].flatten().to_numpy().reshape(len(batch), -1)
        start += len(batch)


def _history(files: RunDir, faults: list[Fault]) -> list[Epoch]:
    try:
        lines = files.read_history()
    except RunError:
        faults.append(Fault(files.history.name, "unreadable"))
        return []
    return [Epoch.read(line, files.history.name, faults) for line in lines]


def _text(path: Path, faults: list[Fault]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        faults.append(Fault(path.name, "unreadable" if path.exists() else "absent"))
        return ""
