"""What the files of a source say of themselves before they are decoded: size, format and mode of each picture.

sizes  (N, 2) int32, height and width as they are shown; 0 where a file does not tell
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from escalera.data.cache.heads import heads
from escalera.data.readers.listing import Listing


@dataclass(frozen=True)
class Survey:
    """Per split the sizes of all listed pictures, and over all splits how many there are of each (format, mode).

    A format is as Pillow calls it, or `array` for bare pixels.
    """

    sizes: dict[str, NDArray[np.int32]]
    kinds: Counter[tuple[str, str]]

    def common(self) -> Counter[tuple[int, int]]:
        """How many pictures there are of each (height, width)."""
        known = np.concatenate([sizes[sizes[:, 0] > 0] for sizes in self.sizes.values()])
        found, counts = np.unique(known, axis=0, return_counts=True)
        return Counter({(int(h), int(w)): int(n) for (h, w), n in zip(found, counts, strict=True)})


def survey(listings: Sequence[Listing]) -> Survey:
    """Read the head of every picture; what cannot be read has size 0 and no kind."""
    kinds: Counter[tuple[str, str]] = Counter()
    sizes = {listing.split: np.zeros((listing.rows, 2), np.int32) for listing in listings}
    for listing, row, found in heads(listings):
        sizes[listing.split][row : row + len(found)] = [size for size, _ in found]
        kinds.update(kind for _, kind in found if kind)
    return Survey(sizes, kinds)


def survey_arrays(splits: Iterable[tuple[str, NDArray[np.uint8]]]) -> Survey:
    """The same of pictures that come as pixels (N, H, W, C)."""
    kinds: Counter[tuple[str, str]] = Counter()
    sizes = {}
    for name, images in splits:
        sizes[name] = np.broadcast_to(np.array(images.shape[1:3], np.int32), (len(images), 2))
        kinds["array", "L" if images.shape[3] == 1 else "RGB"] += len(images)
    return Survey(sizes, kinds)
