"""What the files of a source say of themselves before they are decoded: size, format and mode of each picture.

sizes  (N, 2) int32, height and width as they are shown; 0 where a file does not tell
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from escalera.data.cache.decode import FORMATS, pillow_strict
from escalera.data.cache.metadata import bare, stated
from escalera.data.readers.listing import Listing, Raw

_LYING = (5, 6, 7, 8)
"""Values of the EXIF orientation that swap height and width."""


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
    sizes = {}
    for listing in listings:
        heads: list[tuple[tuple[int, int], tuple[str, str] | None]] = []
        for raws in listing.pictures():
            with pillow_strict():
                heads += [head(raw) for raw in raws]
        sizes[listing.split] = np.array([size for size, _ in heads], np.int32).reshape(-1, 2)
        kinds.update(kind for _, kind in heads if kind)
    return Survey(sizes, kinds)


def survey_arrays(splits: Iterable[tuple[str, NDArray[np.uint8]]]) -> Survey:
    """The same of pictures that come as pixels (N, H, W, C)."""
    kinds: Counter[tuple[str, str]] = Counter()
    sizes = {}
    for name, images in splits:
        sizes[name] = np.broadcast_to(np.array(images.shape[1:3], np.int32), (len(images), 2))
        kinds["array", "L" if images.shape[3] == 1 else "RGB"] += len(images)
    return Survey(sizes, kinds)


def head(raw: Raw) -> tuple[tuple[int, int], tuple[str, str] | None]:
    """Height and width of a picture, 0 where its file does not tell, and its (format, mode); nothing is decoded."""
    if isinstance(raw, np.ndarray):
        channels = raw.shape[2] if raw.ndim == 3 else 1
        wide = "" if raw.itemsize == 1 else f";{8 * raw.itemsize}"
        return (raw.shape[0], raw.shape[1]), ("array", {1: "L", 3: "RGB", 4: "RGBA"}[channels] + wide)
    if not isinstance(raw, bytes) or not raw:
        return (0, 0), None
    try:
        plain = bare(raw)
        with Image.open(io.BytesIO(plain.raw), formats=FORMATS) as image:
            height, width = image.height, image.width
            beside = stated(image.info.get("exif", b""), image.info.get("xmp", b""))
            if max(plain.orientation, beside[0]) in _LYING:
                height, width = width, height
            return (height, width), (image.format or "", image.mode)
    except Exception:  # Pillow's parsers raise nearly anything on damaged bytes; the decoder says what
        return (0, 0), None
