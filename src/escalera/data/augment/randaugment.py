"""A policy of random operations on each picture of a batch, after RandAugment (Cubuk et al. 2020).

images  (B, C, H, W) float in [0, 1]
amount  (B, 1, 1, 1) in [-1, 1]: strength and direction
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Operation = Callable[[Tensor, Tensor], Tensor]


def brightness(images: Tensor, amount: Tensor) -> Tensor:
    """Darker or brighter by up to 90 %."""
    return _between(torch.zeros_like(images), images, amount)


def contrast(images: Tensor, amount: Tensor) -> Tensor:
    """Nearer to its mean grey, or farther from it, by up to 90 %."""
    return _between(_grey(images).mean(dim=(2, 3), keepdim=True).expand_as(images), images, amount)


def colour(images: Tensor, amount: Tensor) -> Tensor:
    """Greyer or more colourful by up to 90 %; a grey picture stays."""
    return _between(_grey(images).expand_as(images), images, amount)


def sharpness(images: Tensor, amount: Tensor) -> Tensor:
    """Blurred by a 3x3 mean, or sharpened against it."""
    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    return _between(blurred, images, amount)


def solarize(images: Tensor, amount: Tensor) -> Tensor:
    """Invert the pixels above 1 - |amount|."""
    return torch.where(images > 1 - amount.abs(), 1 - images, images)


def posterize(images: Tensor, amount: Tensor) -> Tensor:
    """Fewer levels of brightness: from 256 at 0 to 16 at 1 (8 bits to 4)."""
    levels = 2 ** (8 - 4 * amount.abs()).round()
    return (images * 255 / 256 * levels).floor() / levels


def stretch(images: Tensor, amount: Tensor) -> Tensor:
    """Stretch each channel to the whole of [0, 1], whatever the amount (PIL's autocontrast)."""
    low, high = images.amin(dim=(2, 3), keepdim=True), images.amax(dim=(2, 3), keepdim=True)
    return torch.where(high > low, (images - low) / (high - low).clamp_min(1e-6), images)


def rotate(images: Tensor, amount: Tensor) -> Tensor:
    """Turn by up to 30 degrees."""
    angle = amount.flatten() * math.radians(30)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    ratio = images.shape[2] / images.shape[3]
    return _move(images, cos, -sin * ratio, zero, sin / ratio, cos, zero)


def shear_x(images: Tensor, amount: Tensor) -> Tensor:
    """Slant sideways by up to 0.3."""
    slant = amount.flatten() * 0.3
    zero, one = torch.zeros_like(slant), torch.ones_like(slant)
    return _move(images, one, slant, zero, zero, one, zero)


def shear_y(images: Tensor, amount: Tensor) -> Tensor:
    """Slant up or down by up to 0.3."""
    slant = amount.flatten() * 0.3
    zero, one = torch.zeros_like(slant), torch.ones_like(slant)
    return _move(images, one, zero, zero, slant, one, zero)


def shift_x(images: Tensor, amount: Tensor) -> Tensor:
    """Move sideways by up to 0.3 of the width."""
    shift = amount.flatten() * 0.6  # the sides are 2 long
    zero, one = torch.zeros_like(shift), torch.ones_like(shift)
    return _move(images, one, zero, shift, zero, one, zero)


def shift_y(images: Tensor, amount: Tensor) -> Tensor:
    """Move up or down by up to 0.3 of the height."""
    shift = amount.flatten() * 0.6
    zero, one = torch.zeros_like(shift), torch.ones_like(shift)
    return _move(images, one, zero, zero, zero, one, shift)


def identity(images: Tensor, amount: Tensor) -> Tensor:
    """Nothing: the policy leaves a picture alone now and then."""
    return images


OPERATIONS: Sequence[Operation] = (
    identity, brightness, contrast, colour, sharpness, solarize, posterize, stretch,
    rotate, shear_x, shear_y, shift_x, shift_y,
)  # fmt: skip
"""RandAugment's fourteen without `equalize`, which needs a histogram for every picture."""


@dataclass(frozen=True)
class Policy:
    """`count` operations, one after the other, each drawn for each picture; `magnitude` in [0, 1], to either side.

    `mean` and `deviation` per channel are those by which the pictures were standardised: operations on brightness
    have to see them in [0, 1].
    """

    count: int
    magnitude: float
    mean: Sequence[float] | None = None
    deviation: Sequence[float] | None = None

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Change each picture of (B, C, H, W); the memory format stays."""
        batch = len(images)
        mean, deviation = (
            torch.tensor(value, device=images.device).view(1, -1, 1, 1) if value is not None else None
            for value in (self.mean, self.deviation)
        )
        changed = images.clone() if mean is None or deviation is None else images * deviation + mean
        for _ in range(self.count):
            # Drawn on the CPU, so that on a GPU nothing waits to learn which pictures take which operation.
            choice = torch.randint(len(OPERATIONS), (batch,), generator=generator)
            side = torch.where(torch.rand(batch, generator=generator) < 0.5, -1.0, 1.0)
            amount = (side * self.magnitude).view(batch, 1, 1, 1)
            for number, operation in enumerate(OPERATIONS):
                rows = (choice == number).nonzero().flatten()
                if number and len(rows):
                    there = rows.to(images.device, non_blocking=True)
                    done = operation(changed[there], amount[rows].to(images.device, non_blocking=True))
                    changed[there] = done.clamp(0, 1)
        return changed if mean is None or deviation is None else (changed - mean) / deviation


def _between(flat: Tensor, images: Tensor, amount: Tensor) -> Tensor:
    """PIL's enhancers: from `flat` (factor 0.1 at -1) through the picture (1 at 0) and beyond (1.9 at 1)."""
    return torch.lerp(flat, images, 1 + 0.9 * amount)


def _grey(images: Tensor) -> Tensor:
    """(B, 1, H, W): the brightness of each pixel (ITU-R 601-2, as PIL's convert("L"))."""
    if images.shape[1] == 1:
        return images
    weights = torch.tensor((0.299, 0.587, 0.114), device=images.device).view(1, 3, 1, 1)
    return (images * weights).sum(dim=1, keepdim=True)


def _move(images: Tensor, *entries: Tensor) -> Tensor:
    """Take each pixel from where the 2x3 matrix (entries row by row, (B,) each) sends it; the border is repeated."""
    matrices = torch.stack(entries, dim=1).view(-1, 2, 3)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
