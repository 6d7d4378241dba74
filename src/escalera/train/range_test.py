"""The learning-rate range test: the rate grows from step to step, and the loss says how far it may (Smith 2017)."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from statistics import fmean

from torch import Tensor

from escalera.train.criterion import Criterion
from escalera.train.loop import Callback, Training

LOWEST, HIGHEST, STEPS = 1e-6, 10.0, 100
"""The rates of the first and of the last step, and how many steps there are."""
NEIGHBOURS = 4
"""Steps to either side that a smoothed loss is the mean of."""
BURST = 4.0
"""A smoothed loss that is so many times the least one ends the test: what comes after it says no more."""
FALL = 0.02
"""Share by which the loss has to fall for a rate to be suggested."""
MARGIN = 10.0
"""A tenth of the rate with the least loss still falls fast, and is far from where it bursts."""


def rate_at(step: int) -> float:
    """The rate of a step, counted from 0: each is the same factor above the one before."""
    return float(LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1)))


def smoothed(losses: list[float]) -> list[float]:
    """Each the mean with its neighbours on both sides: a mean of those before alone would find the least too late."""
    return [fmean(losses[max(0, at - NEIGHBOURS) : at + NEIGHBOURS + 1]) for at in range(len(losses))]


@dataclass(frozen=True)
class Curve:
    """The loss over the rate: rates, losses and smoothed losses of the steps that were made."""

    losses: list[float]

    @property
    def rates(self) -> list[float]:
        """Of each step."""
        return [rate_at(step) for step in range(len(self.losses))]

    @property
    def least(self) -> float:
        """The rate with the least smoothed loss."""
        smooth = smoothed(self.losses)
        return rate_at(smooth.index(min(smooth)))

    @property
    def burst(self) -> bool:
        """Whether the loss burst before the last rate."""
        return len(self.losses) < STEPS

    @property
    def suggested(self) -> float | None:
        """A tenth of that rate; None where the loss did not fall."""
        smooth = smoothed(self.losses)
        return self.least / MARGIN if smooth and min(smooth) < (1 - FALL) * smooth[0] else None


@dataclass(frozen=True)
class Heard(Criterion):
    """A loss that keeps what it gave, for each batch or part of one."""

    given: list[Tensor] = field(default_factory=list)

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """As the criterion."""
        loss = super().__call__(logits, labels)
        self.given.append(loss.detach())
        return loss


class RangeTest(Callback):
    """Keeps the loss of each step, and ends the test once it bursts or all rates had their step."""

    def __init__(self, criterion: Heard) -> None:
        self.criterion = criterion
        self.losses: list[float] = []

    def on_step_end(self, training: Training) -> None:
        """Look at the loss of the step."""
        loss = sum(one.item() for one in self.criterion.given) / len(self.criterion.given)
        self.criterion.given.clear()
        if isfinite(loss):
            self.losses.append(loss)
            smooth = smoothed(self.losses)
        if not isfinite(loss) or smooth[-1] > BURST * min(smooth) or len(self.losses) == STEPS:
            training.interrupted = True
