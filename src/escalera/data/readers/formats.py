"""The formats of image files: what their names promise, what their first bytes announce, and which are not read."""

from __future__ import annotations

import re

PICTURES = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP",
    ".tif": "TIFF", ".tiff": "TIFF", ".gif": "GIF", ".avif": "AVIF",
}  # fmt: skip
"""The endings of pictures' names, and the format that each promises, as Pillow calls it."""

NOT_READ = {
    ".heic": "HEIC", ".heif": "HEIC", ".hif": "HEIC", ".jxl": "JPEG XL", ".jp2": "JPEG 2000", ".j2k": "JPEG 2000",
    ".ppm": "PNM", ".pgm": "PNM", ".pbm": "PNM", ".pnm": "PNM", ".psd": "Photoshop", ".dcm": "DICOM", ".dng": "raw",
    ".nef": "raw", ".cr2": "raw", ".cr3": "raw", ".arw": "raw", ".orf": "raw", ".raf": "raw", ".rw2": "raw",
}  # fmt: skip
"""The endings of pictures that are not read. They are pictures all the same, and never left out in silence."""

_STARTS = {
    b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG", b"BM": "BMP", b"II*\0": "TIFF", b"MM\0*": "TIFF",
    b"II+\0": "TIFF", b"MM\0+": "TIFF", b"GIF87a": "GIF", b"GIF89a": "GIF", b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL", b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000",
    b"8BPS\0": "Photoshop",
}  # fmt: skip
_PNM = re.compile(rb"P[1-6]\s+(#|\d+\s+\d+\s)")
_BRANDS = {
    "AVIF": (b"avif", b"avis"),
    "HEIC": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"),
    "raw": (b"crx ",),
}
"""What a file of ISO 14496-12 says it is; mif1 and msf1 may hold either, and are most often HEIC."""

HEAD = 32
"""Bytes that tell the format."""


def promised(name: str) -> str | None:
    """The format that a file's name promises; None for one that is no picture's."""
    ending = name[name.rfind(".") :].lower()
    return PICTURES.get(ending) or NOT_READ.get(ending)


def format_of(raw: bytes) -> str | None:
    """The format that a file's first HEAD bytes announce, as Pillow calls it; None for what is no picture."""
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "WEBP"
    if raw[4:8] == b"ftyp":
        brands = {raw[8:12], *(raw[place : place + 4] for place in range(16, min(32, len(raw)), 4))}
        return next((kind for kind, known in _BRANDS.items() if brands & set(known)), None)
    if _PNM.match(raw):
        return "PNM"
    return next((kind for start, kind in _STARTS.items() if raw.startswith(start)), None)


def not_read(kind: str) -> str:
    """What is said of a picture that is not read."""
    return f"it is {'the raw file of a camera' if kind == 'raw' else kind}, which is not read; convert it to JPEG"
