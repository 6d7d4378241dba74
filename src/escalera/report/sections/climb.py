"""The climb as a picture."""

from __future__ import annotations

from typing import Any

from escalera.report.figures.climb import ClimbStep, Level, climb_figure
from escalera.report.figures.climb_rows import climb_rows_figure
from escalera.report.shortfall import named
from escalera.report.view import LadderView


def section(view: LadderView) -> dict[str, Any] | None:
    """None while no rung has an accuracy."""
    rungs = view.story.rungs
    if not view.story.scored:
        return None
    places = {rung.name: place for place, rung in enumerate(rungs)}
    elsewhere = {rung.name for rung in view.story.elsewhere}
    steps = []
    for rung in rungs:
        low, high = rung.interval or (None, None)
        parent = places.get(rung.parent or "")
        kind = "elsewhere" if rung.name in elsewhere and rung.outcome == "plain" else rung.outcome
        steps.append(ClimbStep(rung.name, kind, parent, rung.score, low, high, rung.seconds))
    levels = [Level(named(one, view.language), one.score) for one in view.story.baselines]
    # The rows show the same numbers, for a phone: one file of them is enough.
    return {
        "figure": view.keep(climb_figure(steps, view.language, levels, metric=view.story.metric)),
        "rows": climb_rows_figure(steps, view.language, levels),
        "levels": bool(levels),
        "elsewhere": any(step.kind == "elsewhere" for step in steps),
    }
