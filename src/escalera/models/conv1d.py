"""`conv1d`: 1-D convolutions over the picture as a vector of its pixels, row by row; the colours are channels."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from escalera.core.errors import ModelError
from escalera.models.dropout import Dropout
from escalera.models.layers import ACTIVATIONS, batch_norm_1d, conv_1d


def conv1d(
    image_shape: tuple[int, int, int],
    widths: Sequence[int],
    *,
    kernel: int = 9,
    pool: int = 4,
    batch_norm: bool = False,
    dropout: float | Sequence[float] = 0.0,
    activation: str = "relu",
) -> tuple[nn.Module, tuple[int, int, int]]:
    """The body (N, C, H, W) -> (N, C', 1, L), and the shape (C', 1, L) of its feature map.

    Each convolution is followed by its activation, batch norm where asked for, a pooling over `pool` pixels and
    dropout (one number, or one for each). Raises ModelError when a pooling would leave nothing.
    """
    channels, height, width = image_shape
    length = height * width
    shares = [dropout] * len(widths) if isinstance(dropout, int | float) else list(dropout)
    layers: list[nn.Module] = [nn.Flatten(2)]
    for number, (outputs, share) in enumerate(zip(widths, shares, strict=True), start=1):
        layers += [conv_1d(channels, outputs, kernel), ACTIVATIONS[activation]()]
        if batch_norm:
            layers.append(batch_norm_1d(outputs))
        if length < pool:
            raise ModelError(
                f"the vector vanishes at the pooling of convolution {number}: expected at least {pool} pixels there, "
                f"received {length} from pictures of {height}x{width}. Take at most {number - 1} convolutions, a "
                "smaller pool, or a larger data.image_size.",
                "widths",
            )
        if pool > 1:
            layers.append(nn.MaxPool1d(pool))
        if share:
            layers.append(Dropout(share))
        channels, length = outputs, length // pool
    return nn.Sequential(*layers, nn.Unflatten(2, (1, length))), (channels, 1, length)
