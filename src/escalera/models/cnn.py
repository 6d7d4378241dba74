"""`cnn`: blocks of 3x3 convolutions, each closed by a 2x2 pooling."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from escalera.errors import EscaleraError
from escalera.models.layers import ACTIVATIONS, batch_norm_2d, conv3x3


def cnn(
    image_shape: tuple[int, int, int],
    blocks: Sequence[Sequence[int]],
    *,
    batch_norm: str = "none",
    activation: str | Sequence[str] = "relu",
    dropout: float | Sequence[float] = 0.0,
) -> tuple[nn.Module, tuple[int, int, int]]:
    """The body (N, C, H, W) -> (N, C', H', W'), and the shape (C', H', W') of its feature map.

    A convolution is followed by its activation and, with batch_norm `conv`, its batch norm; `block` puts one before
    each pooling. Activation and dropout (after the pooling) are one for all blocks, or one per block.
    Raises EscaleraError when a pooling would leave nothing.
    """
    channels, height, width = image_shape
    activations = [activation] * len(blocks) if isinstance(activation, str) else list(activation)
    dropouts = [dropout] * len(blocks) if isinstance(dropout, int | float) else list(dropout)
    layers: list[nn.Module] = []
    for number, (widths, name, share) in enumerate(zip(blocks, activations, dropouts, strict=True), start=1):
        for outputs in widths:
            layers += [conv3x3(channels, outputs), ACTIVATIONS[name]()]
            if batch_norm == "conv":
                layers.append(batch_norm_2d(outputs))
            channels = outputs
        if batch_norm == "block":
            layers.append(batch_norm_2d(channels))
        if min(height, width) < 2:
            raise EscaleraError(
                f"the feature map vanishes at the pooling of block {number}: expected at least 2x2 pixels there, "
                f"received {height}x{width} from pictures of {image_shape[1]}x{image_shape[2]}. "
                f"Take at most {number - 1} blocks, or a larger data.image_size."
            )
        layers.append(nn.MaxPool2d(2))
        height, width = height // 2, width // 2
        if share:
            layers.append(nn.Dropout(share))
    return nn.Sequential(*layers), (channels, height, width)
