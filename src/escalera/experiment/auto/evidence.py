"""What the rows of validation say about a move: how many more it gets right, how much surer it is, and at what price.

N rows, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from escalera.core.predictions import read_answers, read_logits
from escalera.core.rundir import RunDir
from escalera.evaluate.paired import figure, judge

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


def weigh(
    before: RunDir, after: RunDir, seconds_before: float, seconds_after: float, metric: str = "accuracy"
) -> Evidence:
    """The evidence of two trials that have answered the same rows of validation, by a metric."""
    old, new = read_answers(before.validation), read_answers(after.validation)
    assert old.same_rows(new), "trials of one source have the same rows"
    classes = max(old.classes, new.classes)
    found = judge(metric, old.labels, old.predicted[None], new.predicted[None], classes)
    losses = [_losses(run, answers.labels) for run, answers in ((before, old), (after, new))]
    change = losses[1] - losses[0]
    margin = SURE * float(change.std(ddof=1)) / np.sqrt(len(change)) if len(change) > 1 else float("inf")
    return Evidence(
        accuracy=figure(metric, new.labels, new.predicted, classes),
        difference=found.difference,
        low=found.low,
        high=found.high,
        loss=float(change.mean()),
        loss_low=float(change.mean() - margin),
        loss_high=float(change.mean() + margin),
        loss_before=float(losses[0].mean()),
        ratio=max(seconds_after, 1e-3) / max(seconds_before, 1e-3),
        rows=len(new.labels),
    )


def _losses(run: RunDir, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """(N,) the cross entropy of each row, in nats."""
    found: NDArray[np.float64] = -log_softmax(read_logits(run.validation).astype(np.float64), axis=1)[
        np.arange(len(labels)), labels
    ]
    return found
