"""The table of steps."""

from __future__ import annotations

from typing import Any

from escalera.report.baselines import Baseline
from escalera.report.shortfall import named
from escalera.report.view import LadderView

_WIDTH, _MARGIN = 136, 6


def section(view: LadderView) -> dict[str, Any] | None:
    """A function that places a share in the small pictures of the intervals, which all have one scale.

    The scale is that of most steps: one that is much larger is drawn at its edge, so that the others can be read.
    """
    steps = [step.comparison for step in view.story.steps if step.comparison]
    ends = [end for comparison in steps for end in (comparison.low, comparison.high)]
    far = sorted(max(abs(c.low), abs(c.high)) for c in steps)
    most = 4 * far[(len(far) - 1) // 2] if far else 0.0
    low, high = max(-most, min([0.0, *ends])), min(most, max([0.0, *ends]))

    def place(share: float) -> float:
        return round(_MARGIN + (_WIDTH - 2 * _MARGIN) * (min(max(share, low), high) - low) / ((high - low) or 1.0), 1)

    def named_(baseline: Baseline) -> str:
        return named(baseline, view.language)

    return {"place": place, "named": named_, "beyond": lambda share: not low <= share <= high}
