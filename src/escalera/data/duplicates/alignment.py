"""How alike two pictures are once the one is laid upon the other: over shifts and the mirror, whatever the brightness.

small  (N, h, w) uint8 grey, sides of 16 to 32 pixels
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.functional import avg_pool2d

from escalera.data.cache.progress import tell

_TOGETHER = 512
"""Pairs that are looked at together, few enough to stay in the processor's cache."""
_COARSE = 0.6
"""Correlation at half the size from which two pictures are looked at more closely."""
_LARGE = 24
"""Pixels of a side from which shifts of up to three pixels are tried; smaller pictures are shifted by one."""
_FLAT = 0.5
"""Deviation, in grey levels, below which a window shows nothing."""


@dataclass(frozen=True)
class Alignment:
    """For P pairs: `likeness` (P,), the correlation of their fine detail at the best fit, and whether it is mirrored.

    The likeness is 0 for pairs that do not even resemble each other coarsely.
    """

    likeness: torch.Tensor
    mirrored: torch.Tensor


def align(small: torch.Tensor, first: torch.Tensor, second: torch.Tensor) -> Alignment:
    """Lay the pictures of rows `first` on those of rows `second`, both (P,).

    First at half the size, shifted by up to one of its pixels, then in fine detail by up to one pixel about the best
    fit. A correlation does not depend on gain and offset. That of the fine detail (the picture less a blur of it) tells
    the same picture from one of a like thing, where sky and background decide the plain one.
    """
    large = min(small.shape[1:]) >= _LARGE
    step = 2 if large else 0
    likeness, mirrored = torch.zeros(len(first)), torch.zeros(len(first), dtype=torch.bool)
    for start in range(0, len(first), _TOGETHER):
        here, there = (small[rows[start : start + _TOGETHER]].float() for rows in (first, second))
        one, two = (avg_pool2d(part, 2) if large else part for part in (here, there))
        best, place = _correlations(_turned(one[:, 1:-1, 1:-1]), two).flatten(1).max(dim=1)
        close = torch.nonzero(best >= _COARSE)[:, 0]
        mirror, shift = place[close] % 2 == 1, place[close] // 2
        moved = step * (shift // 3 - 1), step * (shift % 3 - 1)
        fine = _fine(_detail(here[close]), _detail(there[close]), mirror, *moved, step + 1)
        likeness[start + close], mirrored[start + close] = fine.clamp_min(0.0), mirror
        tell("pairs", min(len(first), start + _TOGETHER), len(first))
    return Alignment(likeness, mirrored)


def _detail(pictures: torch.Tensor) -> torch.Tensor:
    """What a blur takes away."""
    return pictures - avg_pool2d(pictures[:, None], 5, stride=1, padding=2, count_include_pad=False)[:, 0]


def _turned(middles: torch.Tensor) -> torch.Tensor:
    """(P, 2, h, w): as they are, and mirrored."""
    return torch.stack([middles, middles.flip(2)], dim=1)


def _fine(
    here: torch.Tensor, there: torch.Tensor, mirror: torch.Tensor, down: torch.Tensor, across: torch.Tensor, margin: int
) -> torch.Tensor:
    """The highest correlation within one pixel of a shift (down, across), which is less than `margin`."""
    height, width = here.shape[1] - 2 * margin, here.shape[2] - 2 * margin
    middle = here[:, margin : margin + height, margin : margin + width]
    middle = torch.where(mirror[:, None, None], middle.flip(2), middle)
    top = (margin - 1 + down)[:, None] + torch.arange(height + 2)
    left = (margin - 1 + across)[:, None] + torch.arange(width + 2)
    every = torch.arange(len(here))[:, None, None]
    return _correlations(middle[:, None], there[every, top[:, :, None], left[:, None, :]]).flatten(1).amax(dim=1)


def _correlations(middles: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Correlate (P, k, h, w) with the nine windows of (P, h + 2, w + 2): (P, 9, k), windows in the order of reading.

    A window, or a middle, that shows nothing correlates with nothing.
    """
    count, _, height, width = middles.shape
    area = height * width
    middles = middles.flatten(2)
    middles = middles - middles.mean(dim=2, keepdim=True)
    windows = there.unfold(1, height, 1).unfold(2, width, 1).reshape(count, 9, area)
    windows = windows - windows.mean(dim=2, keepdim=True)
    lengths = windows.norm(dim=2)[:, :, None] * middles.norm(dim=2)[:, None, :]
    products = torch.bmm(windows, middles.transpose(1, 2))
    return torch.where(lengths > area * _FLAT**2, products / lengths.clamp_min(1e-6), 0.0)
