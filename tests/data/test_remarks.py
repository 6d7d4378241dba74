"""What is said before training of pictures that can be read, though not all is well with them."""

import io
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import DTypeLike
from PIL import Image

from escalera.core.errors import DataError
from escalera.core.translation import translate
from escalera.data.explore.source import explore
from escalera.data.options import ReadOptions
from escalera.data.sources.open import ImageSet, open_source

Folder = Callable[..., ImageSet]


def in_spanish(*texts: str) -> None:
    """Check that all that is said is there in Spanish too; reasons in brackets stay as they are."""
    for text in texts:
        bare = re.sub(r"\([^)]*\)", "", translate(text, "es"))
        assert not re.search(r"(?<![\w/.-])(the|is|are|its|of|have|with|which|only)(?![\w/-])", bare), bare


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """`folder({"a/1.png": array, ...}, range=...)`: a folder of classes with these pictures, opened."""

    def write(pictures: dict[str, np.ndarray | bytes], **said: Any) -> ImageSet:
        for name, pixels in pictures.items():
            path = tmp_path / "set" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(pixels, bytes):
                path.write_bytes(pixels)
            else:
                Image.fromarray(pixels).save(path)
        options = ReadOptions(**said)
        try:
            opened = open_source(str(tmp_path / "set"), options, data_root=None, image_size=None, channels=None)
        except DataError as error:
            in_spanish(str(error))
            raise
        in_spanish(*opened.notes)
        return opened

    return write


def wide(value: float, dtype: DTypeLike = np.uint16) -> np.ndarray:
    pixels = np.zeros((4, 5), dtype)
    pixels[1, 2] = value
    return pixels


@pytest.mark.parametrize(
    ("largest", "said"),
    [
        (899, "is 899 of 65,535: only 4 of 256 grey levels are used; data.range: [0, 4095] makes 4,095 white."),
        (255, "is 255 of 65,535: only 2 of 256 grey levels are used; data.range: [0, 255] makes 255 white."),
        (4_096, "is 4,096 of 65,535: only 17 of 256 grey levels are used; data.range: [0, 16383] makes 16,383 white."),
        (32_767, "is 32,767 of 65,535: only 128 of 256 grey levels are used; data.range: [0, 32767] makes 32,767 whit"),
    ],
)
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_bits_that_nothing_uses(largest: int, said: str, ending: str, folder: Folder) -> None:
    opened = folder({f"a/1.{ending}": wide(largest), f"a/2.{ending}": wide(7), f"b/1.{ending}": wide(largest - 1)})
    [note] = opened.notes
    assert note.startswith(f"the brightest of 3 images with 16 bits {said}")
    assert opened.splits["train"].images.max() == round(largest / 257)


def test_all_bits_are_used(folder: Folder) -> None:
    assert folder({"a/1.png": wide(32_768), "b/1.png": wide(5)}).notes == ()


def test_the_range_that_is_said(folder: Folder) -> None:
    opened = folder({"a/1.png": wide(4_095), "a/2.png": wide(2_048), "b/1.png": wide(0)}, range=[0, 4095])
    assert opened.splits["train"].images.max(axis=(1, 2, 3)).tolist() == [255, 128, 0]
    assert opened.notes == ()


def test_values_outside_of_the_range_are_counted(folder: Folder) -> None:
    opened = folder({"a/1.png": wide(4_096), "a/2.png": wide(90), "b/1.png": wide(100)}, range=[80, 4000])
    assert opened.splits["train"].images.max(axis=(1, 2, 3)).tolist() == [255, 1, 1]
    assert opened.notes == (
        "3 of 3 images have values outside of data.range (the largest is 4096), which become black or white.",
    )


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_thirty_two_bits_of_a_range_that_is_said(dtype: DTypeLike, folder: Folder) -> None:
    pictures = {"a/1.tif": np.full((4, 4), -1, dtype), "b/1.tif": np.full((4, 4), 1, dtype)}
    opened = folder(pictures, range=[-1, 1])
    assert opened.splits["train"].images[:, 0, 0, 0].tolist() == [0, 255]
    with pytest.raises(DataError, match=r"its pixels are 32-bit \([IF]\), whose range is not stated"):
        folder(pictures)


def test_values_that_are_no_numbers(folder: Folder) -> None:
    broken = wide(1, np.float32)
    broken[0, 0] = np.nan
    with pytest.raises(DataError, match=r"a/1\.tif: 1 of its 20 values are not finite \(NaN or infinite\)"):
        folder({"a/1.tif": broken, "b/1.tif": wide(1, np.float32)}, range=[0, 1])


def test_eight_bits_beside_sixteen_stay_as_they_are(folder: Folder) -> None:
    opened = folder({"a/1.png": wide(900), "b/1.png": np.full((4, 5), 90, np.uint8)}, range=[0, 900])
    assert opened.splits["train"].images.max(axis=(1, 2, 3)).tolist() == [255, 90]


def test_a_range_that_no_picture_needs(folder: Folder, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=re.escape("data.range: [0, 4095] is for images with more than 8 bits, and there is none.")
    ):
        folder({"a/1.png": wide(9, np.uint8), "b/1.png": wide(9, np.uint8)}, range=[0, 4095])
    [fault] = explore(str(tmp_path / "set"), ReadOptions(range=[0, 4095]), shares={}).images.faults
    assert fault.startswith("data.range: [0, 4095] is for images with more than 8 bits")


def colours(red: int) -> bytes:
    """A PNG of 16 bits a colour, which Pillow cannot write."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = (b"\0" + struct.pack(">HHH", red, 0, 0) * 5) * 4
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 5, 4, 16, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_sixteen_bits_a_colour(folder: Folder) -> None:
    assert folder({"a/1.png": colours(4_095), "b/1.png": colours(300)}).notes == (
        "2 images with 16 bits a colour, of which the upper eight are read, use only 16 of 256 levels; save them with "
        "8 bits.",
    )
    assert folder({"a/1.png": colours(0xABCD)}).notes == ()
    with pytest.raises(DataError, match=r"data\.range cannot reach them; save it with 8 bits a colour"):
        folder({}, range=[0, 4095])


def test_damaged_metadata_are_counted_and_the_first_are_named(folder: Folder, tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(wide(9, np.uint8)).save(file, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0")
    bad = file.getvalue()
    opened = folder({f"a/{n}.jpg": bad for n in range(4)} | {"b/1.jpg": wide(9, np.uint8)})
    why = "(EXIF is cut short or damaged)"
    note = (
        f"4 images have damaged metadata beside whole pixels, which are read: a/0.jpg {why}, a/1.jpg {why}, a/2.jpg "
        f"{why}, ..."
    )
    assert opened.notes == (note,)
    assert explore(str(tmp_path / "set"), shares={}).images.notes == (note,)


def test_one_picture_is_one(folder: Folder) -> None:
    file = io.BytesIO()
    Image.fromarray(wide(9, np.uint8)).save(file, "PNG", exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0")
    opened = folder({"a/1.png": file.getvalue(), "a/2.tif": wide(300), "b/1.jpeg": wide(9, np.uint8)})
    assert opened.notes == (
        "the brightest of 1 image with 16 bits is 300 of 65,535: only 2 of 256 grey levels are used; data.range: "
        "[0, 4095] makes 4,095 white.",
        "1 image has damaged metadata beside whole pixels, which are read: a/1.png (EXIF is cut short or damaged)",
    )
