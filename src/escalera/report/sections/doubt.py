"""How far its probabilities can be believed: temperature, sets of classes, and what it is worth to say nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from escalera.core.predictions import read_answers, read_logits
from escalera.core.record import DoubtFile
from escalera.core.rundir import RunDir
from escalera.evaluate.compare import accuracy_interval
from escalera.evaluate.doubt import Doubt, reject_curve
from escalera.evaluate.intervals import bootstrap
from escalera.evaluate.metrics import metrics, tally, total
from escalera.report.figures.rejection import rejection_figure
from escalera.report.runs import Run
from escalera.report.view import RungView

_DRAWS = 500
"""Of the bootstrap: a tenth of the time of the metrics', whose table it stands under."""
_CLASSES = 20
_KEY = "calibration_error"


def section(view: RungView) -> dict[str, Any] | None:
    """What doubt.json and the test rows say; None for a run without."""
    run, evidence = view.run, view.evidence
    if run is None or evidence is None or run.doubt is None or run.doubt.temperature is None:
        return None
    language = view.language
    doubt = _doubt(run.doubt)
    doubts = [doubt]
    if run.record.folds:
        folds = _by_folds(run)
        if folds is None:
            return None
        probabilities, sets, doubts = folds
    else:
        probabilities, sets = _answered(doubt, run.logits())
    after = tally(np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)), evidence.labels)
    error = float(metrics(total(after))[_KEY])
    low, high = bootstrap(after, draws=_DRAWS)[_KEY]
    confidence = probabilities.max(axis=1)
    curve = reject_curve(confidence, evidence.right)
    return {
        "temperatures": (min(one.temperature for one in doubts), max(one.temperature for one in doubts)),
        "folds": bool(run.record.folds),
        "before": (evidence.metrics[_KEY], *evidence.intervals[_KEY]),
        "after": (error, low, high),
        "sets": _sets(doubts, sets, evidence.labels, evidence.classes) if doubt.least is not None else None,
        "rejection": view.keep(rejection_figure(curve, language, f"rejection-{view.name}", view.rung.name)),
        # Of an odd number of rows none is half: the nearest.
        "half": min(curve, key=lambda point: abs(point[0] - 0.5))[1] if len(evidence.labels) > 1 else None,
    }


def _doubt(file: DoubtFile) -> Doubt:
    return Doubt(file.temperature or 1.0, file.coverage, file.least, file.rows)


def _answered(doubt: Doubt, logits: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Probabilities and sets, each (N, K)."""
    probabilities = doubt.probabilities(logits)
    return probabilities, doubt.sets(probabilities)


def _by_folds(run: Run) -> tuple[NDArray[np.float64], NDArray[np.bool_], list[Doubt]] | None:
    """The same by the network of each row's own fold, and their doubts; None where a file of theirs is not whole."""
    found, rows, doubts = [], [], []
    for number in range(1, (run.record.folds or 0) + 1):
        part = RunDir(run.path).fold(number)
        try:
            doubts.append(_doubt(DoubtFile.read_file(part.doubt, [])))
            found.append(_answered(doubts[-1], read_logits(part.predictions)))
            rows.append(read_answers(part.predictions).rows)
        except (OSError, ValueError):
            return None
    order = np.argsort(np.concatenate(rows), kind="stable")
    probabilities, sets = (np.concatenate(parts)[order] for parts in zip(*found, strict=True))
    return probabilities, sets, doubts


def _sets(doubts: list[Doubt], sets: NDArray[np.bool_], labels: Any, classes: list[str]) -> dict[str, Any]:
    """How large the sets are, and how often they hold the true class: of all test rows, and class by class."""
    sizes, held = sets.sum(axis=1), sets[np.arange(len(labels)), labels]
    rows = [
        (name, float(held[labels == k].mean()), float(sizes[labels == k].mean()), int((labels == k).sum()))
        for k, name in enumerate(classes)
        if (labels == k).any()
    ]
    coverage = float(held.mean())
    return {
        "wanted": doubts[0].coverage,
        "rows": sum(one.rows or 0 for one in doubts),
        "coverage": coverage,
        "interval": accuracy_interval(coverage, len(labels)),
        "size": float(sizes.mean()),
        "one": float((sizes == 1).mean()),
        "none": float((sizes == 0).mean()),
        "right": float(held[sizes == 1].mean()) if (sizes == 1).any() else None,
        "classes": sorted(rows, key=lambda row: row[1])[:_CLASSES],
        "more": max(0, len(rows) - _CLASSES),
    }
