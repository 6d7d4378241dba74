"""Several pictures of one thing laid side by side, so that one network sees them all.

parts  P pictures (H, W, C) uint8 of one shape
out    (rows * H, columns * W, C) uint8
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError


def grid(count: int) -> tuple[int, int]:
    """Rows and columns for so many pictures, as near to a square as they fill one: 3 are 1x3, 4 are 2x2, 6 are 2x3."""
    rows = max(rows for rows in range(1, math.isqrt(count) + 1) if count % rows == 0)
    return rows, count // rows


def mosaic(parts: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The pictures row by row. Raises DataError where their shapes differ."""
    shapes = sorted({part.shape for part in parts})
    if len(shapes) > 1:
        texts = ", ".join("x".join(map(str, shape)) for shape in shapes)
        raise DataError(
            f"expected pictures of one shape to lie side by side, received {texts} (height x width x channels); "
            "set data.image_size, and data.channels where they differ"
        )
    rows, columns = grid(len(parts))
    height, width, channels = shapes[0]
    out = np.zeros((rows * height, columns * width, channels), np.uint8)
    for number, part in enumerate(parts):
        top, left = number // columns * height, number % columns * width
        out[top : top + height, left : left + width] = part
    return out


def parts(whole: NDArray[np.uint8], count: int) -> list[NDArray[np.uint8]]:
    """The pictures that were laid side by side, one by one again."""
    rows, columns = grid(count)
    height, width = whole.shape[0] // rows, whole.shape[1] // columns
    corners = [(number // columns * height, number % columns * width) for number in range(count)]
    return [whole[top : top + height, left : left + width] for top, left in corners]
