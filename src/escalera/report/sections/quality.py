"""How good it is: every metric with its interval, how far its confidence can be trusted, and how well it ranks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from escalera.evaluate.shares import blind_brier, blind_loss
from escalera.report.evidence import Evidence
from escalera.report.figures.ranking import FEW_CLASSES, ranking_figures
from escalera.report.figures.reliability import reliability_figure
from escalera.report.language import Language
from escalera.report.view import RungView

_SHARES = ("accuracy", "balanced_accuracy", "top5", "macro_f1", "calibration_error")
_SURE = 0.02


def section(view: RungView) -> dict[str, Any] | None:
    """Rows (name, value, interval, meaning) as text, figures, and whether it is too sure of itself."""
    evidence, run = view.evidence, view.run
    if run is None:
        return None
    if evidence is None:
        kept = [(name, getattr(run.metrics.test, name), None, None) for name in (*_SHARES, "loss", "brier")]
        counts = [row.support or 0 for row in run.metrics.test.per_class]
        rows = [_row(*row, counts, view.language) for row in kept if row[1] is not None]
        return {"rows": rows, "figures": [], "many": False, "sure": ""} if rows else None
    figures = [
        reliability_figure(evidence.tallies, view.language, f"reliability-{view.name}", view.rung.name),
        *ranking_figures(evidence.curves, evidence.classes, view.language, view.name, view.rung.name),
    ]
    return {
        "rows": [
            _row(
                name, value, *evidence.intervals[name], [row.support or 0 for row in evidence.per_class], view.language
            )
            for name, value in evidence.metrics.items()
        ],
        "figures": [view.keep(figure) for figure in figures],
        "many": len(evidence.classes) > FEW_CLASSES,
        "sure": _sure(evidence, view.language),
    }


def _row(
    name: str, value: float, low: float | None, high: float | None, counts: Sequence[int], language: Language
) -> tuple[str, str, str, str]:
    def text(number: float) -> str:
        return language.percent(number) if name in _SHARES else language.number(number, 3)

    interval = "" if low is None or high is None else language.say("steps.range", low=text(low), high=text(high))
    blind = {"loss": blind_loss, "brier": blind_brier}[name](counts) if name in ("loss", "brier") else None
    key = f"metric.{name}.means"
    means = language.say(key, blind=language.number(blind, 2)) if key in language.messages else ""
    return name, text(value), interval, means


def _sure(evidence: Evidence, language: Language) -> str:
    confidence = float(evidence.confidence.mean())
    accuracy = evidence.metrics["accuracy"]
    over = confidence - accuracy
    key = "fair" if abs(over) < _SURE else "over" if over > 0 else "under"
    if key == "fair" and evidence.intervals["calibration_error"][0] > _SURE:
        # Too sure of some rows and too little of others: the mean of both says nothing.
        key = "mixed"
    values = {"confidence": language.percent(confidence), "accuracy": language.percent(accuracy)}
    return language.say(f"sure.{key}", **values)
