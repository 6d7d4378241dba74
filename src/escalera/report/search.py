"""The search of a rung as its folder tells it, whatever is left of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from escalera.core.errors import RunError
from escalera.core.fault import Fault
from escalera.core.files import read_sealed
from escalera.core.record import Metrics, Price
from escalera.core.rundir import SEARCH, standing
from escalera.core.search_record import NAME, TABLE, SearchRecord, TrialRecord


@dataclass(frozen=True)
class Search:
    """What a rung tried before it was trained. `accuracy` is that of the best trial on validation."""

    path: Path
    record: SearchRecord
    accuracy: float | None = None
    faults: list[Fault] = field(default_factory=list)

    @property
    def known(self) -> bool:
        """Whether there is anything to show but faults."""
        return bool(self.record.state)

    @property
    def done(self) -> bool:
        """Whether nothing is left to try."""
        return self.record.state == "done"

    @property
    def metric(self) -> str:
        """What the trials are compared by, of validation: accuracy, loss, macro_f1, ..."""
        return self.record.search.monitor.removeprefix("val_")

    @property
    def lowest(self) -> bool:
        """Whether the smallest figure is the best."""
        return self.record.search.monitor.endswith("loss")

    @property
    def paths(self) -> list[str]:
        """What was varied."""
        return list(self.record.search.over)

    @property
    def best(self) -> TrialRecord | None:
        """The trial that stands first."""
        best = self.record.best
        return next((trial for trial in self.record.trials if trial.number == best and result(trial) is not None), None)

    @property
    def ranked(self) -> list[TrialRecord]:
        """All trials: those that are done from the best on, then those that were pruned, that failed, that are open."""
        states = ("done", "pruned", "failed")

        def place(trial: TrialRecord) -> tuple[int, float, int]:
            value = result(trial)
            worth = 0.0 if value is None else value if self.lowest else -value
            return states.index(trial.state) if trial.state in states else len(states), worth, trial.number

        return sorted(self.record.trials, key=place)

    @property
    def counts(self) -> Counter[str]:
        """How many trials there are of each state."""
        return Counter(trial.state for trial in self.record.trials)

    @property
    def table(self) -> Path | None:
        """trials.csv, where it is there."""
        return path if (path := self.path / TABLE).is_file() else None

    @property
    def kwh(self) -> float | None:
        """The energy of its trainings; None where that of one is not known, as of one that failed on its way."""
        taken = [trial.kwh for trial in self.record.trials if trial.seconds]
        known = [one for one in taken if one is not None]
        return sum(known) if known and len(known) == len(taken) else None

    def price(self, of: Price | None, seconds: float | None) -> Price | None:
        """What its trainings cost, at the price that so many seconds of a run had."""
        if of is None or not seconds:
            return None
        return Price(amount=of.amount / seconds * self.record.seconds, currency=of.currency)


def result(trial: TrialRecord) -> float | None:
    """The figure of validation that a trial came to; of one that was pruned, the last one."""
    ended = trial.state in ("done", "pruned")
    return trial.value if ended and trial.value is not None and isfinite(trial.value) else None


def read_search(rung: Path, *, finished: bool) -> Search | None:
    """What lies in a rung's folder; None where nothing does and, the rung being not `finished`, nothing has to."""
    folder, faults = rung / SEARCH, list[Fault]()
    path = folder / NAME
    try:
        record = SearchRecord.read(read_sealed(path), NAME, faults)
    except RunError:
        if path.exists() or finished:
            return Search(folder, SearchRecord(), faults=[Fault(NAME, "changed" if path.is_file() else "absent")])
        return None
    found = Search(folder, record, faults=faults)
    return Search(folder, record, _accuracy(found), faults)


def _accuracy(search: Search) -> float | None:
    """What share of validation the best trial has right; where another figure chose it, as its own files say."""
    best = search.best
    if best is None or search.metric == "accuracy":
        return None if best is None else result(best)
    for run in standing(search.path / f"trial-{best.number + 1:04}"):
        return Metrics.read_file(run.metrics, []).validation.accuracy
    return None
