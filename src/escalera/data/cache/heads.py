"""What the file of a picture says of itself before it is decoded: its size as it is shown, its format and its mode."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from escalera.data.cache.decode import FORMATS, pillow_strict
from escalera.data.cache.metadata import bare, stated
from escalera.data.cache.progress import tell
from escalera.data.readers.listing import Listing, Raw

_LYING = (5, 6, 7, 8)
"""Values of the EXIF orientation that swap height and width."""

Head = tuple[tuple[int, int], tuple[str, str] | None]


def heads(listings: Sequence[Listing]) -> Iterator[tuple[Listing, int, list[Head]]]:
    """The heads of all pictures in order, some at a time: whose they are, and the row of the first."""
    rows, done = sum(listing.rows for listing in listings), 0
    for listing in listings:
        row = 0
        for raws in listing.pictures():
            with pillow_strict():
                found = [head(raw) for raw in raws]
            yield listing, row, found
            row += len(raws)
            done += len(raws)
            tell("heads", done, rows)


def head(raw: Raw) -> Head:
    """Height and width of a picture, 0 where its file does not tell, and its (format, mode); nothing is decoded.

    A format is as Pillow calls it, or `array` for bare pixels.
    """
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
