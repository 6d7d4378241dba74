"""A hundred pictures as people have them, good and bad, each with one answer: its first pixel, or why not.

Every one is made here, put into a folder under the name given, and read as a source of its own is.
"""

import io
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from escalera.core.errors import DataError
from escalera.data.cache.decode import FORMATS
from escalera.data.images import ImageSet
from escalera.data.sources.open import open_source

SIZE = (12, 8)
"""Height and width of every picture made here."""


@dataclass(frozen=True)
class Good:
    """What a picture becomes: its first pixel as stored, and how far a lossy format may be from it."""

    pixel: tuple[int, ...]
    near: int = 0
    shape: tuple[int, int] = SIZE


@dataclass(frozen=True)
class Bad:
    """Why it is refused."""

    reason: str


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(mode: str, colour: float | tuple[float, ...] | str | None, kind: str, **options: object) -> bytes:
    return saved(Image.new(mode, SIZE[::-1], colour), kind, **options)


def marked(orientation: int, kind: str = "JPEG") -> bytes:
    """White, with its upper left quarter black, as a camera held otherwise would store it."""
    image = Image.new("RGB", (64, 64), "white")
    image.paste("black", (0, 0, 32, 32))
    exif = Image.Exif()
    exif[0x0112] = orientation
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose that undoes what Orientation asks for
    if orientation in back:
        image = image.transpose(Image.Transpose(back[orientation]))
    return saved(image, kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))


def noise(kind: str, **options: object) -> bytes:
    pixels = np.random.RandomState(0).randint(0, 256, (40, 40, 3)).astype(np.uint8)
    return saved(Image.fromarray(pixels), kind, **options)


def cut(kind: str, share: float) -> Callable[[], bytes]:
    def make() -> bytes:
        raw = noise(kind)
        return raw[: int(share * len(raw))]

    return make


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", SIZE[::-1], colour) for colour in ("red", "blue", "lime")]
    lossless = {"lossless": True} if kind == "WEBP" else {}
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], **lossless)


