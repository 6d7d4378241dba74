"""`cnn`: blocks of 3x3 convolutions, each closed by a 2x2 pooling unless it says otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from torch import nn

from escalera.core.errors import EscaleraError
from escalera.models.dropout import Dropout
from escalera.models.layers import ACTIVATIONS, batch_norm_2d, conv3x3

_Value = TypeVar("_Value", str, float)


def cnn(
    image_shape: tuple[int, int, int],
    blocks: Sequence[Sequence[int]],
    *,
    batch_norm: str | Sequence[str] = "none",
    activation: str | Sequence[str] = "relu",
    pool: str | Sequence[str] = "max",
    dropout: float | Sequence[float] = 0.0,
    dropout_place: str | Sequence[str] = "after_pool",
    order: str = "activation_first",
) -> tuple[nn.Module, tuple[int, int, int]]:
    """The body (N, C, H, W) -> (N, C', H', W'), and the shape (C', H', W') of its feature map.

    A convolution is followed by its activation and, with batch_norm `conv`, its batch norm; `block` puts one before
    each pooling. With the `order` norm_first a batch norm stands before its activation, and a convolution before it has
    no bias; with pool_first moreover the pooling follows the first convolution of its block.
    `pool` is `max` (an odd last row or column is left out), `max_same` (it is kept, as with Keras's padding="same") or
    `none`. Every setting is one for all blocks, or one per block.
    Raises EscaleraError when a pooling would leave nothing.
    """
    channels, height, width = image_shape
    count = len(blocks)
    settings = zip(
        blocks,
        _each(batch_norm, count),
        _each(activation, count),
        _each(pool, count),
        _each(dropout, count),
        _each(dropout_place, count),
        strict=True,
    )
    layers: list[nn.Module] = []
    for number, (widths, norm, name, pooling, share, place) in enumerate(settings, start=1):
        if pooling == "max" and min(height, width) < 2:
            raise EscaleraError(
                f"the feature map vanishes at the pooling of block {number}: expected at least 2x2 pixels there, "
                f"received {height}x{width} from pictures of {image_shape[1]}x{image_shape[2]}. "
                f"Take at most {number - 1} blocks, or a larger data.image_size."
            )
        # Keras pads an odd side at its end, where a maximum never sees it: PyTorch's ceil_mode to the pixel.
        same = pooling == "max_same"
        pool_layer = [] if pooling == "none" else [nn.MaxPool2d(2, ceil_mode=same)]
        for index, outputs in enumerate(widths):
            early = pool_layer if order == "pool_first" and index == 0 else []
            layers += _convolution(channels, outputs, name, norm == "conv", order, early)
            channels = outputs
        if norm == "block":
            layers.append(batch_norm_2d(channels))
        end: list[nn.Module] = [] if order == "pool_first" else [*pool_layer]
        if pooling != "none":
            height, width = (height + same) // 2, (width + same) // 2
        if share:
            end.insert(0 if place == "before_pool" else len(end), Dropout(share))
        layers += end
    return nn.Sequential(*layers), (channels, height, width)


def _convolution(
    inputs: int, outputs: int, activation: str, norm: bool, order: str, pool: Sequence[nn.Module]
) -> list[nn.Module]:
    """A convolution with what follows it, in this order."""
    act, norms = ACTIVATIONS[activation](), [batch_norm_2d(outputs)] if norm else []
    if order == "activation_first":
        return [conv3x3(inputs, outputs), act, *norms]
    # What a batch norm subtracts needs no bias before it.
    return [conv3x3(inputs, outputs, bias=not norm), *pool, *norms, act]


def _each(value: _Value | Sequence[_Value], count: int) -> Sequence[_Value]:
    """One value per block, from a sequence of them or from one for all."""
    return [value] * count if isinstance(value, str | int | float) else value
