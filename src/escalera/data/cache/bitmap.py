"""A picture that Pillow has opened as bytes: alpha over white, more than 8 bits scaled, grey or RGB, resized.

out  (H, W, C) uint8, C = 1 grey or 3 RGB
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from escalera.data.cache.levels import Levels, Reach, as_bytes, unknown_range

Channels = Literal[1, 3]
Resize = Literal["squash", "pad", "crop"]
"""To another size: squash both sides, or keep their ratio and pad with black, or keep it and crop to the middle."""

LARGE = 16_000_000
"""Pixels of a picture from which it is taken band by band, so that there are no copies of its size."""
_BAND = 1_000_000
_GREY = ("1", "L", "LA", "La", "I", "F")


@dataclass(frozen=True)
class Way:
    """What pictures become.

    `size` is (height, width), None for their own; `channels` None gives 1 for a grey picture and 3 for any other;
    `levels` are black and white of values with more than 8 bits.
    """

    size: tuple[int, int] | None
    channels: Channels | None
    resize: Resize = "squash"
    levels: Levels | None = None


def is_grey(mode: str) -> bool:
    """Whether pictures of a mode have one channel, with as many bits as may stand behind a semicolon."""
    return mode.partition(";")[0] in _GREY


def to_array(image: Image.Image, way: Way) -> tuple[NDArray[np.uint8], Reach | None]:
    """The pixels, and what their values reached where they are not bytes. Raises DataError for 32 bits of any range."""
    channels = way.channels or (1 if is_grey(image.mode) else 3)
    mode = "L" if channels == 1 else "RGB"
    flat, reach = (_in_bands if image.width * image.height > LARGE else _flat)(image, mode, way)
    if way.size is not None and (flat.height, flat.width) != tuple(way.size):
        flat = _resized(flat, (way.size[1], way.size[0]), way.resize)
    return np.array(flat).reshape(flat.height, flat.width, channels), reach


def _flat(image: Image.Image, mode: str, way: Way) -> tuple[Image.Image, Reach | None]:
    """The picture in a mode, what is transparent over white."""
    reach = None
    if image.mode in ("I", "F") and way.levels is None:
        raise unknown_range(f"32-bit ({image.mode})")
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        values = np.asarray(image)
        pixels, reach = as_bytes(values, way.levels)
        if image.mode != "F" and isinstance(clear := image.info.get("transparency"), int):
            pixels[values == clear] = 255  # PNG names one value of grey that is transparent
        image = Image.fromarray(pixels)
    if image.has_transparency_data:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
    return (image if image.mode == mode else image.convert(mode)), reach


def _in_bands(image: Image.Image, mode: str, way: Way) -> tuple[Image.Image, Reach | None]:
    """The same, a band of rows at a time; where it is resized then, as means of blocks, which leave it at least twice
    the size asked for, as a JPEG is decoded at a half, a quarter or an eighth."""
    block = max(1, min(image.height // (2 * way.size[0]), image.width // (2 * way.size[1]))) if way.size else 1
    whole = Image.new(mode, (-(-image.width // block), -(-image.height // block)))
    step = block * max(1, _BAND // (image.width * block))
    reached = []
    for top in range(0, image.height, step):
        band, reach = _flat(image.crop((0, top, image.width, min(image.height, top + step))), mode, way)
        whole.paste(band.reduce(block) if block > 1 else band, (0, top // block))
        reached += [reach] if reach else []
    if not reached:
        return whole, None
    return whole, max(reached)._replace(outside=any(reach.outside for reach in reached))


def _resized(image: Image.Image, size: tuple[int, int], resize: Resize) -> Image.Image:
    """To (width, height); Pillow's bilinear filter widens as it shrinks, which is what antialiasing is."""
    if resize == "pad":
        return ImageOps.pad(image, size, Image.Resampling.BILINEAR, color=0)
    if resize == "crop":
        return ImageOps.fit(image, size, Image.Resampling.BILINEAR)
    return image.resize(size, Image.Resampling.BILINEAR)
