"""One decoder for every picture: training, prediction and the web page see the same pixels.

raw  the bytes of a file: JPEG, PNG, WEBP, BMP, TIFF, or the first frame of a GIF
out  (H, W, C) uint8, C = 1 grey or 3 RGB
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from escalera.data.listing import Raw, Several
from escalera.data.mosaic import mosaic
from escalera.errors import DataError

Channels = Literal[1, 3]
Resize = Literal["squash", "pad", "crop"]
"""To another size: squash both sides, or keep their ratio and pad with black, or keep it and crop to the middle."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
MAX_PIXELS = 50_000_000
"""Above the largest common cameras; a file of a few kilobytes can claim billions."""

_STARTS = {
    b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF",
    b"GIF87a": "GIF", b"GIF89a": "GIF",
}  # fmt: skip
_GREY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
_THREADS_FROM = 4096
"""Mean bytes of a file from which threads pay. Measured on two cores: a 32x32 JPEG takes 133 us in one thread and
160 us in two, which then wait for the interpreter; a 160x160 JPEG of 5 kB takes 461 us and 237 us."""

# warnings.catch_warnings changes the whole process, so that two threads inside it at once could leave it changed.
_STRICT = threading.Lock()


def decode(
    raw: bytes, *, size: tuple[int, int] | None, channels: Channels | None, resize: Resize = "squash"
) -> NDArray[np.uint8]:
    """The pixels of one picture, (H, W, C).

    `size` is (height, width), resized to with antialiasing; None keeps the picture's own. `channels` None gives 1 for
    a grey picture and 3 for any other. Raises DataError with the reason where the file cannot be decoded whole.
    """
    with _pillow_strict():
        result = _decode(raw, size, channels, resize)
    if isinstance(result, DataError):
        raise result
    return result


def decode_all(
    raws: Sequence[Raw], *, size: tuple[int, int] | None, channels: Channels | None, resize: Resize = "squash"
) -> list[NDArray[np.uint8] | DataError]:
    """Decode many pictures, in order, with threads where that is faster; a bad or absent one gives its DataError."""
    heavy = sum(map(_bytes, raws)) >= _THREADS_FROM * len(raws)
    threads = min(8, os.cpu_count() or 1) if heavy else 1
    with _pillow_strict():
        if threads == 1:
            return [_decode(raw, size, channels, resize) for raw in raws]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(_decode, raws, repeat(size), repeat(channels), repeat(resize)))


def _bytes(raw: Raw) -> int:
    if isinstance(raw, Several):
        return sum(map(_bytes, raw.parts.values()))
    return len(raw) if isinstance(raw, bytes) else 0


def format_of(raw: bytes) -> str | None:
    """The format that a file's first 16 bytes announce, as Pillow calls it; None for one that is not read here."""
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "WEBP"
    return next((kind for start, kind in _STARTS.items() if raw.startswith(start)), None)


def to_array(
    image: Image.Image, *, size: tuple[int, int] | None, channels: Channels | None, resize: Resize = "squash"
) -> NDArray[np.uint8]:
    """A picture that is open as (H, W, C) uint8: alpha over white, 16 bits scaled to 8, grey or RGB, resized."""
    channels = channels or (1 if image.mode in _GREY else 3)
    if image.mode.startswith("I;16"):
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    elif image.mode in ("I", "F"):
        raise DataError(f"its pixels are 32-bit ({image.mode}), whose range is not stated; save it with 8 or 16 bits")
    if image.has_transparency_data:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
    mode = "L" if channels == 1 else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    if size is not None and (image.height, image.width) != tuple(size):
        image = _resized(image, (size[1], size[0]), resize)
    return np.array(image).reshape(image.height, image.width, channels)


def _eight_bits(wide: NDArray[Any]) -> NDArray[np.uint8]:
    """16 bits scaled to 8, rounded to the nearest: 65535 / 255 = 257."""
    return ((wide.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _resized(image: Image.Image, size: tuple[int, int], resize: Resize) -> Image.Image:
    """To (width, height); Pillow's bilinear filter widens as it shrinks, which is what antialiasing is."""
    if resize == "pad":
        return ImageOps.pad(image, size, Image.Resampling.BILINEAR, color=0)
    if resize == "crop":
        return ImageOps.fit(image, size, Image.Resampling.BILINEAR)
    return image.resize(size, Image.Resampling.BILINEAR)


def _decode(
    raw: Raw, size: tuple[int, int] | None, channels: Channels | None, resize: Resize
) -> NDArray[np.uint8] | DataError:
    if raw is None:
        return DataError("no picture (null)")
    if isinstance(raw, DataError):
        return raw
    if isinstance(raw, Several):
        return _side_by_side(raw, size, channels, resize)
    if isinstance(raw, np.ndarray):
        pixels = raw[..., 0] if raw.ndim == 3 and raw.shape[2] == 1 else raw
        return to_array(
            Image.fromarray(_eight_bits(pixels) if pixels.itemsize == 2 else pixels),
            size=size,
            channels=channels,
            resize=resize,
        )
    if not raw:
        return DataError("an empty file (0 bytes)")
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                return DataError(f"{image.width}x{image.height} is more than {MAX_PIXELS // 1_000_000} megapixels")
            if size is not None:
                # A large JPEG is decoded at a half, a quarter or an eighth, at least twice the size asked for.
                image.draft(None, (2 * max(size), 2 * max(size)))
            image.load()
            upright: Image.Image = image
            if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
                upright = ImageOps.exif_transpose(image)
            return to_array(upright, size=size, channels=channels, resize=resize)
    except DataError as error:
        return error
    except UnidentifiedImageError:
        return DataError(f"not a picture of a known format ({', '.join(FORMATS)}), {len(raw)} bytes")
    except Exception as error:  # Pillow's parsers raise nearly anything on damaged bytes, warnings included
        return DataError(f"{error or type(error).__name__}")


def _side_by_side(
    raw: Several, size: tuple[int, int] | None, channels: Channels | None, resize: Resize
) -> NDArray[np.uint8] | DataError:
    """The pictures of one row in one, each of the size asked for; the first bad one makes the row bad."""
    parts = []
    for place, part in raw.parts.items():
        found = _decode(part, size, channels, resize)
        if isinstance(found, DataError):
            return DataError(f"{place}: {found}")
        parts.append(found)
    try:
        return mosaic(parts)
    except DataError as error:
        return error


@contextlib.contextmanager
def _pillow_strict() -> Iterator[None]:
    """Make Pillow's warnings (a metadata block cut short, a picture of absurd size) errors."""
    with _STRICT, warnings.catch_warnings():
        warnings.filterwarnings("error", module=r"PIL(\.|$)")
        yield
