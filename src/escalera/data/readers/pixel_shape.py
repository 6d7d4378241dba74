"""The height and width of images whose pixels are written one after the other: a row of numbers, row by row."""

from __future__ import annotations

import math
from collections.abc import Sequence

from escalera.core.errors import DataError
from escalera.data.options import ReadOptions


def pixel_shape(count: int, place: str, options: ReadOptions) -> tuple[tuple[int, ...], str]:
    """The shape (H, W) or (H, W, C) of images of so many numbers, and what is said of a guess; "" where it is none.

    Raises DataError, which begins with the `place`, where they make no square, or not what data.shape says.
    """
    if options.shape is not None:
        if math.prod(options.shape) != count:
            raise DataError(
                f"{place}: {count:,} pixels in each row; data.shape: {_text(options.shape)} are "
                f"{math.prod(options.shape):,}."
            )
        return tuple(options.shape), ""
    for channels, colour in ((1, ""), (3, ", the three colours of a pixel beside one another")):
        side = math.isqrt(count // channels)
        if side * side * channels == count and side > 1:
            shape = (side, side, channels)[: 2 if channels == 1 else 3]
            return shape, (
                f"{count:,} pixels in each row are images of {_text(shape)}{colour}; data.shape says another height "
                "and width."
            )
    raise DataError(
        f"{place}: {count:,} pixels in each row make no square; write their height and width with data.shape: [height, "
        "width]."
    )


def _text(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
