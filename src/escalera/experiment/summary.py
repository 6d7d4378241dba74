"""What came of a ladder, as values that machines read: the JSON of `climb`, `report` and `compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from escalera.report.baselines import Against, Baseline
    from escalera.report.search import Search
    from escalera.report.story import Story


def outcome(folder: Path) -> dict[str, Any]:
    """What came of a ladder, as `climb --json` prints it."""
    from escalera.report.story import read_story

    return as_values(read_story(folder))


def as_values(story: Story) -> dict[str, Any]:
    """A story for machines: each rung's state, accuracy, step and cost, and where the report is."""
    rungs = []
    for rung in story.rungs:
        step = rung.step
        comparison = step.comparison if step else None
        rungs.append(
            {
                "name": rung.name,
                "state": rung.state,
                "test_accuracy": rung.accuracy,
                "score": rung.score,
                "test_loss": rung.loss,
                "seconds": rung.seconds,
                "parent": rung.parent,
                "difference": comparison.difference if comparison else None,
                "interval": [comparison.low, comparison.high] if comparison else None,
                "p_holm": step.p if step else None,
                "verdict": step.verdict if step else None,
                "against": {one.baseline.name: _stands(one) for one in rung.against},
                "answers": [{"seed": run.seed, "said": len(found.predicted), "never": found.never}
                            for run, found in rung.ranges],
                "as_asked": rung.as_asked,
                "search": _search(rung.search) if rung.search else None,
            }
        )  # fmt: skip
    baselines = [
        {"name": one.name, "class": one.answer, "test_accuracy": _accuracy(one, story), "score": one.score}
        for one in story.baselines
    ]
    page = str(story.path / "report.html")
    return {"ladder": story.name, "report": page, "metric": story.metric, "baselines": baselines, "rungs": rungs}


def _accuracy(baseline: Baseline, story: Story) -> float | None:
    """The share of the test rows that a baseline has right, whatever the verdicts are about."""
    runs = (run.answers for rung in story.contenders for run in rung.done if run.answers)
    rows = next((answers for answers in runs if len(answers.labels) == len(baseline.predicted)), None)
    return None if rows is None else float((rows.labels == baseline.predicted).mean())


def _search(search: Search) -> dict[str, Any]:
    """A search for machines; `validation_accuracy` is that of its best trial."""
    record, best = search.record, search.best
    return {
        "state": record.state or "damaged",
        "trials": len(record.trials),
        "seconds": record.seconds,
        "best": best.number + 1 if best else None,
        "settings": best.settings if best else None,
        "validation_accuracy": search.accuracy,
    }


def _stands(one: Against) -> dict[str, Any]:
    """A rung against a baseline, for machines."""
    comparison = one.comparison
    return {
        "difference": comparison.difference,
        "interval": [comparison.low, comparison.high],
        "p_holm": one.p,
        "verdict": one.verdict,
    }
