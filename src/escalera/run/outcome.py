"""What came of a task, for whoever waits for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Key = tuple[str, int]
"""The name of a rung and a seed."""


@dataclass(frozen=True)
class Outcome:
    """What came of a task; `error` is why it failed. One that is paused goes on when it is performed again."""

    rung: str
    seed: int
    state: Literal["done", "failed", "paused"] = "done"
    error: str = ""
