"""One decoder for every picture: training, prediction and the web page see the same pixels.

raw  the bytes of a file: JPEG, PNG, WEBP, BMP, TIFF, or the first frame of a GIF
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
from itertools import repeat
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError, features

from escalera.data.listing import Raw, Several
from escalera.data.mosaic import mosaic
from escalera.errors import DataError

Channels = Literal[1, 3]
Resize = Literal["squash", "pad", "crop"]
"""To another size: squash both sides, or keep their ratio and pad with black, or keep it and crop to the middle."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
MAX_PIXELS = 250_000_000
"""Above the largest phones and cameras of today (200 megapixels); a file of a few kilobytes can claim billions."""
_LARGE = 50_000_000
"""Pixels from which pictures are decoded one at a time: each takes hundreds of megabytes."""
_DENSEST = 9_000
"""Pixels a byte that even an empty picture does not reach in PNG (1,032 bytes a byte, of one bit each at the least)."""
_METADATA = re.compile("Corrupt EXIF data|Metadata Warning|Possibly corrupt EXIF data|Truncated File Read")
"""Pillow's warnings about what stands beside the pixels."""
_CRITICAL = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
"""The chunks of a PNG file that make its pixels."""

_STARTS = {
    b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF",
    b"GIF87a": "GIF", b"GIF89a": "GIF",
}  # fmt: skip
_GREY = ("1", "L", "LA", "La", "I;16", "I;16L", "I;16B", "I;16N")
_UNREAD = {
    b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"mif1": "HEIC", b"msf1": "HEIC", b"heim": "HEIC",
    b"avif": "AVIF", b"avis": "AVIF",
}  # fmt: skip
"""The brands of files that are pictures all the same."""
_THREADS_FROM = 4096
"""Mean bytes of a file from which threads pay. Measured on two cores: a 32x32 JPEG takes 133 us in one thread and
160 us in two, which then wait for the interpreter; a 160x160 JPEG of 5 kB takes 461 us and 237 us."""

# warnings.catch_warnings changes the whole process, so that two threads inside it at once could leave it changed.
_STRICT = threading.Lock()
_ONE_AT_A_TIME = threading.Lock()
_OPENED = (*FORMATS, *(("AVIF",) if features.check("avif") else ()))
"""AVIF too, where Pillow was built with it."""


@dataclass(frozen=True)
class _Wanted:
    """What pictures become: `size` (height, width), `channels`, and the `levels` of black and white above 8 bits."""

    size: tuple[int, int] | None
    channels: Channels | None
    resize: Resize
    levels: tuple[float, float] | None = None
    max_pixels: int = MAX_PIXELS


@dataclass
class Oddities:
    """What many pictures had that a person should know of: damaged metadata, and how bright those of 16 bits are."""

    metadata: int = 0
    wide: int = 0
    brightest: int = 0


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
    return result


def decode_all(
    raws: Sequence[Raw],
    *,
    size: tuple[int, int] | None,
    channels: Channels | None,
    resize: Resize = "squash",
    levels: Sequence[float] | None = None,
    max_pixels: int = MAX_PIXELS,
    odd: Oddities | None = None,
) -> list[NDArray[np.uint8] | DataError]:
    """Decode many pictures, in order, with threads where that is faster; a bad or absent one gives its DataError.

    What is odd about them is added to `odd`.
    """
    wanted = _Wanted(size, channels, resize, None if levels is None else (levels[0], levels[1]), max_pixels)
    heavy = sum(map(_bytes, raws)) >= _THREADS_FROM * len(raws)
    threads = min(8, os.cpu_count() or 1) if heavy and len(raws) > 1 else 1
    found: list[NDArray[np.uint8] | DataError]
    with _pillow_strict():
        if threads == 1:
            found = [_decode(raw, wanted) for raw in raws]
        else:
            with ThreadPoolExecutor(threads) as pool:
                found = list(pool.map(_decode, raws, repeat(wanted)))
    for place, (raw, result) in enumerate(zip(raws, found, strict=True)):
        if isinstance(result, DataError) and isinstance(raw, bytes):
            whole = _without_metadata(raw, wanted)
            if whole is not None:
                found[place] = whole
                if odd is not None:
                    odd.metadata += 1
    if odd is not None and levels is None:
        for raw, result in zip(raws, found, strict=True):
            if not isinstance(result, DataError) and (brightest := _brightest(raw)) is not None:
                odd.wide += 1
                odd.brightest = max(odd.brightest, brightest)
    return found


