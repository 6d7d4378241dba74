"""Letting a frozen body learn from an epoch on."""

from __future__ import annotations

from escalera.models.freezing import freeze, unfreeze
from escalera.models.network import Network
from escalera.train.loop import Callback, Training


class UnfreezeAt(Callback):
    """Freezes the body of a network before the epoch `epoch`, counted from 1, and lets it learn from there on.

    The optimiser holds the body's weights from the start: without a gradient it passes over them and keeps no state
    for them, so that an interrupted run equals the whole one on either side of that epoch.
    """

    def __init__(self, network: Network, epoch: int) -> None:
        self.network = network
        self.epoch = epoch

    def on_train_begin(self, training: Training) -> None:
        """Prepare the first epoch; a resumed training may be past its turn."""
        self._prepare(training)

    def on_epoch_end(self, training: Training) -> None:
        """Prepare the next epoch."""
        self._prepare(training)

    def _prepare(self, training: Training) -> None:
        (unfreeze if training.epoch + 1 >= self.epoch else freeze)(self.network)
