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
    """The scale of both sides in each epoch; later ones, as a search for a learning rate may have, are whole."""

    scales: Sequence[float]

    def __call__(self, images: Tensor, epoch: int) -> Tensor:
        """The pictures of an epoch, counted from 1, each pixel the mean of what it covers; the memory format stays."""
        size = scaled(images.shape[2:], self.scales[epoch - 1] if epoch <= len(self.scales) else 1.0)
        if size == list(images.shape[2:]):
            return images
        small = interpolate(images, size, mode="bilinear", antialias=True)
        last = images.is_contiguous(memory_format=torch.channels_last)
        return small.contiguous(memory_format=torch.channels_last) if last else small


def scaled(sides: Sequence[int], scale: float) -> list[int]:
    """Sides times a scale, in whole pixels."""
    return [max(1, round(side * scale)) for side in sides]
