"""What comes of `escalera auto`: the ladder's file, the moves that were tried, and the runs of its last rung."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalera.experiment.auto.diary import Attempt, Diary
from escalera.experiment.auto.text import evidence, words_of
from escalera.experiment.notebook import line_html, table_html
from escalera.experiment.results import Results

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("move", "on", "state", "val_accuracy", "difference", "low", "high", "loss", "rows", "epochs", "seconds")


@dataclass(frozen=True)
class Built:
    """A ladder that has built itself: its `file`, and the `results` of its last rung, which alone has figures of test.

    `diary` is what auto.json holds.
    """

    file: Path
    diary: Diary
    results: Results

    def table(self) -> pd.DataFrame:
        """A row for each move that was tried, on validation alone: shares of its rows, and seconds.

        `difference` is against the rung that it was tried `on`, with its 95 % interval; `reason` says it in words.
        """
        import pandas as pd

        rows = [_row(attempt) for attempt in self.diary.attempts]
        return pd.DataFrame(rows, columns=[*COLUMNS, "reason"])

    def __repr__(self) -> str:
        kept = sum(attempt.state == "kept" for attempt in self.diary.attempts)
        return (
            f"Built({str(self.file)!r}: {len(self.diary.attempts)} moves tried, {kept} kept; {', '.join(self.results)})"
        )

    def _repr_html_(self) -> str:
        table = table_html(self.table(), index=False)
        return "".join([table, line_html("Ladder:", self.file), self.results._repr_html_()])


def _row(attempt: Attempt) -> dict[str, Any]:
    found = attempt.evidence
    measured = {key: getattr(found, key) for key in ("difference", "low", "high", "loss", "rows")} if found else {}
    reason = attempt.error if attempt.state == "failed" else evidence(attempt, words_of("en"))
    return {
        "move": attempt.move,
        "on": attempt.parent,
        "state": attempt.state,
        "val_accuracy": attempt.accuracy,
        **measured,
        "epochs": attempt.epochs,
        "seconds": attempt.seconds,
        "reason": reason,
    }
