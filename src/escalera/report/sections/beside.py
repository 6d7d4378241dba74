"""What else was said of the same test rows: the branches of a fusion, or the classifiers of a vote, each by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from escalera.evaluate.compare import accuracy_interval, compare
from escalera.report.runs import Run
from escalera.report.view import RungView
from escalera.rundir import RunDir

KINDS = ("trained", "alone", "shuffled", "classifier", "network")
"""What there may be, as the run has named its columns, in the order of the page."""


@dataclass(frozen=True)
class Line:
    """One of those that answered: its accuracy with its interval, and the run's own less it, with the paired one."""

    kind: str
    name: str
    accuracy: float
    low: float
    high: float
    difference: float
    difference_low: float
    difference_high: float


def section(view: RungView) -> dict[str, Any] | None:
    """The lines in order, and for votes who agrees with whom; None for a run that asked nobody else."""
    run = view.run
    if run is None or run.answers is None:
        return None
    said = _said(run)
    lines = [_line(key, said[key], run) for kind in KINDS for key in said if key.startswith(f"{kind}:")]
    if not lines:
        return None
    votes = any(line.kind == "classifier" for line in lines)
    own = accuracy_interval(float(run.answers.correct.mean()), len(run.answers.labels))
    return {
        "lines": lines,
        "votes": votes,
        "interval": own,
        "accuracy": float(run.answers.correct.mean()),
        "agreement": _agreement(run, said) if votes else None,
    }


def _said(run: Run) -> dict[str, NDArray[np.int64]]:
    """Classes (R, N) in the order of the answers, by `<kind>:<name>`; what cannot be read is left out."""
    try:
        table = pq.read_table(run.path / RunDir(run.path).predictions.name)
        order = np.argsort(table["row"].to_numpy(), kind="stable")
        found = {
            name.removeprefix("beside."): table[name].combine_chunks().flatten().to_numpy().reshape(len(order), -1)
            for name in table.column_names
            if name.startswith("beside.")
        }
    except (OSError, ValueError, KeyError, AttributeError, pa.ArrowException):
        return {}
    return {name: said[order].T.astype(np.int64) for name, said in found.items()}


def _line(key: str, said: NDArray[np.int64], run: Run) -> Line:
    assert run.answers is not None
    right = said == run.answers.labels
    step = compare(right, run.answers.correct[None])
    kind, _, name = key.partition(":")
    accuracy = float(right.mean())
    low, high = accuracy_interval(accuracy, right.shape[1])
    return Line(kind, name, accuracy, low, high, step.difference, step.low, step.high)


def _agreement(run: Run, said: dict[str, NDArray[np.int64]]) -> tuple[list[str], list[list[float]]]:
    """The names and, for each pair, the share of the rows on which they say the same; the vote itself comes first."""
    assert run.answers is not None
    answers = {"": run.answers.said, **{key: rows[0] for key, rows in said.items()}}
    shares = [[float((one == other).mean()) for other in answers.values()] for one in answers.values()]
    return list(answers), shares
