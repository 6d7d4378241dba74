"""What came of one trial of a search, as plain values: search.json, the report and whoever listens share them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Trial:
    """One setting that was tried: `settings` has a value for each path of the space.

    `value` is the figure of validation that it is chosen by, None where there is none; `curve` that figure after each
    epoch. One that is `pruned` was worse than others after as many epochs. `ended` are the seconds of the search after
    which it was over, `seconds` those of its training, `kwh` the energy of it, where it was measured. `same` is the
    number of an earlier trial with the very same settings, whose result it has. One that failed is tried `again` by the
    next command, unless it would fail alike.
    """

    number: int
    state: Literal["running", "done", "pruned", "failed"]
    settings: dict[str, Any]
    value: float | None = None
    curve: list[float] = field(default_factory=list)
    epochs: int = 0
    seconds: float = 0.0
    ended: float = 0.0
    error: str = ""
    same: int | None = None
    again: bool = False
    kwh: float | None = None
