"""The table of steps."""

from __future__ import annotations

from typing import Any

from escalera.report.view import LadderView

_WIDTH, _MARGIN = 136, 6


def section(view: LadderView) -> dict[str, Any] | None:
    """A function that places a share in the small pictures of the intervals, which all have one scale."""
    steps = [step.comparison for step in view.story.steps if step.comparison]
    ends = [end for comparison in steps for end in (comparison.low, comparison.high)]
    low, high = min([0.0, *ends]), max([0.0, *ends])

    def place(share: float) -> float:
        return round(_MARGIN + (_WIDTH - 2 * _MARGIN) * (share - low) / ((high - low) or 1.0), 1)

    return {"place": place}