def claims(width: int, height: int) -> bytes:
    """A PNG of a hundred bytes that says it is as large."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def bitmap_that_claims(width: int, height: int) -> bytes:
    raw = bytearray(plain("RGB", "red", "BMP"))
    raw[18:26] = struct.pack("<ii", width, height)
    return bytes(raw)


def palette(kind: str = "PNG", transparent: bool = False) -> bytes:
    image = Image.new("P", SIZE[::-1], 0)
    image.putpalette([200, 100, 50, 0, 0, 255])
    return saved(image, kind, **({"transparency": bytes([0, 255])} if transparent else {}))


def wide(kind: str, value: int) -> bytes:
    return saved(Image.fromarray(np.full(SIZE, value, np.uint16)), kind)


def wide_colour() -> bytes:
    """A PNG of 16 bits a channel, which Pillow cannot write: red 0xABCD."""
    rows = b"".join(b"\0" + struct.pack(">HHH", 0xABCD, 0, 0) * SIZE[1] for _ in range(SIZE[0]))

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", SIZE[1], SIZE[0], 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


UNKNOWN = f"not a picture of a known format ({', '.join(FORMATS)}), {{}} bytes"
RED, WHITE = (255, 0, 0), (255, 255, 255)
PNG = plain("RGB", "red", "PNG")

# The name of the file, how its bytes are made, and the one answer.
CASES: list[tuple[str, Callable[[], bytes], Good | Bad]] = [
    # Formats.
    ("photo.jpg", lambda: plain("RGB", "red", "JPEG"), Good(RED, 3)),
    ("photo.jpeg", lambda: plain("RGB", "red", "JPEG", progressive=True), Good(RED, 3)),
    ("photo.JPG", lambda: plain("RGB", "red", "JPEG", quality=100, subsampling=0), Good(RED, 3)),
    ("photo.jfif", lambda: plain("L", 90, "JPEG"), Good((90,), 1)),
    ("photo.png", lambda: PNG, Good(RED)),
    ("photo.PnG", lambda: plain("RGB", "red", "PNG", interlace=1), Good(RED)),
    ("photo.webp", lambda: plain("RGB", "red", "WEBP", lossless=True), Good(RED)),
    ("lossy.webp", lambda: plain("RGB", "red", "WEBP"), Good(RED, 4)),
    ("photo.bmp", lambda: plain("RGB", "red", "BMP"), Good(RED)),
    ("photo.tif", lambda: plain("RGB", "red", "TIFF"), Good(RED)),
    ("packed.tiff", lambda: plain("RGB", "red", "TIFF", compression="tiff_lzw"), Good(RED)),
    ("deflated.tiff", lambda: plain("RGB", "red", "TIFF", compression="tiff_deflate"), Good(RED)),
    ("photo.gif", lambda: plain("RGB", "red", "GIF"), Good(RED)),
    # Modes.
    ("grey.png", lambda: plain("L", 77, "PNG"), Good((77,))),
    ("one-bit.png", lambda: plain("1", 1, "PNG"), Good((255,))),
    ("one-bit.tif", lambda: plain("1", 0, "TIFF", compression="group4"), Good((0,))),
    ("one-bit.bmp", lambda: plain("1", 1, "BMP"), Good((255,))),
    ("palette.png", palette, Good((200, 100, 50))),
    ("palette-clear.png", lambda: palette(transparent=True), Good(WHITE)),
    ("palette.bmp", lambda: palette("BMP"), Good((200, 100, 50))),
    ("clear.png", lambda: plain("RGBA", (255, 0, 0, 0), "PNG"), Good(WHITE)),
    ("half.png", lambda: plain("RGBA", (255, 0, 0, 128), "PNG"), Good((255, 127, 127))),
    ("opaque.png", lambda: plain("RGBA", (255, 0, 0, 255), "PNG"), Good(RED)),
    ("half.webp", lambda: plain("RGBA", (255, 0, 0, 128), "WEBP", lossless=True), Good((255, 127, 127))),
    ("half.tif", lambda: plain("RGBA", (255, 0, 0, 128), "TIFF"), Good((255, 127, 127))),
    ("grey-half.png", lambda: plain("LA", (0, 64), "PNG"), Good((191,))),
    ("key.png", lambda: plain("RGB", "red", "PNG", transparency=(255, 0, 0)), Good(WHITE)),
    ("grey-key.png", lambda: plain("L", 9, "PNG", transparency=9), Good((255,))),
    ("clear.gif", lambda: plain("RGBA", (255, 0, 0, 0), "GIF"), Good(WHITE)),
    ("print.jpg", lambda: plain("CMYK", (0, 255, 255, 0), "JPEG"), Good(RED, 4)),
    ("print.tif", lambda: plain("CMYK", (0, 255, 255, 0), "TIFF"), Good(RED)),
    ("16-bits.png", lambda: wide("PNG", 32896), Good((128,))),
    ("16-bits.tif", lambda: wide("TIFF", 65535), Good((255,))),
    ("16-bits-dark.png", lambda: wide("PNG", 300), Good((1,))),
    ("16-bits-colour.png", wide_colour, Good((0xAB, 0, 0))),
    (
        "32-bits.tif",
        lambda: saved(Image.fromarray(np.ones(SIZE, np.float32)), "TIFF"),
        Bad("its pixels are 32-bit (F), whose range is not stated; save it with 8 or 16 bits"),
    ),
    (
        "whole-numbers.tif",
        lambda: saved(Image.fromarray(np.ones(SIZE, np.int32)), "TIFF"),
        Bad("its pixels are 32-bit (I), whose range is not stated; save it with 8 or 16 bits"),
    ),
    # Orientations.
    *[(f"orientation-{i}.jpg", lambda i=i: marked(i), Good((0, 0, 0), 6, (64, 64))) for i in range(1, 9)],
    ("orientation-6.png", lambda: marked(6, "PNG"), Good((0, 0, 0), 0, (64, 64))),
    ("orientation-3.webp", lambda: marked(3, "WEBP"), Good((0, 0, 0), 6, (64, 64))),
    ("orientation-0.jpg", lambda: marked(0), Good((0, 0, 0), 6, (64, 64))),
    ("orientation-99.jpg", lambda: marked(99), Good((0, 0, 0), 6, (64, 64))),
    # Several frames: the first.
    ("moving.gif", lambda: animated("GIF"), Good(RED)),
    ("moving.png", lambda: animated("PNG"), Good(RED)),
    ("moving.webp", lambda: animated("WEBP"), Good(RED)),
    ("pages.tif", lambda: animated("TIFF"), Good(RED)),
    # Cut short.
    ("nothing.jpg", lambda: b"", Bad("an empty file (0 bytes)")),
    ("two-bytes.jpg", lambda: b"\xff\xd8", Bad(UNKNOWN.format(2))),
    *[
        (f"cut-{int(100 * share)}.{kind.lower()}", cut(kind, share), Bad(reason))
        for kind, reasons in {
            "JPEG": ("Truncated File Read", "image file is truncated", "image file is truncated"),
            "PNG": ("image file is truncated",) * 3,
            "WEBP": ("could not create decoder object",) * 3,
            "BMP": ("image file is truncated",) * 3,
            "TIFF": ("image file is truncated",) * 3,
            "GIF": ("a GIF file that is damaged or cut short, 711 bytes", *("image file is truncated",) * 2),
        }.items()
        for share, reason in zip((0.25, 0.6, 0.97), reasons, strict=True)
    ],
    ("header-only.png", lambda: PNG[:33], Bad("a PNG file that is damaged or cut short, 33 bytes")),
    # What is no picture, or another one than it says.
    ("text.jpg", lambda: b"hello, world", Bad(UNKNOWN.format(12))),
    ("page.png", lambda: b"<!DOCTYPE html><html></html>", Bad(UNKNOWN.format(28))),
    ("zeros.jpg", lambda: bytes(5000), Bad(UNKNOWN.format(5000))),
    ("drawing.png", lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", Bad(UNKNOWN.format(41))),
    ("print.jpg.pdf.jpg", lambda: b"%PDF-1.7 ...", Bad(UNKNOWN.format(12))),
    ("other.png", lambda: plain("RGB", "red", "PPM"), Bad("it is PNM, which is not read; convert it to JPEG")),
    ("icon.png", lambda: plain("RGB", "red", "ICO"), Bad(UNKNOWN.format(len(plain("RGB", "red", "ICO"))))),
    ("really-a-png.jpg", lambda: PNG, Good(RED)),
    ("really-a-gif.png", lambda: plain("RGB", "red", "GIF"), Good(RED)),
    ("really-a-bmp.tiff", lambda: plain("RGB", "red", "BMP"), Good(RED)),
    ("no-ending", lambda: PNG, Good(RED)),
    ("wrong.txt", lambda: PNG, Good(RED)),
    ("jpeg-with-a-tail.jpg", lambda: plain("RGB", "red", "JPEG") + b"more", Good(RED, 3)),
    # Absurd sizes.
    ("large.png", lambda: claims(8000, 7000), Bad("8000x7000 pixels cannot be in")),
    ("bomb.png", lambda: claims(100_000, 1000), Bad("100000x1000 pixels cannot be in")),
    ("bomb.bmp", lambda: bitmap_that_claims(60_000, 60_000), Bad("60000x60000 is more than 250 megapixels")),
    ("no-size.png", lambda: claims(0, 0), Bad("a PNG file that is damaged or cut short, 66 bytes")),
    # Names.
    ("a name with spaces.png", lambda: PNG, Good(RED)),
    ("ñandú, día 1 – 日本.png", lambda: PNG, Good(RED)),
    ("two\nlines.png", lambda: PNG, Good(RED)),
    ("up..and..down.png", lambda: PNG, Good(RED)),
    ("a..png..png", lambda: PNG, Good(RED)),
    ("'quoted' \"twice\" $HOME %s {x}.png", lambda: PNG, Good(RED)),
    ("-rf.png", lambda: PNG, Good(RED)),
    ("n" * 240 + ".png", lambda: PNG, Good(RED)),
]


def opened(tmp_path: Path, name: str, raw: bytes) -> ImageSet:
    """A source of that one picture and a good one of another class."""
    first = tmp_path / "set" / "a"
    first.mkdir(parents=True)
    (first / name).write_bytes(raw)
    second = tmp_path / "set" / "b"
    second.mkdir()
    (second / "good.png").write_bytes(PNG)
    return open_source(str(tmp_path / "set"), data_root=None, image_size=None, channels=None)


@pytest.mark.parametrize(("name", "make", "answer"), CASES, ids=[repr(case[0])[:40] for case in CASES])
def test_a_picture_has_one_answer(name: str, make: Callable[[], bytes], answer: Good | Bad, tmp_path: Path) -> None:
    from escalera.data.cache.decode import decode

    raw = make()
    if isinstance(answer, Bad):
        with pytest.raises(DataError, match="1 of 2 pictures cannot be decoded") as error:
            opened(tmp_path, name, raw)
        (line,) = re.findall(r"^  (.*)$", str(error.value), re.MULTILINE)
        assert line.startswith(f"{tmp_path}/set/a/{name}: ")
        assert answer.reason in line
        return
    pixels = decode(raw, size=None, channels=None)
    assert pixels.shape == (*answer.shape, len(answer.pixel))
    assert np.abs(pixels[0, 0].astype(int) - answer.pixel).max() <= answer.near
    # As a source, next to a picture of another size and colour, it is the same file: found, read and counted.
    first = tmp_path / "one" / "a"
    first.mkdir(parents=True)
    (first / name).write_bytes(raw)
    (tmp_path / "one" / "b").mkdir()
    (tmp_path / "one" / "b" / name).write_bytes(raw)
    whole = open_source(str(tmp_path / "one"), data_root=None, image_size=None, channels=None)
    assert (whole.splits["train"].images == pixels).all()
    assert whole.splits["train"].labels.tolist() == [0, 1]


def test_there_are_many() -> None:
    assert len(CASES) == 99
    assert len({name for name, _, _ in CASES}) == len(CASES)
