"""The models that can be chosen: the finished runs of a folder, damaged ones too, and the files that were opened."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from escalera.core.errors import EscaleraError
from escalera.core.files import read_json
from escalera.core.names import is_name
from escalera.core.rundir import RunDir


@dataclass(frozen=True)
class Entry:
    """A model that can be asked: its key, and what a person chooses it by; `damaged` is a file that says otherwise."""

    key: str
    ladder: str
    rung: str
    seed: int
    accuracy: float | None
    file: str = ""
    damaged: str = ""

    @property
    def label(self) -> str:
        """`digits / cnn`, with the seed where it is not the first."""
        seed = f" (seed {self.seed})" if self.seed else ""
        damaged = f" ⚠ {self.damaged}" if self.damaged else ""
        return self.file or f"{self.ladder} / {self.rung}{seed}{damaged}"


def order_of(ladder: Path) -> dict[str, int]:
    """The places of the rungs, as far as ladder.json tells."""
    try:
        return {rung["name"]: place for place, rung in enumerate(read_json(ladder / "ladder.json")["rungs"])}
    except (EscaleraError, KeyError, TypeError):
        return {}


def entry_of(ladder: str, run: RunDir) -> Entry | None:
    """A finished run; one whose files are damaged too, since whoever asks it is told so."""
    rung, seed = run.path.parts[-2:]
    known = (f"{ladder}/{rung}/{seed}", ladder, rung, run.seed)
    state = run.state()
    if state == "damaged":
        return Entry(*known, None, damaged=run.record.name)
    if state != "done":
        return None
    # Of the others it is seen at a glance whether they are gone; their digests would cost seconds at each look.
    gone = (name for name in run.read_record().get("files", {}) if not (run.path / name).exists())
    damaged = next(iter(run.faults(run.metrics.name)), "") or next(gone, "")
    if damaged:
        return Entry(*known, None, damaged=damaged)
    try:
        return Entry(*known, read_json(run.metrics)["test"]["accuracy"])
    except (EscaleraError, KeyError, TypeError):
        return Entry(*known, None, damaged=run.metrics.name)


def exists(path: Path) -> bool:
    """Whether there is such a file; there is none by a name that no file can have."""
    try:
        return path.exists()
    except OSError:  # a name longer than the system's
        return False


def is_run(key: str) -> bool:
    """Whether a key could be that of a run: ladder, rung and seed, and nothing that leads elsewhere."""
    *names, seed = key.split("/")
    return len(names) == 2 and all(map(is_name, names)) and bool(re.fullmatch("seed-[0-9]+", seed))
