"""auto.json: what was found in a source, which moves were tried, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from escalera.core.auto_record import NAME
from escalera.core.files import read_sealed, write_sealed
from escalera.experiment.auto.evidence import Evidence


@dataclass(frozen=True)
class Attempt:
    """One move that was tried on top of the rung `parent` ("" for the first rung): its change, and what came of it.

    `number` is that of its trial, which is trained in so many `turns`, each with other rows of validation; `seconds`
    and `epochs` are those of all of them. `ended` are the seconds after which it was over, in all parts together.
    """

    move: str
    name: str
    parent: str
    change: dict[str, Any]
    number: int
    state: Literal["running", "kept", "dropped", "failed", "waits"] = "running"
    accuracy: float | None = None
    loss: float | None = None
    seconds: float = 0.0
    epochs: int = 0
    ended: float = 0.0
    evidence: Evidence | None = None
    error: str = ""
    turns: int = 1


@dataclass
class Diary:
    """All that is known of a ladder that builds itself: `kept` are its rungs so far, the first one included."""

    source: str
    data: dict[str, Any]
    ground: dict[str, Any]
    found: list[list[str | int]]
    epochs: int = 0
    elapsed: float = 0.0
    minutes: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)
    final: dict[str, Any] = field(default_factory=dict)
    file: dict[str, str] = field(default_factory=dict)

    @property
    def kept(self) -> list[Attempt]:
        """The rungs, in their order."""
        return [attempt for attempt in self.attempts if attempt.state == "kept"]

    def put(self, attempt: Attempt) -> None:
        """Take an attempt in, in the place of what was known of it."""
        others = (one for one in self.attempts if one.number != attempt.number)
        self.attempts = sorted([*others, attempt], key=lambda one: one.number)

    def write(self, folder: Path) -> None:
        """Write auto.json."""
        write_sealed(folder / NAME, asdict(self))


def read_diary(folder: Path) -> Diary | None:
    """What a folder's auto.json holds; None where there is none. Raises RunError for one that is damaged."""
    if not (folder / NAME).exists():
        return None
    values: Mapping[str, Any] = read_sealed(folder / NAME)
    attempts = [
        Attempt(**{**one, "evidence": Evidence(**one["evidence"]) if one["evidence"] else None})
        for one in values["attempts"]
    ]
    return Diary(**{**values, "attempts": attempts})
