"""Two finished runs on the same test rows: what the second brings over the first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from escalera.evaluate.compare import Verdict
from escalera.experiment.notebook import table_html
from escalera.report.language import load_language
from escalera.report.rung import Rung
from escalera.report.versus import read_versus


@dataclass(frozen=True)
class RunComparison:
    """What run `b` brings over run `a`, paired row by row.

    `metric` is what the ladder judges by, accuracy unless it says otherwise; `score_a` and `score_b` are the two by it,
    `difference` is the second less the first, and `interval` its 95 % interval; `gained` and `lost` count the rows
    that b alone and a alone has right. `p` is McNemar's exact test, by another metric a permutation test; with several
    seeds that of the rows or of the seeds, whichever says less. `verdict` is `better`, `worse` or `no evidence`.
    `change` has the settings in which they differ, as {path: (value of a, value of b)}.
    """

    a: str
    b: str
    accuracy_a: float
    accuracy_b: float
    rows: int
    metric: str
    score_a: float
    score_b: float
    difference: float
    interval: tuple[float, float]
    gained: int
    lost: int
    p: float
    verdict: Verdict
    change: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        import pandas as pd

        low, high = self.interval
        metric = load_language("en").named(f"by.{self.metric}")
        rows = {
            f"{metric} of {self.a}": f"{self.score_a:.2%}",
            f"{metric} of {self.b}": f"{self.score_b:.2%}",
            "difference": f"{self.difference:+.2%}",
            "95 % interval": f"{low:+.2%} to {high:+.2%}",
            "rows gained, lost": f"{self.gained:,}, {self.lost:,} of {self.rows:,}",
            "p": f"{self.p:.3g}",
            "verdict": self.verdict,
        }
        rows |= {path: f"{before} → {after}" for path, (before, after) in self.change.items()}
        return table_html(pd.Series(rows, name=f"{self.b} over {self.a}").to_frame(), index=True)


def compare_runs(a: Path, b: Path) -> RunComparison:
    """Compare two runs, or two rungs with all their seeds, by their folders.

    Raises RunError where one is not finished, or they answered different rows.
    """
    first, second = read_versus([a, b], a).rungs
    step = second.step
    assert step and step.comparison and step.p is not None and step.verdict, "read_versus refuses what has none"
    found = step.comparison
    return RunComparison(
        a=first.name,
        b=second.name,
        accuracy_a=_accuracy(first),
        accuracy_b=_accuracy(second),
        rows=_rows(first),
        metric=second.metric,
        score_a=_score(first),
        score_b=_score(second),
        difference=found.difference,
        interval=(found.low, found.high),
        gained=found.gained,
        lost=found.lost,
        p=step.p,
        verdict=step.verdict,
        change={one.path: (one.before, one.after) for one in second.change},
    )


def _accuracy(rung: Rung) -> float:
    """Of the very rows that are compared, over the seeds."""
    return fmean(float(run.answers.correct.mean()) for run in rung.done if run.answers)


def _score(rung: Rung) -> float:
    assert rung.score is not None, "read_versus refuses what has none"
    return rung.score


def _rows(rung: Rung) -> int:
    return next(len(run.answers.rows) for run in rung.done if run.answers)
