"""The exponential moving average of the weights: smoother than any single step's (Polyak and Juditsky 1992)."""

from __future__ import annotations

import copy

import torch
from torch import nn

from escalera.train.loop import Callback, Training


def averaged(network: nn.Module) -> nn.Module:
    """A copy of a network to hold the average of its weights; it is validated and saved, never trained."""
    return copy.deepcopy(network).requires_grad_(False)


class MovingAverage(Callback):
    """After each step, average = decay * average + (1 - decay) * weights, batch norm's running statistics included.

    Early on the decay is (1 + steps) / (10 + steps) where that is less, so that the random start is soon forgotten
    (as TensorFlow's ExponentialMovingAverage with num_updates). It moves `training.average`.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay

    def on_train_begin(self, training: Training) -> None:
        """Pair each tensor of the network with its average."""
        assert training.average is not None
        ours, theirs = training.average.state_dict(), training.network.state_dict()
        # Batch norm's counter of batches is the one tensor that has no mean, and nobody reads it.
        names = [name for name, tensor in theirs.items() if tensor.is_floating_point()]
        self.averages, self.weights = [ours[name] for name in names], [theirs[name] for name in names]

    def on_step_end(self, training: Training) -> None:
        """Move the average a little towards the weights."""
        steps = (training.epoch - 1) * training.steps + training.step
        decay = min(self.decay, (1 + steps) / (10 + steps))
        with torch.no_grad():
            torch._foreach_lerp_(self.averages, self.weights, 1 - decay)
