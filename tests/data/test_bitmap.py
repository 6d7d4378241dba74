"""Large pictures are taken band by band, and are then the same as whole ones, or nearly so where they are resized."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from escalera.core.errors import DataError
from escalera.data.cache import bitmap
from escalera.data.cache.bitmap import Way, to_array
from escalera.data.cache.decode import decode
from escalera.data.cache.levels import as_bytes

X, Y = np.meshgrid(np.arange(90), np.arange(70))
SMOOTH = np.stack([2 * X, 3 * Y, X + Y, 255 - 2 * X], -1).astype(np.uint8)


def images() -> dict[str, Image.Image]:
    colour = Image.fromarray(SMOOTH[..., :3])
    clear = colour.quantize(40)
    clear.info["transparency"] = 3
    return {
        "RGB": colour,
        "RGBA": Image.fromarray(SMOOTH),
        "L": colour.convert("L"),
        "LA": Image.fromarray(SMOOTH).convert("LA"),
        "1": colour.convert("1"),
        "P": colour.quantize(40),
        "P with a transparent colour": clear,
        "CMYK": colour.convert("CMYK"),
        "I;16": Image.fromarray((X * 700).astype(np.uint16)),
        "F": Image.fromarray((X / 90).astype(np.float32)),
    }


@pytest.mark.parametrize("mode", images())
def test_bands_give_the_same_picture(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image, levels = images()[mode], (0.0, 60_000.0) if mode == "I;16" else (0.0, 1.0) if mode == "F" else None
    ways = [Way(size, channels, "pad", levels) for size in (None, (40, 40)) for channels in (None, 1, 3)]
    whole = [to_array(image, way) for way in ways]
    monkeypatch.setattr(bitmap, "LARGE", 100)
    monkeypatch.setattr(bitmap, "_BAND", 1_000)
    for way, (pixels, reach) in zip(ways, whole, strict=True):
        again, reached = to_array(image, way)
        assert (again == pixels).all()
        assert reached == reach


def test_a_large_picture_that_is_made_small_is_nearly_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for size in ((8, 11), (20, 10), (9, 44)):
        way = Way(size, None)
        whole, _ = to_array(images()["RGBA"], way)
        with monkeypatch.context() as patch:
            patch.setattr(bitmap, "LARGE", 100)
            blocks, _ = to_array(images()["RGBA"], way)
        assert blocks.shape == whole.shape
        assert np.abs(blocks.astype(int) - whole).max() < 12


@pytest.mark.parametrize("size", [None, (8, 8)])
def test_no_copies_are_made_of_a_large_picture(size: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.BytesIO()
    Image.new("RGBA", (5_000, 4_000)).save(file, "PNG", compress_level=1)
    bands = []

    def seen(image: Image.Image, mode: str, way: Way) -> tuple[Image.Image, None]:
        bands.append(image.width * image.height)
        return image.convert(mode), None

    monkeypatch.setattr(bitmap, "_flat", seen)
    assert decode(file.getvalue(), size=size, channels=3).shape == (*(size or (4_000, 5_000)), 3)
    assert sum(bands) == 20_000_000
    assert max(bands) < 1_500_000


@pytest.mark.parametrize(
    ("values", "levels", "expected", "reach"),
    [
        (np.array([False, True]), None, [0, 255], (255, 255, False)),
        (np.array([0, 128, 129, 65535], np.uint16), None, [0, 0, 1, 255], (65535, 65535, False)),
        (np.array([3, 9], np.uint8), None, [3, 9], (9, 255, False)),
        (np.array([0, 8, 16], np.uint8), (0, 16), [0, 128, 255], (16, 16, False)),
        (np.array([-1000, 0, 1000], np.int16), (-1000, 1000), [0, 128, 255], (1000, 1000, False)),
        (np.array([-2, 0.5, 1.5], np.float16), (0, 1), [0, 128, 255], (1.5, 1, True)),
        (np.array([10**12, 10**12 + 2]), (10**12, 10**12 + 4), [0, 128], (10**12 + 2, 10**12 + 4, False)),
        (np.array([0, 4095], ">u2"), (0, 4095), [0, 255], (4095, 4095, False)),
    ],
)
def test_values_as_bytes(
    values: np.ndarray, levels: tuple[float, float] | None, expected: list[int], reach: tuple[float, float, bool]
) -> None:
    found, reached = as_bytes(values, levels)
    seen: tuple[Any, ...] = (found.dtype, found.tolist(), reached)
    assert seen == (np.uint8, expected, reach)


@pytest.mark.parametrize("kind", [np.int16, np.int64, np.float32])
def test_values_whose_range_nobody_knows(kind: type) -> None:
    with pytest.raises(DataError, match=rf"its pixels are {np.dtype(kind)}, whose range is not stated; save it with 8"):
        as_bytes(np.zeros(3, kind), None)
