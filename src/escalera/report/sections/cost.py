"""What the climb cost, and what each point of accuracy cost."""

from __future__ import annotations

from typing import Any

from escalera.core.energy import REASONS
from escalera.report.view import LadderView


def section(view: LadderView) -> dict[str, Any] | None:
    """A row for each finished rung: the rung, its first record, and seconds per point where the step was better.

    What a rung searched belongs to the price of its points. `unmeasured` has the rungs whose energy nobody measured, by
    the reason; none are named where it is all of them. `unknown` has those of whose trials not all were measured,
    `untimed` those whose answers took now so long and now so long.
    """
    rows = []
    for rung in view.story.scored:
        step = rung.step
        each = None
        if step and step.comparison and step.verdict == "better" and rung.seconds:
            each = (rung.seconds + rung.search_seconds) / (100 * step.comparison.difference)
        rows.append((rung, rung.done[0].record, each))
    priced, searched = any(rung.price for rung, _, _ in rows), any(rung.search_seconds for rung, _, _ in rows)
    measured = any(rung.kwh is not None for rung, _, _ in rows)
    reasons = {reason: [rung.name for rung, _, _ in rows if rung.unmeasured == reason] for reason in REASONS}
    why = {reason: [] if len(names) == len(rows) else names for reason, names in reasons.items() if names}
    unknown = [rung.name for rung, _, _ in rows if rung.search_seconds and rung.search_kwh is None]
    untimed = [rung.name for rung, record, _ in rows if record.inference_images_per_second is None]
    seen = {"priced": priced, "searched": searched, "measured": measured, "untimed": untimed}
    return {"rows": rows, **seen, "unmeasured": why, "unknown": unknown} if rows else None
