"""The files of a run: where they are, what they hold, and whether they are what was written, as run.json knows them."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from escalera.core.errors import RunError
from escalera.core.files import (
    CURE,
    DAMAGED,
    FULL,
    fault_of,
    read_json,
    read_sealed,
    sha256,
    write_aside,
    write_sealed,
)

ANOTHERS = "is another run's: it knows the files beside it by other SHA-256s"
OTHERWISE = "Open it with that version, or climb its ladder with --fresh to make it anew."
ASKED = ("config.yaml", "environment.json", "splits.parquet", "table.json")
"""What is written before the training, as patterns."""
LEARNED = (*ASKED, "*.safetensors", "classifiers/*")
"""What is there once it is trained."""
RESULT = (
    *LEARNED,
    "history.jsonl",
    "predictions.parquet",
    "validation.parquet",
    "metrics.json",
    "doubt.json",
    "last/*",
)
"""Everything that a finished run consists of; what a report adds beside it is made again when it is absent."""
SEARCH = "search"
"""The folder of a rung in which its trials stand, as `tuned/search/trial-0003/seed-0`."""
BESIDE = "beside."
"""Columns of predictions.parquet that begin so hold what others predicted for the same test rows: classes, in lists.

The word stays, in metrics.json too: runs of earlier versions have it."""
_TRIAL = re.compile(rf"(?:.+/)?{SEARCH}/trial-\d{{4,}}")
_NAME = re.compile(r"seed-(\d+)(?:\.(.+))?")


@dataclass(frozen=True)
class RunDir:
    """`<out>/<ladder>/<rung>/seed-<n>`, or that of a trial, and the names of what lies in it."""

    path: Path

    @property
    def seed(self) -> int:
        """The number in the folder's name; 0 where it has none."""
        found = _NAME.fullmatch(self.path.name)
        return int(found[1]) if found else 0

    def fold(self, number: int) -> RunDir:
        """The run of one of its folds, counted from 1."""
        return RunDir(self.path / f"fold-{number}")

    def folds(self) -> list[RunDir]:
        """The runs of the folds that have begun."""
        return [RunDir(path) for path in sorted(self.path.glob("fold-*"))]

    @property
    def ladder(self) -> Path:
        """The folder of its ladder, in which a trial of a search stands deeper."""
        return self.path.parents[3 if is_trial(self.path.parent) else 1]

    @property
    def config(self) -> Path:
        """What was asked, resolved: config.yaml."""
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        """Where it ran: versions and hardware."""
        return self.path / "environment.json"

    @property
    def record(self) -> Path:
        """run.json: the state (running, done, failed) and the cost."""
        return self.path / "run.json"

    @property
    def history(self) -> Path:
        """history.jsonl: one line an epoch, append-only."""
        return self.path / "history.jsonl"

    @property
    def last(self) -> Path:
        """The folder of what an exact resume needs."""
        return self.path / "last"

    @property
    def best(self) -> Path:
        """The weights that the run stands by."""
        return self.path / "best.safetensors"

    @property
    def predictions(self) -> Path:
        """The test rows' logits and labels, a parquet file."""
        return self.path / "predictions.parquet"

    @property
    def validation(self) -> Path:
        """The validation rows' logits and labels, of a trial, which never reads a test row; a parquet file."""
        return self.path / "validation.parquet"

    @property
    def doubt(self) -> Path:
        """doubt.json: the temperature, and what sets of classes hold."""
        return self.path / "doubt.json"

    @property
    def splits(self) -> Path:
        """Which rows were in which split, a parquet file."""
        return self.path / "splits.parquet"

    @property
    def metrics(self) -> Path:
        """metrics.json: accuracy, loss and counts per class and split."""
        return self.path / "metrics.json"

    @property
    def table(self) -> Path:
        """table.json: how attributes become a vector, and the limits of the bands, as train's rows teach them."""
        return self.path / "table.json"

    def read_record(self) -> dict[str, Any]:
        """What run.json holds; raises RunError, naming it, where it cannot be read or is not what was written."""
        return read_sealed(self.record)

    def write_record(self, record: Mapping[str, Any], files: Sequence[str] | None = None) -> dict[str, Any]:
        """Write run.json, and give it back with the SHA-256 of those `files` (patterns) that are there.

        Without `files` it keeps those that it has.
        """
        known = record.get("files", {})
        if files is not None:
            there = (path for pattern in files for path in sorted(self.path.glob(pattern)) if path.is_file())
            known = {path.relative_to(self.path).as_posix(): sha256(path) for path in there if path.name[0] != "."}
        written = {**record, "files": known}
        write_sealed(self.record, written)
        return written

    def exists(self) -> bool:
        """Whether there is a run; one that has lost its run.json is one."""
        return os.path.lexists(self.record) or self.best.exists() or self.last.exists()

    def state(self) -> str:
        """`absent`, `running`, `done`, `failed`, or `damaged` where run.json is gone, or does not say."""
        if not self.exists():
            return "absent"
        try:
            state = self.read_record().get("state")
        except RunError:
            return "damaged"
        return state if isinstance(state, str) else "damaged"

    def faults(self, *names: str) -> dict[str, str]:
        """What is wrong with the files that run.json knows, or with some of them; `a/` stands for all in a folder.

        Nothing is in a run of an earlier version. Raises RunError where run.json itself is damaged.
        """
        known = self.read_record().get("files", {})
        wanted = [name for name in known if not names or name in names or f"{name.rpartition('/')[0]}/" in names]
        found = {name: fault for name in wanted if (fault := fault_of(self.path / name, known[name]))}
        if found:
            others = [name for name in known if fault_of(self.path / name, known[name]) == DAMAGED]
            if len(others) > max(2, len(known) // 2):
                return {self.record.name: ANOTHERS}
        return found

    def check(self, *names: str) -> None:
        """Raise RunError, as `faults` finds them, for the first file that is not what was written."""
        for name, fault in self.faults(*names).items():
            raise RunError(f"{self.path / name} {fault}. {CURE}")

    def versions(self) -> tuple[str, str] | None:
        """The version of Escalera that wrote the run, and this one; None where they are the same, or nobody knows."""
        here = importlib.metadata.version("escalera")
        try:
            theirs = read_json(self.environment).get("escalera")
        except (RunError, AttributeError):
            return None
        return (theirs, here) if isinstance(theirs, str) and theirs != here else None

    def cure(self) -> str:
        """What to do where a file is whole and cannot be understood."""
        versions = self.versions()
        if versions is None:
            return CURE
        return f"Escalera {versions[0]} wrote this run, and this is {versions[1]}. {OTHERWISE}"

    def append_history(self, line: dict[str, Any]) -> None:
        """Add one epoch to the history; raises RunError when it cannot be written."""
        try:
            with self.history.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            mend = "Free some space" if error.errno in FULL else "Make sure that it can be written"
            raise RunError(
                f"could not write {self.history}: {error.strerror}. {mend} and type the command again."
            ) from error

    def write_history(self, epochs: Sequence[dict[str, Any]]) -> None:
        """Have the history hold these epochs and no others."""
        text = "".join(json.dumps(epoch) + "\n" for epoch in epochs)
        if self.history.is_dir():
            self.history.rename(self.history.with_name("history.folder"))  # no file can be written in its place
        write_aside(self.history, lambda file: file.write(text.encode()))

    def read_history(self) -> list[dict[str, Any]]:
        """The epochs in order. An epoch that was run again after an interruption counts as its last line says.

        Raises RunError for a file that is not text.
        """
        if not self.history.exists():
            return []
        try:
            text = self.history.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise RunError(f"could not read {self.history}: {error}. {CURE}") from error
        epochs: dict[int, dict[str, Any]] = {}
        for line in text.splitlines():
            # A line cut short by a crash is the last one written; its epoch is run again.
            try:
                epoch = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(epoch, dict) and isinstance(epoch.get("epoch"), int):
                epochs[epoch["epoch"]] = epoch
        return [epochs[number] for number in sorted(epochs)]


def trial_name(rung: str, number: int) -> str:
    """What a trial of a rung's search is called, which is where it stands in the folder of the ladder."""
    return f"{rung}/{SEARCH}/trial-{number:04}"


def is_trial(rung: Path | str) -> bool:
    """Whether a folder, or the name that it goes by, is that of a trial of a search."""
    return bool(_TRIAL.fullmatch(rung.as_posix() if isinstance(rung, Path) else rung))


def standing(rung: Path) -> list[RunDir]:
    """The runs that a rung's folder stands by, one a seed, in the order of the seeds."""
    found = [RunDir(path) for path in rung.glob("seed-*") if re.fullmatch(r"seed-\d+", path.name)]
    return sorted((run for run in found if run.exists()), key=lambda run: run.seed)


def rungs(ladder: Path) -> list[str]:
    """The names of the folders in a ladder's that hold a run."""
    return sorted(path.name for path in ladder.glob("*") if path.is_dir() and standing(path))
