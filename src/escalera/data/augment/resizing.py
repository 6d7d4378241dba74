"""Progressive resizing: the first epochs see smaller pictures (Howard 2018; Tan and Le 2021, arXiv 2104.00298).

images  (B, C, H, W) float
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate


@dataclass(frozen=True)
class Progressive:
    """Stages (share of the epochs, scale of both sides), one after the other; the epochs after them see all pixels.

    The last epoch does in any case.
    """

    stages: Sequence[tuple[float, float]]
    epochs: int

    def scale(self, epoch: int) -> float:
        """Of an epoch, counted from 1; 1 where the pictures stay as they are."""
        end = 0.0
        for share, scale in self.stages if epoch < self.epochs else ():
            end += share
            # Shares are sums of decimals: 0.1 + 0.2 of ten epochs are three.
            if epoch - 1 < end * self.epochs - 1e-9:
                return scale
        return 1.0

    def __call__(self, images: Tensor, epoch: int) -> Tensor:
        """The pictures of an epoch, each pixel the mean of what it covers; the memory format stays."""
        size = scaled(images.shape[2:], self.scale(epoch))
        if size == list(images.shape[2:]):
            return images
        small = interpolate(images, size, mode="bilinear", antialias=True)
        last = images.is_contiguous(memory_format=torch.channels_last)
        return small.contiguous(memory_format=torch.channels_last) if last else small


def scaled(sides: Sequence[int], scale: float) -> list[int]:
    """Sides times a scale, in whole pixels."""
    return [max(1, round(side * scale)) for side in sides]
