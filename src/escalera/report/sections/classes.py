"""Class by class: the confusion matrix, the pairs most often confused, and how the classes fare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from escalera.report.figures.classes import classes_figure
from escalera.report.figures.confusion import MANY_CLASSES, confusion_figure
from escalera.report.view import RungView

_EXTREMES, _PAIRS = 5, 8


def section(view: RungView) -> dict[str, Any] | None:
    """From the predictions; where they cannot be read, from what metrics.json holds."""
    run, evidence = view.run, view.evidence
    if run is None:
        return None
    rows = evidence.per_class if evidence else run.metrics.test.per_class
    matrix = evidence.confusion.tolist() if evidence else run.metrics.test.confusion
    names = [row.name for row in rows]
    square = bool(matrix) and all(len(row) == len(matrix) for row in matrix) and len(names) == len(matrix)
    confusion = histogram = None
    if square:
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
        "pairs": _pairs(matrix, names) if square else [],
        "many": len(rows) > MANY_CLASSES,
        "ordered": "groups" if run.record.data.groups else "likeness",
    }


def _pairs(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> list[tuple[str, str, int, float]]:
    """(true class, class it was taken for, rows, share of the class), the most frequent mistakes first."""
    counts = np.array(matrix, np.int64)
    whole = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:_PAIRS]
    places = [(int(at) // len(names), int(at) % len(names)) for at in order]
    return [(names[i], names[j], int(counts[i, j]), counts[i, j] / whole[i]) for i, j in places if counts[i, j]]
