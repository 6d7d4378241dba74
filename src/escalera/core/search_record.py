"""What search.json holds of a rung that searched, for whoever reports it: as `experiment/search.py` writes it."""

from __future__ import annotations

from typing import Any

from escalera.core.lenient import Lenient
from escalera.core.record import Amount, Count

NAME = "search.json"
TABLE = "trials.csv"
"""Both in the folder `search` of a rung."""


class TrialRecord(Lenient):
    """One trial; `state` is running, done, pruned or failed, `ended` are the seconds of the search at its end."""

    number: Count = 0
    state: str = ""
    settings: dict[str, Any] = {}
    value: float | None = None
    epochs: Count = 0
    seconds: Amount = 0.0
    kwh: Amount | None = None
    ended: Amount = 0.0
    error: str = ""
    same: Count | None = None


class Asked(Lenient):
    """The section `search` of the rung."""

    over: dict[str, Any] = {}
    method: str = ""
    trials: Count | None = None
    minutes: Amount | None = None
    epochs: Count | None = None
    prune: bool = False
    monitor: str = "val_accuracy"


class SearchRecord(Lenient):
    """search.json: `size` counts the combinations there are, `rows` those of validation, `best` names a trial.

    `elapsed` are seconds of the clock, `seconds` those of all trainings.
    """

    state: str = ""
    search: Asked = Asked()
    size: Count | None = None
    rows: Count | None = None
    elapsed: Amount = 0.0
    seconds: Amount = 0.0
    best: Count | None = None
    importance: dict[str, Amount] = {}
    trials: list[TrialRecord] = []