def _without_metadata(raw: bytes, wanted: _Wanted) -> NDArray[np.uint8] | None:
    """The pixels of a picture that could not be decoded, where only what stands beside them is damaged."""
    kind = format_of(raw[:16])
    if kind == "PNG":
        bare = _bare_png(raw)
        with _pillow_strict():
            result = _decode(bare, wanted) if bare is not None and bare != raw else None
    elif kind in ("JPEG", "WEBP"):  # in TIFF the same block says where the pixels are
        with _pillow_strict(but=_METADATA):
            result = _decode(raw, wanted)
    else:
        return None
    return None if isinstance(result, DataError) else result


def _bare_png(raw: bytes) -> bytes | None:
    """A PNG file with the chunks of its pixels alone; None where it is not made of chunks."""
    parts, place = [raw[:8]], 8
    while place + 12 <= len(raw):
        length = int.from_bytes(raw[place : place + 4], "big")
        end = place + 12 + length
        if end > len(raw):
            return None
        if raw[place + 4 : place + 8] in _CRITICAL:
            parts.append(raw[place:end])
        if raw[place + 4 : place + 8] == b"IEND":
            return b"".join(parts)
        place = end
    return None


def _brightest(raw: Raw) -> int | None:
    """The highest value of a picture with 16 bits; None for any other. Its file was decoded before."""
    if isinstance(raw, np.ndarray):
        return int(raw.max()) if raw.itemsize == 2 and raw.size else None
    if not isinstance(raw, bytes) or format_of(raw[:16]) not in ("PNG", "TIFF"):
        return None
    with contextlib.suppress(Exception), _pillow_strict(), Image.open(io.BytesIO(raw), formats=_OPENED) as image:
        if image.mode.startswith("I;16"):
            return int(np.asarray(image).max())
    return None


def _bytes(raw: Raw) -> int:
    if isinstance(raw, Several):
        return sum(map(_bytes, raw.parts.values()))
    return len(raw) if isinstance(raw, bytes) else 0


def format_of(raw: bytes) -> str | None:
    """The format that a file's first 16 bytes announce, as Pillow calls it; None for one that is not read here."""
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "WEBP"
    if raw[4:8] == b"ftyp" and _UNREAD.get(raw[8:12]) == "AVIF" and "AVIF" in _OPENED:
        return "AVIF"
    return next((kind for start, kind in _STARTS.items() if raw.startswith(start)), None)


def to_array(
    image: Image.Image,
    *,
    size: tuple[int, int] | None,
    channels: Channels | None,
    resize: Resize = "squash",
    levels: tuple[float, float] | None = None,
) -> NDArray[np.uint8]:
    """A picture that is open as (H, W, C) uint8: alpha over white, more than 8 bits scaled, grey or RGB, resized."""
    channels = channels or (1 if image.mode in (*_GREY, *(("I", "F") if levels else ())) else 3)
    if image.mode.startswith("I;16") or (levels is not None and image.mode in ("I", "F")):
        image = Image.fromarray(eight_bits(np.asarray(image), levels))
    elif image.mode in ("I", "F"):
        raise DataError(
            f"its pixels are 32-bit ({image.mode}), whose range is not stated; save it with 8 or 16 bits, or write "
            "data.range: [black, white]"
        )
    if image.has_transparency_data:
        over = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", over.size, "white"), over)
    mode = "L" if channels == 1 else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    if size is not None and (image.height, image.width) != tuple(size):
        image = _resized(image, (size[1], size[0]), resize)
    return np.array(image).reshape(image.height, image.width, channels)


