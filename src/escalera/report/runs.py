"""One run as its folder tells it, whatever is left of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import RunError
from escalera.core.fault import Fault, Kind
from escalera.core.files import DAMAGED, GONE
from escalera.core.predictions import Answers, WrongValueError, read_answers, read_logits
from escalera.core.record import DoubtFile, Environment, Epoch, Metrics, RunRecord
from escalera.core.rundir import ANOTHERS, RunDir

State = Literal["done", "failed", "damaged", "running", "absent"]


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
    doubt: DoubtFile | None = None

    @property
    def accuracy(self) -> float | None:
        """The test accuracy; from the predictions where metrics.json does not give it."""
        given = self.metrics.test.accuracy
        return float(self.answers.correct.mean()) if given is None and self.answers else given

    def score(self, metric: str) -> float | None:
        """A metric on the test rows."""
        return self.accuracy if metric == "accuracy" else getattr(self.metrics.test, metric)

    @property
    def classes(self) -> list[str]:
        """The names of the classes; their numbers where no file that fits gives them."""
        count = self.answers.classes if self.answers else None
        named = (self.record.data.classes, [row.name for row in self.metrics.test.per_class])
        given = next((names for names in named if names and count in (None, len(names))), None)
        return given or [str(k) for k in range(count or 0)]

    def logits(self) -> NDArray[np.floating[Any]]:
        """(N, K), in the order of the answers; read when they are needed, since of a ladder they may be gigabytes."""
        return read_logits(RunDir(self.path).predictions)


def read_run(path: Path, seed: int) -> Run:
    """Read one run directory, whatever is left of it."""
    files = RunDir(path)
    faults: list[Fault] = []
    if not files.exists():
        return Run(seed, path, "absent", RunRecord(), Metrics(), [], Environment(), "", None, [])
    record = RunRecord.read_file(files.record, faults)
    damage = _damage(files)
    if files.record.name in damage:
        why = faults or list(damage.values())
        return Run(seed, path, "damaged", RunRecord(), Metrics(), [], Environment(), "", None, why)
    faults += damage.values()
    state: State = next((known for known in ("done", "failed", "running") if known == record.state), "absent")

    def whole(file: Path) -> bool:
        return state == "done" and file.name not in damage

    metrics = Metrics.read_file(files.metrics, faults) if whole(files.metrics) else Metrics()
    answers = _answers(files.predictions, faults) if whole(files.predictions) else None
    if answers is not None:
        faults += _disagreements(files, answers, record, metrics)
    if any(fault.kind in ("value", "mapping") for fault in faults) and (versions := files.versions()):
        faults.insert(0, Fault(files.environment.name, "version", *versions))
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
        # A run of an earlier version has none, and lacks nothing.
        doubt=DoubtFile.read_file(files.doubt, faults) if whole(files.doubt) and files.doubt.is_file() else None,
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
    """predictions.parquet as answers; None, with a fault, where it cannot be read."""
    try:
        return read_answers(path)
    except WrongValueError as error:
        faults.append(Fault(path.name, "value", error.column, error.value))
    except ValueError:
        faults.append(Fault(path.name, "unreadable" if path.exists() else "absent"))
    return None


def _disagreements(files: RunDir, answers: Answers, record: RunRecord, metrics: Metrics) -> list[Fault]:
    """Where the predictions contradict what the run has noted of them; the page shows both, so a reader has to know."""
    found = []
    rows, accuracy = record.data.rows.test, metrics.test.accuracy
    if rows is not None and rows != len(answers.rows):
        found.append((f"{len(answers.rows)}", f"{files.record.name}: {rows}", "rows"))
    if accuracy is not None and abs(accuracy - float(answers.correct.mean())) > 1e-6:
        found.append((f"{answers.correct.mean():.4f}", f"{files.metrics.name}: {accuracy:.4f}", "accuracy"))
    return [Fault(files.predictions.name, "disagrees", what, f"{here}, {there}") for here, there, what in found]


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
