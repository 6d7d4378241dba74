"""What stands beside the pixels in a file, taken out before it is decoded: a photo is as good as its pixels.

Cameras and editors write blocks (EXIF, colour profiles, texts) that are often cut short or of absurd size. Only the
orientation is read from them, here, so that nothing in them can stop a decoder to which every warning is an error.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from escalera.core.errors import DataError
from escalera.data.cache.tiff_directory import Directory

LARGEST = 1_000_000
"""Bytes that a packed block may unfold to."""
_ORIENTATION, _SUBFILE = 0x0112, 0x00FE
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(="|>)([0-9])')
_OF_JPEG_PIXELS = (0xE0, 0xEE)
"""JFIF and Adobe, which say what the channels are; all other APP segments and comments stand beside the pixels."""
_OF_TIFF_PIXELS = frozenset(
    [
        256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 280, 281, 284, 292, 293, 297, 317, 320, 322, 323, 324, 325,
        332, 338, 339, 340, 341, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532, 50674,
    ]
)  # fmt: skip
"""The tags that say how pixels are stored: TIFF 6.0, its technical notes, and LERC."""


@dataclass(frozen=True)
class Bare:
    """A file without what stands beside its pixels: `orientation` as EXIF counts, `damaged` what was wrong with it."""

    raw: bytes
    orientation: int = 1
    damaged: str = ""


def bare(raw: bytes) -> Bare:
    """A JPEG, PNG or TIFF without its metadata; any other file as it is.

    Raises DataError for a TIFF that begins with a thumbnail, as the raw files of cameras do.
    """
    if raw.startswith(b"\xff\xd8\xff"):
        return _jpeg(raw)
    if raw.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(raw)
    if raw.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return _tiff(raw)
    return Bare(raw)


def stated(exif: bytes, xmp: bytes = b"") -> tuple[int, str]:
    """The orientation that blocks of metadata state, 1 where they state none, and what is wrong with them."""
    block = exif.removeprefix(b"Exif\0\0")
    directory = Directory.of(block)
    found = directory.first(_ORIENTATION) if directory else None
    if found is None and (match := _XMP_ORIENTATION.search(xmp)):
        found = int(match[2])
    damaged = "EXIF is cut short or damaged" if block and not (directory and directory.is_whole) else ""
    return _known(found), damaged


def _known(orientation: int | None) -> int:
    """An orientation as EXIF counts them; 1 for none, and for what is none."""
    return orientation if orientation is not None and 1 <= orientation <= 8 else 1


def _jpeg(raw: bytes) -> Bare:
    spans: list[tuple[int, int]] = []
    exif, xmp, place = b"", b"", 2
    while raw[place : place + 1] == b"\xff" and place + 4 <= len(raw):
        marker = raw[place + 1]
        if marker == 0xFF:  # a byte that fills
            place += 1
            continue
        end = place + 2 + int.from_bytes(raw[place + 2 : place + 4])
        if marker <= 0x01 or 0xD0 <= marker <= 0xDA or not place + 4 <= end <= len(raw):
            break  # the pixels, or no segment at all: the decoder says so
        if 0xE0 <= marker <= 0xEF or marker == 0xFE:
            if marker == 0xE1 and raw.startswith(b"Exif\0\0", place + 4):
                exif += raw[place + 10 : end]
            elif marker == 0xE1:
                xmp += raw[place + 4 : end]
            if marker not in _OF_JPEG_PIXELS:
                spans.append((place, end))
        place = end
    return Bare(_without(raw, spans), *stated(exif, xmp))


def _png(raw: bytes) -> Bare:
    spans: list[tuple[int, int]] = []
    damaged: list[str] = []
    exif, xmp, place = b"", b"", 8
    while place + 12 <= len(raw):
        kind, end = raw[place + 4 : place + 8], place + 12 + int.from_bytes(raw[place : place + 4])
        if end > len(raw) or not kind.isalpha():
            break  # cut short: the decoder says so
        if kind[:1].islower() and kind != b"tRNS":
            spans.append((place, end))
            content = raw[place + 8 : end - 4]
            name, _, rest = content.partition(b"\0")
            text = _unfolded(kind, rest)
            if zlib.crc32(raw[place + 4 : end - 4]) != int.from_bytes(raw[end - 4 : end]):
                damaged.append(f"{kind.decode()} has a wrong checksum")
            elif text is None:
                damaged.append(f"{kind.decode()} is damaged, or larger than {LARGEST // 1_000_000} MB")
            elif kind == b"eXIf":
                exif = content
            elif name == b"Raw profile type exif":
                exif = exif or _from_hexadecimal(text)
            elif name == b"XML:com.adobe.xmp":
                xmp = text
        place = end
    orientation, wrong = stated(exif, xmp)
    return Bare(_without(raw, spans), orientation, ", ".join([*damaged, wrong] if wrong else damaged))


def wrong_chunk(raw: bytes) -> str | None:
    """The name of the first chunk of a PNG whose checksum is wrong; None where none is."""
    place = 8
    while place + 12 <= len(raw):
        end = place + 12 + int.from_bytes(raw[place : place + 4])
        kind = raw[place + 4 : place + 8]
        if end <= len(raw) and zlib.crc32(raw[place + 4 : end - 4]) != int.from_bytes(raw[end - 4 : end]):
            return kind.decode("ascii", "backslashreplace")
        place = end
    return None


def _unfolded(kind: bytes, rest: bytes) -> bytes | None:
    """What follows the name in a chunk, unpacked where it is packed; None where it cannot be, or is too large."""
    if kind == b"iTXt":
        packed, rest = rest[:1] == b"\1", rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    else:
        packed = kind in (b"zTXt", b"iCCP")
        rest = rest[1:] if packed else rest
    if not packed:
        return rest
    try:
        text = zlib.decompressobj().decompress(rest, LARGEST + 1)
    except zlib.error:
        return None
    return text if len(text) <= LARGEST else None


def _from_hexadecimal(text: bytes) -> bytes:
    """A block as ImageMagick writes it: a name, a length, and lines of hexadecimal digits."""
    try:
        return bytes.fromhex("".join(text.decode("ascii").split("\n")[3:]))
    except ValueError:
        return b""


def _tiff(raw: bytes) -> Bare:
    """Without the entries of its first directory that say nothing of the pixels, and without the directories behind."""
    directory = Directory.of(raw)
    if directory is None or directory.is_cut:
        return Bare(raw)  # the decoder says so
    if (directory.first(_SUBFILE) or 0) & 1 or raw[8:10] == b"CR":
        raise DataError(
            "a TIFF file that begins with a thumbnail of another picture, as a camera's raw file does; convert it to "
            "JPEG or PNG"
        )
    damaged = "" if directory.fits(lambda tag: tag not in _OF_TIFF_PIXELS) else "its tags are damaged"
    content = directory.only(lambda tag: tag in _OF_TIFF_PIXELS)
    return Bare(content, _known(directory.first(_ORIENTATION)), damaged)


def _without(raw: bytes, spans: Sequence[tuple[int, int]]) -> bytes:
    """A file without some of its bytes, from one to before another."""
    if not spans:
        return raw
    starts, ends = [0, *(end for _, end in spans)], [*(start for start, _ in spans), len(raw)]
    return b"".join(raw[start:end] for start, end in zip(starts, ends, strict=True))
