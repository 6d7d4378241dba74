"""Several pictures in one, side by side: taken apart, so that each is seen by itself, and laid together again.

layout  (rows, columns) of the pictures within one
whole   (N, C, rows * H, columns * W)
tiles   (N * rows * columns, C, H, W), those of one whole next to one another, row by row
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec

import torch
from torch import Tensor

P = ParamSpec("P")

Layout = tuple[int, int]

ONE: Layout = (1, 1)
"""The layout of a single picture."""


def apart(whole: Tensor, layout: Layout) -> Tensor:
    """The tiles of pictures; the memory format stays."""
    if layout == ONE:
        return whole
    count, channels, height, width = whole.shape
    rows, columns = layout
    tiles = whole.reshape(count, channels, rows, height // rows, columns, width // columns)
    return _as(whole, tiles.permute(0, 2, 4, 1, 3, 5).reshape(-1, channels, height // rows, width // columns))


def together(tiles: Tensor, layout: Layout) -> Tensor:
    """The pictures, or the maps, that the tiles are parts of; the memory format stays."""
    if layout == ONE:
        return tiles
    rows, columns = layout
    _, channels, height, width = tiles.shape
    whole = tiles.reshape(-1, rows, columns, channels, height, width).permute(0, 3, 1, 4, 2, 5)
    return _as(tiles, whole.reshape(-1, channels, rows * height, columns * width))


def of_each(
    change: Callable[Concatenate[Tensor, P], Tensor], layout: Layout
) -> Callable[Concatenate[Tensor, P], Tensor]:
    """A change of pictures as one of each tile by itself."""

    def changed(whole: Tensor, *args: P.args, **kwargs: P.kwargs) -> Tensor:
        return together(change(apart(whole, layout), *args, **kwargs), layout)

    return change if layout == ONE else changed


def _as(before: Tensor, after: Tensor) -> Tensor:
    last = before.is_contiguous(memory_format=torch.channels_last)
    return after.contiguous(memory_format=torch.channels_last) if last else after
