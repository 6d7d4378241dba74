"""What was learned from."""

from __future__ import annotations

from typing import Any

from escalera.core.record import Data
from escalera.report.view import LadderView


def section(view: LadderView) -> dict[str, Any] | None:
    """The different data of a ladder, each with the rungs that learned from it."""
    sets: list[tuple[Data, bool, list[str]]] = []
    for rung in view.story.rungs:
        folds = any(run.record.folds for run in rung.done)
        known = next((names for data, _, names in sets if rung.data and _shown(data) == _shown(rung.data)), None)
        if known is not None:
            known.append(rung.name)
        elif rung.data is not None:
            sets.append((rung.data, folds, [rung.name]))
    return {"sets": sets} if sets else None


def _shown(data: Data) -> tuple[object, ...]:
    """What the page says of data; a run of an earlier version may say less of the same."""
    return data.source, data.shape, data.classes, data.rows, data.skipped, data.labels
