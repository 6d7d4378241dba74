"""What auto.json holds of a ladder that built itself, for whoever reports it: as `experiment/auto` writes it."""

from __future__ import annotations

from escalera.core.lenient import Lenient
from escalera.core.names import AUTO
from escalera.core.record import Amount, Count

FOLDER = AUTO
"""In the folder of a ladder."""
NAME = "auto.json"


class EvidenceRecord(Lenient):
    """A move against the rung below on validation: shares of the rows with the 95 % interval, and of the loss."""

    difference: float | None = None
    low: float | None = None
    high: float | None = None
    loss: float | None = None
    loss_high: float | None = None
    ratio: Amount | None = None
    rows: Count | None = None

    @property
    def helped(self) -> bool:
        """Right more often beyond doubt, or not less often and surer, as the moves were judged."""
        surer = (self.difference or 0) >= 0 and self.loss_high is not None and self.loss_high < 0
        return (self.low or 0) > 0 or surer


class MoveRecord(Lenient):
    """A move on top of `parent`; `state` is running, kept, dropped, waits or failed, `ended` seconds of all parts.

    In so many `turns` each row that is not test was validation once.
    """

    move: str = ""
    name: str = ""
    parent: str = ""
    number: Count = 0
    state: str = ""
    accuracy: Amount | None = None
    seconds: Amount = 0.0
    epochs: Count = 0
    ended: Amount = 0.0
    evidence: EvidenceRecord | None = None
    error: str = ""
    turns: Count = 1


class AutoRecord(Lenient):
    """auto.json: `found` are keys of messages with their values, `elapsed` seconds, `epochs` those of a trial.

    `file` says where the ladder was written, once it was.
    """

    source: str = ""
    found: list[list[str | int]] = []
    epochs: Count = 0
    elapsed: Amount = 0.0
    minutes: Amount = 0.0
    attempts: list[MoveRecord] = []
    file: dict[str, str] = {}
