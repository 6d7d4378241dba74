"""The energy that a training takes, over its interruptions too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from escalera.core.energy import EnergyMeter
from escalera.train.loop import Callback, Training


class Energy(Callback):
    """Counts it from the first step on, validation included; a checkpoint has what it was after whole epochs."""

    def __init__(self, meter: EnergyMeter) -> None:
        self.meter = meter

    def on_train_begin(self, training: Training) -> None:
        """Begin to count."""
        self.meter.start()

    def on_epoch_end(self, training: Training) -> None:
        """Look, before the checkpoint is written."""
        self.meter.take()

    def on_train_end(self, training: Training) -> None:
        """Count no more."""
        self.meter.stop()

    def state(self) -> dict[str, Any]:
        """As the checkpoint keeps it."""
        return self.meter.state()

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Go on from there; of a checkpoint from before this version nobody knows what it took."""
        self.meter.go_on(state)