def eight_bits(wide: NDArray[Any], levels: Sequence[float] | None = None) -> NDArray[np.uint8]:
    """More bits scaled to 8, rounded to the nearest: 65535 / 255 = 257, or from black to white as `levels` say."""
    if levels is None:
        return ((wide.astype(np.uint32) + 128) // 257).astype(np.uint8)
    low, high = levels
    scaled: NDArray[np.uint8] = np.rint(np.clip((wide.astype(np.float64) - low) / (high - low), 0, 1) * 255).astype(
        np.uint8
    )
    return scaled


def _resized(image: Image.Image, size: tuple[int, int], resize: Resize) -> Image.Image:
    """To (width, height); Pillow's bilinear filter widens as it shrinks, which is what antialiasing is."""
    if resize == "pad":
        return ImageOps.pad(image, size, Image.Resampling.BILINEAR, color=0)
    if resize == "crop":
        return ImageOps.fit(image, size, Image.Resampling.BILINEAR)
    return image.resize(size, Image.Resampling.BILINEAR)


def _decode(raw: Raw, wanted: _Wanted) -> NDArray[np.uint8] | DataError:
    if raw is None:
        return DataError("no picture (null)")
    if isinstance(raw, DataError):
        return raw
    if isinstance(raw, Several):
        return _side_by_side(raw, wanted)
    if isinstance(raw, np.ndarray):
        pixels = raw[..., 0] if raw.ndim == 3 and raw.shape[2] == 1 else raw
        return _as_wanted(
            Image.fromarray(eight_bits(pixels, wanted.levels) if pixels.itemsize == 2 else pixels), wanted
        )
    if not raw:
        return DataError("an empty file (0 bytes)")
    try:
        with Image.open(io.BytesIO(raw), formats=_OPENED) as image:
            pixels_claimed = image.width * image.height
            if pixels_claimed > wanted.max_pixels:
                return DataError(
                    f"{image.width}x{image.height} is more than {wanted.max_pixels // 1_000_000} megapixels; "
                    "data.max_megapixels raises the limit"
                )
            if pixels_claimed > _LARGE and pixels_claimed > _DENSEST * len(raw):
                return DataError(f"{image.width}x{image.height} pixels cannot be in {len(raw)} bytes")
            with _ONE_AT_A_TIME if pixels_claimed > _LARGE else contextlib.nullcontext():
                return _pixels(image, wanted)
    except DataError as error:
        return error
    except UnidentifiedImageError:
        return DataError(_unknown(raw))
    except Exception as error:  # Pillow's parsers raise nearly anything on damaged bytes, warnings included
        return DataError(f"{error or type(error).__name__}")


def _pixels(image: Image.Image, wanted: _Wanted) -> NDArray[np.uint8]:
    if wanted.size is not None:
        # A large JPEG is decoded at a half, a quarter or an eighth, at least twice the size asked for.
        image.draft(None, (2 * max(wanted.size), 2 * max(wanted.size)))
    image.load()
    upright = image
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        upright = ImageOps.exif_transpose(image)
    return _as_wanted(upright, wanted)


def _as_wanted(image: Image.Image, wanted: _Wanted) -> NDArray[np.uint8]:
    return to_array(image, size=wanted.size, channels=wanted.channels, resize=wanted.resize, levels=wanted.levels)


def _unknown(raw: bytes) -> str:
    """Why a file is not read whose format Pillow does not know."""
    kind = _UNREAD.get(raw[8:12]) if raw[4:8] == b"ftyp" else None
    if raw.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        kind = "JPEG XL"
    if kind:
        return f"it is {kind}, which is not read; convert it to JPEG"
    if raw.startswith(b"\x89PNG\r\n\x1a\n"):
        return f"a PNG file that is damaged or cut short, {len(raw)} bytes"
    return f"not a picture of a known format ({', '.join(FORMATS)}), {len(raw)} bytes"


def _side_by_side(raw: Several, wanted: _Wanted) -> NDArray[np.uint8] | DataError:
    """The pictures of one row in one, each of the size asked for; the first bad one makes the row bad."""
    parts = []
    for place, part in raw.parts.items():
        found = _decode(part, wanted)
        if isinstance(found, DataError):
            return DataError(f"{place}: {found}")
        parts.append(found)
    try:
        return mosaic(parts)
    except DataError as error:
        return error


@contextlib.contextmanager
def _pillow_strict(but: re.Pattern[str] | None = None) -> Iterator[None]:
    """Make Pillow's warnings (a metadata block cut short, say) errors, `but` some; the limit of pixels is ours."""
    with _STRICT, warnings.catch_warnings():
        warnings.filterwarnings("error", module=r"PIL(\.|$)")
        if but is not None:
            warnings.filterwarnings("ignore", message=but.pattern)
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before
