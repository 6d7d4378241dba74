"""What the rows of validation say about a move: how many more it gets right, how much surer it is, and at what price.

N rows, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from escalera.core.predictions import read_answers, read_logits
from escalera.core.rundir import RunDir
from escalera.evaluate.paired import figure, judge

DETECTABLE = 0.06
"""The smallest difference that rows of validation have to show, four times in five, as a share of the rows: below it
a split is too small to judge by."""
APART = 0.1
"""Rows that one of two networks gets right and the other one does not, as a share: about so many for most moves."""
POWER = 1.96 + 0.84
"""Standard errors of a difference that a 95 % interval sets apart from nothing four times in five."""
SURE = 1.2816
"""Standard errors: nine in ten that the loss of a move that changes nothing is not taken for a smaller one."""
DEARER = 1.5
"""How much longer a training may take without having to be worth it."""
POINTS = 0.005
"""What a training that takes twice as long has to bring, as a share of the rows."""
SURER = 0.1
"""Or by how much its loss has to fall, as a share of the loss before."""


@dataclass(frozen=True)
class Evidence:
    """A move against what was there before, on the same rows: shares of the rows, and the 95 % interval.

    `loss` is the mean difference of the loss a row and `loss_low`, `loss_high` its 80 % interval; `ratio` is how many
    times as long an epoch took, `rows` how many answered.
    """

    accuracy: float
    difference: float
    low: float
    high: float
    loss: float
    loss_low: float
    loss_high: float
    loss_before: float
    ratio: float
    rows: int

    @property
    def helps(self) -> bool:
        """Whether it is right more often beyond doubt, or not less often and surer beyond doubt."""
        return self.low > 0 or (self.difference >= 0 and self.loss_high < 0)

    @property
    def pays(self) -> bool:
        """Whether what it brings is worth the time: a training that takes longer has to bring more."""
        if self.ratio <= DEARER:
            return True
        doublings = log2(self.ratio)
        return self.difference >= POINTS * doublings or -self.loss >= SURER * doublings * self.loss_before

    @property
    def kept(self) -> bool:
        """Whether the move is made."""
        return self.helps and self.pays


@dataclass(frozen=True)
class Answered:
    """What the trainings of one move answered, each for rows that it had not seen: `losses` (N,) in nats."""

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    predicted: NDArray[np.int64]
    losses: NDArray[np.float64]
    classes: int

    def figure(self, metric: str) -> float:
        """A metric of all the answers together."""
        return figure(metric, self.labels, self.predicted, self.classes)


def answered(runs: Sequence[RunDir]) -> Answered:
    """The answers of trials for their rows of validation, one after the other."""
    for run in runs:
        run.check(run.validation.name)
    found = [read_answers(run.validation) for run in runs]
    return Answered(
        rows=np.concatenate([one.rows for one in found]),
        labels=np.concatenate([one.labels for one in found]),
        predicted=np.concatenate([one.predicted for one in found]),
        losses=np.concatenate([_losses(run, one.labels) for run, one in zip(runs, found, strict=True)]),
        classes=max(one.classes for one in found),
    )


def detectable(rows: int) -> float:
    """The difference of two networks that so many rows set apart from nothing four times in five, as a share."""
    return POWER * sqrt(APART / max(1, rows))


def weigh(old: Answered, new: Answered, ratio: float, metric: str = "accuracy") -> Evidence:
    """The evidence of answers for the same rows, by a metric; an epoch took `ratio` times as long."""
    assert np.array_equal(old.rows, new.rows), "trials of one source have the same rows"
    found = judge(metric, old.labels, old.predicted[None], new.predicted[None], max(old.classes, new.classes))
    change = new.losses - old.losses
    margin = SURE * float(change.std(ddof=1)) / np.sqrt(len(change)) if len(change) > 1 else float("inf")
    return Evidence(
        accuracy=new.figure(metric),
        difference=found.difference,
        low=found.low,
        high=found.high,
        loss=float(change.mean()),
        loss_low=float(change.mean() - margin),
        loss_high=float(change.mean() + margin),
        loss_before=float(old.losses.mean()),
        ratio=ratio,
        rows=len(new.labels),
    )


def _losses(run: RunDir, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N,) the cross entropy of each row, in nats."""
    found: NDArray[np.float64] = -log_softmax(read_logits(run.validation).astype(np.float64), axis=1)[
        np.arange(len(labels)), labels
    ]
    return found
