"""Follows a climb by its events, and tells a tracker. A tracker that fails costs nobody a training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalera.core.errors import RunError
from escalera.core.rundir import RunDir, is_trial
from escalera.experiment.tracking.log import Log, Tracked
from escalera.inference.unplaced import unplaced_settings
from escalera.ladder.read import dump_config
from escalera.run.events import Events, Progress

if TYPE_CHECKING:
    from escalera.ladder.schema import Ladder, Rung

FILES = ("config.yaml", "run.json", "metrics.json", "environment.json", "best.safetensors")
"""Of a run, those that a tracker keeps."""


class Followed(Events):
    """Tells of one run at a time: those of a climb one after the other, or one of several side by side."""

    def __init__(self, among: Follower) -> None:
        self.among = among
        self.run: Tracked | None = None
        self.home = RunDir(Path())
        self.handle: Any = None
        self.logged = 0

    def rung_begins(self, rung: Rung, seed: int, place: str) -> None:
        """Open the run, unless it is one of a search's trials, whose own record says what was tried."""
        self._end("stopped")
        if not is_trial(rung.name):
            folder = self.among.folder / rung.name / f"seed-{seed}"
            why = rung.why["en"] if rung.why else ""
            settings = dict(flat(unplaced_settings(dump_config(rung.config))))
            self.run, self.logged = Tracked(rung.name, seed, folder, why, settings), 0
            self.handle = self.among._safely(self.among.log.open, self.run)
            self.home = RunDir(folder)

    def home_chosen(self, home: Path) -> None:
        """Follow what is trained there; what stands in the run's own place meanwhile is an earlier training."""
        self.home = RunDir(home)

    def training_begins(self, progress: Progress) -> None:
        """Tell of the epochs before an interruption."""
        self._catch_up(progress.epoch)

    def epoch_ends(self, progress: Progress) -> None:
        """Tell of the epoch, as the history has it; where that is on another machine, it follows at the end."""
        self._catch_up(progress.epoch)

    def rung_ends(self, record: dict[str, Any], metrics: dict[str, Any]) -> None:
        """Tell of the scores, the cost and the files, which stand in the run's own place now."""
        if self.run is not None:
            self.home = RunDir(self.run.folder)
        self._catch_up(record.get("epochs"))
        cost = {"total_seconds": record.get("seconds"), "peak_memory_bytes": record.get("peak_memory_bytes")}
        cost |= {"energy_kwh": (record.get("energy") or {}).get("kwh")}
        scores = {f"{split}_{name}": value for split, one in metrics.items() if isinstance(one, dict)
                  for name, value in one.items()}  # fmt: skip
        self._end("done", numbers(scores | cost | {"parameters": record.get("parameters", {}).get("total")}))

    def rung_failed(self, rung: Rung, message: str, trace: str) -> None:
        """Say that it failed."""
        self._end("failed")

    def _catch_up(self, until: int | None) -> None:
        if self.handle is None or not until:
            return
        try:
            epochs = self.home.read_history()
        except RunError:
            return  # who trains says so
        for line in epochs:
            if self.logged < line["epoch"] <= until:
                self.logged = line["epoch"]
                values = numbers({name: value for name, value in line.items() if name != "epoch"})
                self.among._safely(self.among.log.epoch, self.handle, self.logged, values)

    def _end(self, state: str, scores: Mapping[str, float] | None = None) -> None:
        if self.handle is not None and self.run is not None:
            files = [file for name in FILES if (file := self.run.folder / name).is_file()]
            self.among._safely(self.among.log.end, self.handle, scores or {}, files if state == "done" else [], state)
        self.run = self.handle = None


class Follower(Followed):
    """Follows a climb; `fault` is the first thing that the tracker could not take."""

    def __init__(self, log: Log) -> None:
        super().__init__(self)
        self.log = log
        self.folder = Path()
        self.fault = ""
        self.runs: dict[tuple[str, int], Followed] = {}

    def ladder_begins(self, ladder: Ladder, folder: Path, runs: int, pending: int) -> None:
        """Name the ladder; raises EscaleraError where the tracker cannot be reached, before anything is trained."""
        self.folder = folder
        if pending:
            self.log.begin(ladder.name)

    def of_run(self, rung: str, seed: int) -> Events:
        """Who follows one of several runs."""
        return self.runs.setdefault((rung, seed), Followed(self))

    def _safely(self, tell: Callable[..., Any], *given: Any) -> Any:
        """Tell the tracker, and keep what it raises."""
        try:
            return tell(*given)
        except Exception as error:  # each has its own, and those of the network
            self.fault = self.fault or f"{type(error).__name__}: {error}".splitlines()[0][:200]
            return None


def close(follower: Follower) -> None:
    """End the runs that were stopped, and the log."""
    for one in (follower, *follower.runs.values()):
        one._end("stopped")
    follower._safely(follower.log.close)


def flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by their paths, as `train.optimizer.lr`; those that are not given are left out."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from flat(one, f"{name}.{key}" if name else str(key))
    elif value is not None:
        yield name, value


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Those that a curve can show."""
    return {
        name: float(value)
        for name, value in values.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    }
