"""trials.csv: every trial of a search as a row, for whoever wants to look at them elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from escalera.core.csvtext import csv_text
from escalera.core.files import write_aside
from escalera.ladder.shown import whole
from escalera.run.trial import Trial

COLUMNS = ("trial", "state", "value", "epochs", "seconds", "same_as")


def write_trials(path: Path, trials: Sequence[Trial], paths: Sequence[str]) -> None:
    """Write a row for each trial that is over: what came of it, and the value that it had for each path."""
    rows = []
    for trial in trials:
        if trial.state == "running":
            continue
        same = None if trial.same is None else trial.same + 1
        given = [_cell(trial.settings.get(name)) for name in paths]
        rows.append(
            [trial.number + 1, trial.state, trial.value, trial.epochs, trial.seconds, same, *given, trial.error]
        )
    text = csv_text([*COLUMNS, *paths, "error"], rows)
    write_aside(path, lambda file: file.write(text.encode()))


def _cell(value: object) -> object:
    """A number as it is, anything else as it stands in a ladder, whole: a trial can be typed again by its row."""
    return value if isinstance(value, int | float | str) else whole(value)
