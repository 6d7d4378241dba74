"""Values of more than eight bits as bytes: between the levels that are said, or from 0 to 65,535 where they have 16.

values  numbers, an array of any shape
bytes   the same shape, uint8
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError

Levels = tuple[float, float]
"""The values of black and of white."""


class Reach(NamedTuple):
    """The largest value of an image, the one that became white, and whether some were not between the levels said."""

    largest: float
    white: float
    outside: bool = False


def as_bytes(values: NDArray[Any], levels: Levels | None) -> tuple[NDArray[np.uint8], Reach]:
    """Values as bytes, rounded to the nearest; true is white, and what lies outside of the levels black or white.

    Raises DataError for values whose levels are not known, and for those that are no numbers.
    """
    kind, largest = values.dtype.kind, float(values.max(initial=0))
    if kind == "b":
        return values.astype(np.uint8) * np.uint8(255), Reach(255 * largest, 255)
    if levels is not None:
        return _scaled(values, levels), Reach(largest, levels[1], bool(values.min() < levels[0] or largest > levels[1]))
    if kind == "u" and values.itemsize == 1:
        return values.astype(np.uint8, copy=False), Reach(largest, 255)
    if kind == "u" and values.itemsize == 2:
        # 65535 / 255 = 257
        return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8), Reach(largest, 65_535)
    raise unknown_range(f"{values.dtype}")


def unknown_range(kind: str) -> DataError:
    """Of pixels of a type whose black and white nobody knows."""
    return DataError(
        f"its pixels are {kind}, whose range is not stated; save it with 8 or 16 bits, or write data.range: [black, "
        "white]"
    )


def _scaled(values: NDArray[Any], levels: Levels) -> NDArray[np.uint8]:
    low, high = levels
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        absent = int((~np.isfinite(values)).sum())
        raise DataError(f"{absent:,} of its {values.size:,} values are not finite (NaN or infinite)")
    shares = (values.astype(np.float64) - low) * (255 / (high - low))
    scaled: NDArray[np.uint8] = np.rint(shares.clip(0, 255)).astype(np.uint8)
    return scaled
