"""Class by class: the confusion matrix, the pairs most often confused, and how the classes fare."""

from __future__ import annotations

from typing import Any

from escalera.evaluate.confusion import Confusion
from escalera.report.figures.classes import classes_figure
from escalera.report.figures.confusion import MANY_CLASSES, ORDERED, confusion_figure
from escalera.report.view import RungView

_EXTREMES, _PAIRS = 5, 8


def section(view: RungView) -> dict[str, Any] | None:
    """From the predictions; where they cannot be read, from what metrics.json holds."""
    run, evidence = view.run, view.evidence
    if run is None:
        return None
    rows = evidence.per_class if evidence else run.metrics.test.per_class
    names = [row.name for row in rows]
    matrix = evidence.confusion if evidence else Confusion.read(run.metrics.test.confusion, len(names))
    confusion = histogram = None
    if matrix is not None:
        groups = run.record.data.groups
        confusion = view.keep(
            confusion_figure(matrix, names, view.language, f"confusion-{view.name}", view.rung.name, groups)
        )
    if len(rows) > 1 and all(row.f1 is not None for row in rows):
        histogram = view.keep(classes_figure(rows, view.language, f"classes-{view.name}", view.rung.name))
    ordered = sorted((row for row in rows if row.f1 is not None and row.support), key=lambda row: row.f1 or 0.0)
    areas = zip(evidence.curves.auc, evidence.curves.average_precision, strict=True) if evidence else ()
    return {
        "classes": rows,
        "areas": {name: (float(auc), float(ap)) for name, (auc, ap) in zip(names, areas, strict=False)},
        "macro": evidence.metrics["macro_f1"] if evidence else run.metrics.test.macro_f1,
        "macro_areas": (evidence.curves.macro_auc, evidence.curves.macro_average_precision) if evidence else None,
        "micro_areas": (evidence.curves.micro_auc, evidence.curves.micro_average_precision) if evidence else None,
        "worst": ordered[:_EXTREMES],
        "best": ordered[::-1][:_EXTREMES],
        "confusion": confusion,
        "histogram": histogram,
        "pairs": [(names[i], names[j], n, share) for i, j, n, share in matrix.pairs(_PAIRS)] if matrix else [],
        "many": len(rows) > MANY_CLASSES,
        "ordered": _order(len(rows), grouped=bool(run.record.data.groups)),
    }


def _order(classes: int, *, grouped: bool) -> str:
    """How the classes of a picture are ordered."""
    return "none" if classes > ORDERED and not grouped else "groups" if grouped else "likeness"
