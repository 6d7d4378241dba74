"""What else was said of the same test rows: the branches of a fusion, or the classifiers of a vote, each by itself.

S seeds, R draws, N rows; predicted (S * R, N) int64 of all seeds together
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from escalera.core.predictions import Answers
from escalera.evaluate.compare import accuracy_interval, compare
from escalera.models.ensemble.voting import agreement
from escalera.report.runs import Run
from escalera.report.view import RungView

KINDS = ("trained", "alone", "shuffled", "classifier", "network")
"""What there may be, as the run has named its columns, in the order of the page."""
RIVALS = ("trained", "alone", "network")
"""Of these the best is what a fusion or a vote has to beat."""

Predicted = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Line:
    """One of those that answered: its accuracy with its interval, and the run's own less it, with the paired one."""

    kind: str
    name: str
    accuracy: float
    low: float
    high: float
    difference: float
    difference_low: float
    difference_high: float

    @property
    def outcome(self) -> str:
        """What the interval says of the run against this one."""
        return "better" if self.difference_low > 0 else "worse" if self.difference_high < 0 else "none"


def section(view: RungView) -> dict[str, Any] | None:
    """The lines in order, and for votes who agrees with whom; None for a run that asked nobody else.

    All finished seeds count that asked the same others about the same rows as the first.
    """
    answered = _answered(view.rung.done)
    if not answered:
        return None
    answers, predicted = [own for own, _ in answered], [others for _, others in answered]
    own = np.stack([one.correct for one in answers])
    keys = [key for kind in KINDS for key in predicted[0] if key.startswith(f"{kind}:")]
    lines = [_line(key, np.concatenate([others[key] for others in predicted]), answers[0].labels, own) for key in keys]
    if not lines:
        return None
    votes = any(line.kind == "classifier" for line in lines)
    accuracy = float(own.mean())
    return {
        "lines": lines,
        "rival": max((line for line in lines if line.kind in RIVALS), key=lambda line: line.accuracy, default=None),
        "weights": _weights(view),
        "seeds": len(answered),
        "votes": votes,
        "interval": accuracy_interval(accuracy, own.shape[1]),
        "accuracy": accuracy,
        "agreement": _agreement(answered) if votes else None,
    }


def _answered(runs: Sequence[Run]) -> list[tuple[Answers, Predicted]]:
    """What each seed said, and what the others said beside it; only seeds that can stand in one table."""
    found: list[tuple[Answers, Predicted]] = []
    for answers in (run.answers for run in runs if run.answers):
        others = {key: rows for key, rows in answers.others.items() if key.partition(":")[0] in KINDS}
        if others and (not found or (found[0][0].same_rows(answers) and others.keys() == found[0][1].keys())):
            found.append((answers, others))
    return found


def _weights(view: RungView) -> str:
    """What the answer of each branch weighs in a late fusion, the mean of the seeds, in words; empty elsewhere."""
    known = [run.record.branch_weights for run in view.rung.done if run.record.branch_weights]
    if not known or any(one.keys() != known[0].keys() for one in known):
        return ""
    shares = {name: float(np.mean([one[name] for one in known])) for name in known[0]}
    language = view.language
    parts = language.listing([f"{name} {language.percent(share)}" for name, share in shares.items()])
    return language.say("ensemble.weights", parts=parts)


def _line(key: str, predicted: NDArray[np.int64], labels: NDArray[np.int64], own: NDArray[np.bool_]) -> Line:
    right = predicted == labels
    step = compare(right, own)
    kind, _, name = key.partition(":")
    accuracy = float(right.mean())
    low, high = accuracy_interval(accuracy, right.shape[1])
    return Line(kind, name, accuracy, low, high, step.difference, step.low, step.high)


def _agreement(answered: Sequence[tuple[Answers, Predicted]]) -> tuple[list[str], list[list[float]]]:
    """The names and, for each pair, the share of the rows on which they say the same; the vote itself comes first."""
    tables = [agreement([own.predicted, *(rows[0] for rows in others.values())]) for own, others in answered]
    return ["", *answered[0][1]], np.mean(tables, axis=0).tolist()
