"""Several seeds: the noise of the training and the noise of the test rows, apart."""

from __future__ import annotations

from typing import Any

from escalera.report.view import RungView


def section(view: RungView) -> dict[str, Any] | None:
    """Only where there were several."""
    if len(view.rung.done) < 2:
        return None
    step = view.rung.step
    return {"runs": view.rung.done, "comparison": step.comparison if step else None, "step": step}
