"""Letting a frozen body learn from an epoch on, or the bias of a whitening convolution until one."""

from __future__ import annotations

from collections.abc import Sequence

from escalera.models.freezing import freeze, unfreeze
from escalera.models.network import Network
from escalera.models.whitening import Whitening
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


class WhiteningBias(Callback):
    """Lets the bias of each of these convolutions learn in its first epochs and no longer, unless its body rests."""

    def __init__(self, layers: Sequence[Whitening]) -> None:
        self.layers = layers

    def on_train_begin(self, training: Training) -> None:
        """Prepare the first epoch; a resumed training may be past their turn."""
        self._prepare(training)

    def on_epoch_end(self, training: Training) -> None:
        """Prepare the next epoch."""
        self._prepare(training)

    def _prepare(self, training: Training) -> None:
        resting = {inner for module in getattr(training.network, "resting", ()) for inner in module.modules()}
        for layer in self.layers:
            assert layer.bias is not None
            layer.bias.requires_grad_(training.epoch + 1 <= layer.bias_epochs and layer not in resting)
            if not layer.bias.requires_grad:
                layer.bias.grad = None
