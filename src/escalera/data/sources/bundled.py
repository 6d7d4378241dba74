"""The sources that come with a library: they need no files, have no columns, and are not kept in the cache.

images  (N, H, W, C) uint8
labels  (N,) int64
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from escalera.data.images import Images, ImageSet
from escalera.data.sources.registry import KNOWN

if TYPE_CHECKING:
    from escalera.data.cache.bitmap import Channels, Resize

Arrays = tuple[NDArray[np.uint8], NDArray[np.int64]]


def digits() -> Arrays:
    """The 1,797 digits that come with scikit-learn, (N, 8, 8) grey: 0 to 16, scaled to 0 to 255."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return np.rint(found.images * (255 / 16)).astype(np.uint8), found.target.astype(np.int64)


BUNDLED: dict[str, Callable[[], Arrays]] = {"digits": digits}
"""By their names in KNOWN: pictures (N, H, W) or (N, H, W, 3), and their labels, as one split."""


def bundled(name: str, size: tuple[int, int] | None, channels: Channels | None, resize: Resize) -> ImageSet:
    """One of BUNDLED, at a size (height, width) and with so many channels."""
    from PIL import Image

    from escalera.data.cache.bitmap import Way, to_array

    pictures, labels = BUNDLED[name]()
    way = Way(size, channels, resize)
    images = np.stack([to_array(Image.fromarray(picture), way)[0] for picture in pictures])
    return ImageSet(name, list(KNOWN[name].classes), {"train": Images(images, labels)})
