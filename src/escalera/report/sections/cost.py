"""What the climb cost, and what each point of accuracy cost."""

from __future__ import annotations

from typing import Any

from escalera.report.view import LadderView


def section(view: LadderView) -> dict[str, Any] | None:
    """A row for each finished rung: the rung, its first record, and seconds per point where the step was better."""
    rows = []
    for rung in view.story.scored:
        step = rung.step
        each = None
        if step and step.comparison and step.verdict == "better" and rung.seconds:
            each = rung.seconds / (100 * step.comparison.difference)
        rows.append((rung, rung.done[0].record, each))
    return {"rows": rows, "priced": any(record.price for _, record, _ in rows)} if rows else None
