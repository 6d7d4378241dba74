"""Random erasing and cutout: a rectangle of a picture is taken away, so that the rest has to do.

images  (B, C, H, W) float
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

LEAST, MOST = 0.02, 0.4
"""The rectangle's share of the picture (Zhong et al. 2020, section 4)."""
SLIMMEST = 0.3
"""The least ratio of its sides (the same)."""


@dataclass(frozen=True)
class Erase:
    """Fills one rectangle with the picture's mean colour, with this chance for each picture."""

    chance: float

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Change each picture of (B, C, H, W); the memory format stays."""
        batch, _, height, width = images.shape
        coin, size, shape, *centre = torch.rand(5, batch, generator=generator)
        area = (LEAST + (MOST - LEAST) * size) * (height * width)
        aspect = torch.exp((2 * shape - 1) * math.log(SLIMMEST))
        inside = rectangles((area * aspect).sqrt(), (area / aspect).sqrt(), centre, height, width)
        mask = (inside & (coin < self.chance).view(batch, 1, 1, 1)).to(images.device, non_blocking=True)
        return torch.where(mask, images.mean(dim=(2, 3), keepdim=True), images)


@dataclass(frozen=True)
class Cutout:
    """Takes a square of so many pixels out of every picture, its centre anywhere (DeVries and Taylor 2017).

    It becomes 0: with standardised pixels their mean colour, as in the paper, else black.
    """

    side: int

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Change each picture of (B, C, H, W); the memory format stays."""
        batch, _, height, width = images.shape
        centre = torch.rand(2, batch, generator=generator)
        sides = torch.full((batch,), float(self.side))
        inside = rectangles(sides, sides, [*centre], height, width)
        return images.masked_fill(inside.to(images.device, non_blocking=True), 0.0)


def rectangles(tall: Tensor, wide: Tensor, centre: Sequence[Tensor], height: int, width: int) -> Tensor:
    """Masks (B, 1, H, W), true inside one rectangle a picture; what reaches over the border is cut.

    `tall` and `wide` (B,) are its sides in pixels, `centre` its place down and across (B,) in [0, 1).
    """
    down = (torch.arange(height) + 0.5 - centre[0].unsqueeze(1) * height).abs() < tall.unsqueeze(1) / 2
    across = (torch.arange(width) + 0.5 - centre[1].unsqueeze(1) * width).abs() < wide.unsqueeze(1) / 2
    return (down.unsqueeze(2) & across.unsqueeze(1)).unsqueeze(1)
