"""One decoder for every picture: training, prediction and the web page see the same pixels.

raw  the bytes of a file: JPEG, PNG, WEBP, BMP, TIFF, AVIF, or the first frame of a GIF
out  (H, W, C) uint8, C = 1 grey or 3 RGB
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError, features

from escalera.core.errors import DataError
from escalera.data.cache.bitmap import LARGE, Channels, Resize, Way, to_array
from escalera.data.cache.levels import Reach, as_bytes
from escalera.data.cache.metadata import bare, stated, wrong_chunk
from escalera.data.cache.quiet import hush
from escalera.data.mosaic import mosaic
from escalera.data.readers.formats import format_of, not_read
from escalera.data.readers.listing import Raw, Several, bytes_of

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", *(["AVIF"] if features.check("avif") else []))
"""AVIF where Pillow was built with it."""
MAX_PIXELS = 250_000_000
"""Above the largest phones and cameras of today (200 megapixels); a file of a few kilobytes can claim billions."""
_DENSEST = 9_000
"""Pixels a byte that even an empty picture does not reach in PNG (1,032 bytes a byte, of one bit each at the least)."""
_COLOURS_CUT = re.compile(";16[BLN]")
"""How Pillow calls 16 bits a colour, of which it keeps the upper eight."""
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip
"""What undoes each orientation of EXIF."""
_THREADS_FROM = 4096
"""Mean bytes of a file from which threads pay. Measured on two cores: a 32x32 JPEG takes 133 us in one thread and
160 us in two, which then wait for the interpreter; a 160x160 JPEG of 5 kB takes 461 us and 237 us."""

# warnings.catch_warnings changes the whole process, so that two threads inside it at once could leave it changed.
_STRICT = threading.Lock()
_ONE_AT_A_TIME = threading.Lock()


def most_pixels(megapixels: int | None) -> int:
    """The limit that `data.max_megapixels` says, or the usual one."""
    return MAX_PIXELS if megapixels is None else megapixels * 1_000_000


@dataclass(frozen=True)
class Decoded:
    """The pixels (H, W, C) of a picture, and what decoding met.

    `reach` says how far values went that are not a file's bytes, `colours_cut` that there were 16 bits a colour, of
    which the upper eight are here, and `damaged` what is wrong with what stands beside the pixels.
    """

    pixels: NDArray[np.uint8]
    reach: Reach | None = None
    colours_cut: bool = False
    damaged: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing to say of it but its pixels."""
        return self.reach is None and not self.colours_cut and not self.damaged


