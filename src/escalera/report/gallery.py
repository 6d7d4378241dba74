"""Which rows are worth looking at: confident mistakes, the least certain, what a step fixed and what it broke."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from escalera.report.evidence import Evidence

SHOWN = 12
EXPLAINED = 8


@dataclass(frozen=True)
class Shown:
    """A test row in a gallery: number, class, what was said of it and how surely; `before` is what the parent said."""

    row: int
    truth: str
    predicted: str
    probability: float
    before: str | None = None

    @property
    def right(self) -> bool:
        """Whether the class said is the true one."""
        return self.truth == self.predicted


def confident_mistakes(evidence: Evidence, most: int = SHOWN) -> list[Shown]:
    """The wrong rows of which the run was surest, the surest first."""
    return [_shown(evidence, i) for i in _best(evidence.confidence, ~evidence.right, most)]


def least_certain(evidence: Evidence) -> list[Shown]:
    """The rows whose two likeliest classes lie closest together, right or wrong."""
    return [_shown(evidence, i) for i in _best(-evidence.margin, np.ones(len(evidence.rows), bool), SHOWN)]


def fixed(before: Evidence, after: Evidence, most: int = SHOWN) -> list[Shown]:
    """Rows wrong before and right now, those first whose true class gained most."""
    return _changed(before, after, ~before.right & after.right, after.of_truth - before.of_truth, most)


def broken(before: Evidence, after: Evidence, most: int = SHOWN) -> list[Shown]:
    """Rows right before and wrong now, those first whose true class lost most."""
    return _changed(before, after, before.right & ~after.right, before.of_truth - after.of_truth, most)


def explained(evidence: Evidence) -> list[Shown]:
    """Rows for Grad-CAM: the surest mistakes, and the surest right rows of different classes."""
    wrong = confident_mistakes(evidence, EXPLAINED // 2)
    sure: dict[str, Shown] = {}
    for i in _best(evidence.confidence, evidence.right, len(evidence.rows)):
        row = _shown(evidence, i)
        sure.setdefault(row.truth, row)
        if len(sure) == EXPLAINED - len(wrong):
            break
    return [*wrong, *sure.values()]


def _changed(
    before: Evidence, after: Evidence, which: NDArray[np.bool_], by: NDArray[np.float32], most: int
) -> list[Shown]:
    return [_shown(after, i, before) for i in _best(by, which, most)]


def _best(score: NDArray[np.float32], which: NDArray[np.bool_], most: int) -> list[int]:
    places = np.flatnonzero(which)
    return [int(i) for i in places[np.argsort(-score[places], kind="stable")][:most]]


def _shown(evidence: Evidence, i: int, before: Evidence | None = None) -> Shown:
    return Shown(
        row=int(evidence.rows[i]),
        truth=evidence.classes[evidence.labels[i]],
        predicted=evidence.classes[evidence.predicted[i]],
        probability=float(evidence.confidence[i]),
        before=before.classes[before.predicted[i]] if before else None,
    )
