"""`mlp`: dense layers over the flattened pixels."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from torch import nn

from escalera.models.layers import dense_stack


def mlp(
    image_shape: tuple[int, int, int],
    dense: Sequence[int],
    *,
    batch_norm: bool = False,
    dropout: float | Sequence[float] = 0.0,
    activation: str = "relu",
) -> tuple[nn.Module, tuple[int, int, int]]:
    """The body (N, C, H, W) -> (N, D, 1, 1), and the shape (D, 1, 1) of its feature map.

    `dropout` is one number for every layer, or a number per layer.
    """
    per_layer = [dropout] * len(dense) if isinstance(dropout, int | float) else list(dropout)
    layers, outputs = dense_stack(
        prod(image_shape), list(dense), activation=activation, batch_norm=batch_norm, dropout=per_layer
    )
    return nn.Sequential(nn.Flatten(), *layers, nn.Unflatten(1, (outputs, 1, 1))), (outputs, 1, 1)
