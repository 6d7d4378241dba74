"""The schedule that watches: the learning rate falls when a monitor has stopped improving."""

from __future__ import annotations

import math
from typing import Any

from escalera.train.loop import Callback, Training

SMALLEST_GAIN = 1e-4
"""What counts as an improvement, as in Keras's ReduceLROnPlateau."""


class Plateau(Callback):
    """A schedule, and the callback that moves it.

    After `patience` epochs in which the monitor has not improved, the rate is multiplied by `factor`, and the count
    begins again; `floor` is the least factor on the first rate. A monitor that ends in `loss` improves downwards.
    """

    def __init__(self, monitor: str, *, factor: float, patience: int, floor: float) -> None:
        self.monitor = monitor
        self.factor = factor
        self.patience = patience
        self.floor = floor
        self.current = 1.0
        self.best: float | None = None
        self.waited = 0

    def __call__(self, position: float) -> float:
        """The factor on the learning rate, whatever the position."""
        return self.current

    def on_epoch_end(self, training: Training) -> None:
        """Compare, and lower the rate when patience is out."""
        value = -training.log[self.monitor] if self.monitor.endswith("loss") else training.log[self.monitor]
        if not math.isnan(value) and (self.best is None or value > self.best + SMALLEST_GAIN):
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited >= self.patience:
            self.current, self.waited = max(self.floor, self.current * self.factor), 0

    def state(self) -> dict[str, Any]:
        """What a resumed training needs of this one."""
        return {"current": self.current, "best": self.best, "waited": self.waited}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.current, self.best, self.waited = state["current"], state["best"], state["waited"]
