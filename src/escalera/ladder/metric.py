"""One metric for all verdicts of a ladder."""

from __future__ import annotations

from escalera.core.errors import Problem
from escalera.ladder.read import Reading


def metric_problems(reading: Reading) -> list[Problem]:
    """Rungs that would be judged by another metric than the first: Holm's correction is over steps of one kind."""
    rungs = [*reading.rungs, *reading.drafts]
    first = min(rungs, key=lambda rung: reading.names.index(rung.name), default=None)
    problems = []
    for rung in rungs:
        metric = rung.config.evaluate.metric
        if first is not None and metric != first.config.evaluate.metric:
            place = reading.locate(rung.name, "evaluate.metric")
            why = (
                f"expected the metric of the first rung for all of a ladder, '{first.config.evaluate.metric}', "
                f"received '{metric}'; write evaluate.metric once, above the rungs"
            )
            problems.append(Problem(why, place.path, place.file, place.line))
    # A rung inherits its parent's: told once, where it was typed.
    return list(dict.fromkeys(problems))
