"""Lookahead: slow weights that follow those of the optimiser every few steps (Zhang et al. 2019, arXiv 1907.08610)."""

from __future__ import annotations

import torch

from escalera.train.loop import Callback, Training


class Lookahead(Callback):
    """After `every` steps, slow += alpha * (weights - slow), and the weights go on from there.

    With `cubic` alpha falls from 1 by the cube of the share of steps that are done (hlb-CIFAR10). Batch norm's running
    statistics go along. An epoch ends with such a step, so that what is validated and kept are the slow weights, and a
    checkpoint needs nothing but the weights.
    """

    def __init__(self, every: int, alpha: float, schedule: str = "constant") -> None:
        self.every = every
        self.alpha = alpha
        self.cubic = schedule == "cubic"

    def on_train_begin(self, training: Training) -> None:
        """Begin where the weights are."""
        state = training.network.state_dict().values()
        self.weights = [tensor for tensor in state if tensor.is_floating_point()]
        self.slow = [tensor.clone() for tensor in self.weights]

    def on_step_end(self, training: Training) -> None:
        """Where it is time, take the slow weights after the others, and begin anew from them."""
        if training.step % self.every and training.step < training.steps:
            return
        done = (training.epoch - 1 + training.step / training.steps) / training.epochs
        share = 1 - (1 - self.alpha) * done**3 if self.cubic else self.alpha
        with torch.no_grad():
            torch._foreach_lerp_(self.slow, self.weights, share)
            torch._foreach_copy_(self.weights, self.slow)
