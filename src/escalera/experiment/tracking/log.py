"""What a tracker takes: a ladder, its runs, and for each run settings, epochs, scores and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Tracked:
    """A run as a tracker knows it: names for people, and its settings, `model.kind` and the like."""

    rung: str
    seed: int
    folder: Path
    why: str
    settings: Mapping[str, Any]


class Log(Protocol):
    """One ladder's runs in one tracker. A handle is whatever the tracker knows a run by."""

    look: str
    """The command that shows what is logged."""

    def begin(self, ladder: str) -> None:
        """A ladder begins; raises EscaleraError where the tracker cannot be reached."""

    def open(self, run: Tracked) -> Any:
        """A run begins; its handle."""

    def epoch(self, handle: Any, number: int, values: Mapping[str, float]) -> None:
        """What the history says of an epoch."""

    def end(self, handle: Any, scores: Mapping[str, float], files: Sequence[Path], state: str) -> None:
        """A run is `done`, `failed` or `stopped`, with its scores and files."""

    def close(self) -> None:
        """No more comes."""
