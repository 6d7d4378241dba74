"""Test pictures that the networks may have seen: the accuracy with and without those that have a duplicate in train."""

from __future__ import annotations

from typing import Any

from escalera.evaluate.compare import accuracy_interval
from escalera.report.view import LadderView


def section(view: LadderView) -> dict[str, Any] | None:
    """A row for each rung; `looked` is whether anybody looked for duplicates at all."""
    rows = []
    counts = set()
    for rung in view.story.scored:
        if rung.unseen is None or rung.accuracy is None or rung.test_rows is None:
            continue
        accuracy, clean = rung.unseen
        counts.add((rung.test_rows, rung.test_rows - clean))
        rows.append((rung, accuracy, accuracy_interval(accuracy, clean), rung.test_rows - clean))
    if not view.story.scored:
        return None
    return {"rows": rows, "some": any(twice for *_, twice in rows), "counts": sorted(counts)}
