"""What a source gives: pictures as one array per split.

images  (N, H, W, C) uint8, memory-mapped where they come from the cache
labels  (N,) int64, positions in the list of classes
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Images:
    """The pictures of one split, (N, H, W, C) uint8, and their labels, (N,) int64."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class ImageSet:
    """A source that was opened: `splits` holds `train`, and `test` where the source has one."""

    name: str
    classes: list[str]
    splits: dict[str, Images]