def decode(
    raw: bytes,
    *,
    size: tuple[int, int] | None,
    channels: Channels | None,
    resize: Resize = "squash",
    levels: Sequence[float] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """The pixels of one picture, (H, W, C).

    `size` is (height, width), resized to with antialiasing; None keeps the picture's own. `channels` None gives 1 for
    a grey picture and 3 for any other. `levels` are black and white of pictures with more than 8 bits. Raises DataError
    with the reason where the pixels cannot be decoded whole; what is damaged beside them does not matter.
    """
    [result] = decode_all([raw], size=size, channels=channels, resize=resize, levels=levels, max_pixels=max_pixels)
    if isinstance(result, DataError):
        raise result
    return result.pixels


def decode_all(
    raws: Sequence[Raw],
    *,
    size: tuple[int, int] | None,
    channels: Channels | None,
    resize: Resize = "squash",
    levels: Sequence[float] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> list[Decoded | DataError]:
    """Decode many pictures, in order, with threads where that is faster; a bad or absent one gives its DataError."""
    way = Way(size, channels, resize, None if levels is None else (levels[0], levels[1]))
    one = partial(_decode, way=way, max_pixels=max_pixels)
    heavy = sum(map(bytes_of, raws)) >= _THREADS_FROM * len(raws)
    threads = min(8, os.cpu_count() or 1) if heavy and len(raws) > 1 else 1
    with pillow_strict():
        if threads == 1:
            return [one(raw) for raw in raws]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(one, raws))


def _decode(raw: Raw, way: Way, max_pixels: int) -> Decoded | DataError:
    if raw is None:
        return DataError("no picture (null)")
    if isinstance(raw, DataError):
        return raw
    if isinstance(raw, bytes) and not raw:
        return DataError("an empty file (0 bytes)")
    try:
        if isinstance(raw, Several):
            return _side_by_side(raw, way, max_pixels)
        if isinstance(raw, np.ndarray):
            values, reach = as_bytes(raw[..., 0] if raw.ndim == 3 and raw.shape[2] == 1 else raw, way.levels)
            return Decoded(to_array(Image.fromarray(values), way)[0], reach)
        return _file(raw, way, max_pixels)
    except DataError as error:
        return error
    except UnidentifiedImageError:
        return DataError(_unknown(raw if isinstance(raw, bytes) else b""))
    except Exception as error:  # Pillow's parsers raise nearly anything on damaged bytes, warnings included
        return DataError(f"{error or type(error).__name__}")


def _file(raw: bytes, way: Way, max_pixels: int) -> Decoded:
    """A file without what stands beside its pixels, which are then turned as its camera was held."""
    plain = bare(raw)
    with Image.open(io.BytesIO(plain.raw), formats=FORMATS) as image:
        _check_size(image, len(raw), max_pixels)
        if way.size is not None:
            # A large JPEG is decoded at a half, a quarter or an eighth, at least twice the size asked for.
            image.draft(None, (2 * max(way.size), 2 * max(way.size)))
        colours_cut = image.mode[0] != "I" and any(_COLOURS_CUT.search(str(tile.args)) for tile in image.tile)
        if colours_cut and way.levels is not None:
            raise DataError(
                "it has 16 bits a colour, of which the upper eight are read: data.range cannot reach them; save it "
                "with 8 bits a colour"
            )
        orientation, damaged = plain.orientation, plain.damaged
        if image.format in ("WEBP", "AVIF"):
            orientation, damaged = stated(image.info.get("exif", b""), image.info.get("xmp", b""))
        with _ONE_AT_A_TIME if image.width * image.height > LARGE else contextlib.nullcontext():
            image.load()
            turn = _UPRIGHT.get(orientation)
            pixels, reach = to_array(image if turn is None else image.transpose(turn), way)
    return Decoded(pixels, reach, colours_cut, damaged)


def _check_size(image: Image.Image, length: int, max_pixels: int) -> None:
    """Raise DataError for a file that claims too many pixels, or more than there can be in it."""
    claimed = image.width * image.height
    if claimed > max_pixels:
        raise DataError(
            f"{image.width}x{image.height} is more than {max_pixels // 1_000_000} megapixels; data.max_megapixels "
            "raises the limit"
        )
    if claimed > LARGE and claimed > _DENSEST * length:
        raise DataError(f"{image.width}x{image.height} pixels cannot be in {length} bytes")


def _unknown(raw: bytes) -> str:
    """Why Pillow does not know a file."""
    kind = format_of(raw)
    if kind is None:
        return f"not a picture of a known format ({', '.join(FORMATS)}), {len(raw)} bytes"
    if kind not in FORMATS:
        return not_read(kind)
    chunk = wrong_chunk(raw) if kind == "PNG" else None
    if chunk:
        return f"a PNG file whose chunk {chunk} is damaged (wrong checksum)"
    return f"a {kind} file that is damaged or cut short, {len(raw)} bytes"


def _side_by_side(raw: Several, way: Way, max_pixels: int) -> Decoded:
    """The pictures of one row in one, each of the size asked for; the first bad one makes the row bad."""
    parts: list[Decoded] = []
    for place, part in raw.parts.items():
        found = _decode(part, way, max_pixels)
        if isinstance(found, DataError):
            raise DataError(f"{place}: {found}")
        parts.append(found)
    reached = [part.reach for part in parts if part.reach]
    return Decoded(
        mosaic([part.pixels for part in parts]),
        max(reached)._replace(outside=any(reach.outside for reach in reached)) if reached else None,
        any(part.colours_cut for part in parts),
        ", ".join(f"{place}: {part.damaged}" for place, part in zip(raw.parts, parts, strict=True) if part.damaged),
    )


@contextlib.contextmanager
def pillow_strict() -> Iterator[None]:
    """Make Pillow's warnings errors, one thread at a time; the limit of pixels is ours."""
    with _STRICT, warnings.catch_warnings():
        hush()
        warnings.filterwarnings("error", module=r"PIL(\.|$)")
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before
