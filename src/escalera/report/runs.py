"""One run as its folder tells it, whatever is left of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from escalera.report.records import Environment, Epoch, Metrics, RunRecord
from escalera.rundir import RunDir

State = Literal["done", "failed", "running", "absent"]


@dataclass(frozen=True)
class Answers:
    """The test rows (N,) in the order of their numbers: which they are, what they show, whether the run was right."""

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    correct: NDArray[np.bool_]

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
    faults: list[str]

    @property
    def accuracy(self) -> float | None:
        """The test accuracy; from the predictions where metrics.json does not give it."""
        given = self.metrics.test.accuracy
        return float(self.answers.correct.mean()) if given is None and self.answers else given


def read_run(path: Path, seed: int) -> Run:
    """Read one run directory, whatever is left of it."""
    files = RunDir(path)
    faults: list[str] = []
    if not files.record.exists():
        return Run(seed, path, "absent", RunRecord(), Metrics(), [], Environment(), "", None, [])
    record = RunRecord.read_file(files.record, faults)
    state: State = next((known for known in ("done", "failed", "running") if known == record.state), "absent")
    done = state == "done"
    return Run(
        seed=seed,
        path=path,
        state=state,
        record=record,
        metrics=Metrics.read_file(files.metrics, faults) if done else Metrics(),
        history=_history(files, faults),
        environment=Environment.read_file(files.environment, faults) if done else Environment(),
        settings=_text(files.config, faults) if done else "",
        answers=_answers(files.predictions, faults) if done else None,
        faults=faults,
    )


def _answers(path: Path, faults: list[str]) -> Answers | None:
    """predictions.parquet as answers, sorted by row; None, with a fault, where it cannot be read."""
    try:
        table = pq.read_table(path, columns=["row", "label", "logits"])
        rows = table["row"].to_numpy().astype(np.int64)
        labels = table["label"].to_numpy().astype(np.int64)
        logits = table["logits"].combine_chunks().flatten().to_numpy().reshape(len(labels), -1)
        order = np.argsort(rows, kind="stable")
        correct = logits.argmax(axis=1) == labels
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowException) as error:
        faults.append(f"{path.name}: {error}" if path.exists() else f"{path.name}: absent")
        return None
    return Answers(rows[order], labels[order], correct[order])


def _history(files: RunDir, faults: list[str]) -> list[Epoch]:
    try:
        lines: list[dict[str, Any]] = files.read_history()
    except (OSError, ValueError, TypeError) as error:
        faults.append(f"{files.history.name}: {error}")
        return []
    return [Epoch.read(line, files.history.name, faults) for line in lines]


def _text(path: Path, faults: list[str]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        faults.append(f"{path.name}: {error}" if path.exists() else f"{path.name}: absent")
        return ""
