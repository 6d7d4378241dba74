"""The L2 penalty that a loss may carry: Keras's kernel regulariser."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class L2Penalty:
    """The sum over kernels of strength * sum(w ** 2), as one number with a gradient.

    Kernels are the weights of convolutions and dense layers, never biases or batch norm; a frozen one costs nothing.
    It is a part of the loss and not a weight decay of the optimiser, so that Adam scales it as Keras's Adam does.
    """

    def __init__(self, parts: Sequence[tuple[nn.Module, float]]) -> None:
        self.kernels = [
            (module.weight, strength)
            for part, strength in parts
            if strength
            for module in part.modules()
            if isinstance(module, nn.Linear | nn.modules.conv._ConvNd)
        ]

    def __call__(self) -> Tensor:
        """The penalty of the weights as they are now."""
        terms = [strength * kernel.square().sum() for kernel, strength in self.kernels if kernel.requires_grad]
        return torch.stack(terms).sum() if terms else torch.zeros(())
