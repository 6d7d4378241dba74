"""`alexnet`: the five convolutions of Krizhevsky et al. 2012, fitted to small pictures.

The original begins with an 11x11 kernel in steps of 4 and no padding; on 32x32 its map vanishes at the second pooling.
Here kernels are 5, 5, 3, 3, 3 wide in steps of 1 and keep height and width; its overlapping 3x3 poolings stay. Its
local response normalisation is left out, as in every later network.
"""

from __future__ import annotations

from torch import nn

from escalera.core.errors import EscaleraError
from escalera.models.layers import ReLU, conv

WIDTHS = (96, 256, 384, 384, 256)
KERNELS = (5, 5, 3, 3, 3)
POOLED = (True, True, False, False, True)


def alexnet(image_shape: tuple[int, int, int]) -> tuple[nn.Module, tuple[int, int, int]]:
    """The body (N, C, H, W) -> (N, 256, H', W'), and the shape (256, H', W') of its feature map: 3x3 from 32x32.

    Raises EscaleraError for pictures below 15x15, of which the third pooling would leave nothing.
    """
    channels, height, width = image_shape
    if min(height, width) < 15:
        raise EscaleraError(
            f"the feature map of alexnet vanishes: expected pictures of at least 15x15, received {height}x{width}. "
            "Take a larger data.image_size."
        )
    layers: list[nn.Module] = []
    for outputs, kernel, pooled in zip(WIDTHS, KERNELS, POOLED, strict=True):
        layers += [conv(channels, outputs, kernel), ReLU()]
        if pooled:
            layers.append(nn.MaxPool2d(3, stride=2))
            height, width = (height - 1) // 2, (width - 1) // 2
        channels = outputs
    return nn.Sequential(*layers), (channels, height, width)
