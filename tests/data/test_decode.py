"""One decoder: what every mode of picture becomes, and what is refused."""

import io
import struct
import threading
import warnings
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from escalera.core.errors import DataError
from escalera.data.cache import decode as module
from escalera.data.cache.bitmap import Channels
from escalera.data.cache.decode import Decoded, decode, decode_all


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pixels(raw: bytes, size: tuple[int, int] | None = None, channels: Channels | None = None) -> np.ndarray:
    return decode(raw, size=size, channels=channels)


def decoded(raw: bytes, **how: Any) -> Decoded:
    [found] = decode_all([raw], size=None, channels=None, **how)
    assert isinstance(found, Decoded)
    return found


GRADIENT = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_colour_is_lossless_where_the_format_is(kind: str, options: dict[str, bool]) -> None:
    decoded = pixels(saved(Image.fromarray(GRADIENT), kind, **options))
    assert decoded.dtype == np.uint8
    assert (decoded == GRADIENT).all()
    decoded[0] = 0  # the caller's own


def test_jpeg() -> None:
    assert np.abs(pixels(saved(Image.fromarray(GRADIENT), "JPEG", quality=100)).astype(int) - GRADIENT).max() < 8


def test_the_first_frame_of_a_gif() -> None:
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    assert pixels(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))[0, 0].tolist() == [255, 0, 0]


def test_channels_are_those_of_the_picture_unless_given() -> None:
    grey, colour = saved(Image.new("L", (2, 2), 7)), saved(Image.new("RGB", (2, 2), (255, 0, 0)))
    assert (pixels(grey).shape, pixels(colour).shape) == ((2, 2, 1), (2, 2, 3))
    assert pixels(grey, channels=3)[0, 0].tolist() == [7, 7, 7]
    assert pixels(colour, channels=1)[0, 0].tolist() == [76]  # ITU-R 601: 0.299 of 255


def test_one_bit() -> None:
    assert pixels(saved(Image.new("1", (2, 2), 1)))[0, 0].tolist() == [255]


def test_sixteen_bits_are_scaled() -> None:
    wide = np.array([[0, 128, 129, 257, 32896, 65535]], dtype=np.uint16)
    for kind in ("PNG", "TIFF"):
        assert pixels(saved(Image.fromarray(wide), kind))[0, :, 0].tolist() == [0, 0, 1, 1, 128, 255]


def test_thirty_two_bits_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"its pixels are 32-bit \(F\), whose range is not stated; save it with 8 or 16 bits"
    ):
        pixels(saved(Image.fromarray(np.ones((2, 2), np.float32)), "TIFF"))


def test_a_palette() -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "L").convert("P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    assert pixels(saved(image)).tolist() == [[[255, 0, 0], [0, 0, 255]]]


def test_what_is_transparent_in_sixteen_bits_is_white_too() -> None:
    values = np.array([[0, 700], [700, 65_535]], np.uint16)
    found = pixels(saved(Image.fromarray(values), transparency=700))
    assert found[..., 0].tolist() == [[0, 255], [255, 255]]


def test_a_palette_with_a_transparent_entry() -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette([255, 0, 0, 0, 0, 255])
    assert pixels(saved(image, transparency=bytes([255, 0]))).tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_alpha_lies_over_white() -> None:
    assert pixels(saved(Image.new("RGBA", (1, 1), (255, 0, 0, 0))))[0, 0].tolist() == [255, 255, 255]
    assert pixels(saved(Image.new("RGBA", (1, 1), (255, 0, 0, 128))))[0, 0].tolist() == [255, 127, 127]
    assert pixels(saved(Image.new("LA", (1, 1), (0, 64))))[0, 0].tolist() == [191]
    assert pixels(saved(Image.new("L", (1, 1), 9), transparency=9))[0, 0].tolist() == [255]


def test_cmyk() -> None:
    assert np.abs(pixels(saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))[4, 4] - [255.0, 0, 0]).max() < 4


def test_the_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter to the left: to be shown turned to the right
    raw = saved(Image.fromarray(GRADIENT), "PNG", exif=exif)
    assert (pixels(raw) == np.rot90(GRADIENT, -1)).all()
    assert pixels(raw, size=(8, 6)).shape == (8, 6, 3)


def test_resizing_is_antialiased_and_squashes() -> None:
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 254
    small = pixels(saved(Image.fromarray(stripes)), size=(8, 4))
    assert small.shape == (8, 4, 1)
    assert np.abs(small.astype(int) - 127).max() <= 2


def test_a_large_jpeg_is_resized_as_if_decoded_whole() -> None:
    x, y = np.meshgrid(np.arange(900), np.arange(700))
    image = Image.fromarray(
        np.stack([127 + 100 * np.sin(x / 6), 127 + 100 * np.sin(y / 6), x / 4], -1).astype(np.uint8)
    )
    raw = saved(image, "JPEG", quality=95, subsampling=0)
    whole = np.asarray(Image.open(io.BytesIO(raw)).resize((160, 150), Image.Resampling.BILINEAR)).astype(int)
    assert np.abs(pixels(raw, size=(150, 160)) - whole).mean() < 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
def test_a_picture_cut_short_is_refused(kind: str) -> None:
    noise = np.random.RandomState(0).randint(0, 256, (40, 40, 3)).astype(np.uint8)
    raw = saved(Image.fromarray(noise), kind)
    with pytest.raises(DataError):
        pixels(raw[: len(raw) // 2])


def test_the_reason_is_given() -> None:
    raw = saved(Image.fromarray(GRADIENT), "JPEG")
    with pytest.raises(DataError, match=r"image file is truncated \(\d+ bytes not processed\)"):
        pixels(raw[:-10])


def test_an_empty_file() -> None:
    with pytest.raises(DataError, match=r"an empty file \(0 bytes\)"):
        pixels(b"")


@pytest.mark.parametrize("raw", [b"GIF", b"not a picture", b"%PDF-1.7 ..."])
def test_what_is_no_picture(raw: bytes) -> None:
    with pytest.raises(DataError, match=rf"not a picture of a known format \(JPEG, PNG, .*\), {len(raw)} bytes"):
        pixels(raw)


@pytest.mark.parametrize("kind", ["ICO", "TGA", "PCX"])
def test_other_formats_are_not_opened(kind: str) -> None:
    with pytest.raises(DataError, match="not a picture of a known format"):
        pixels(saved(Image.fromarray(GRADIENT), kind))


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_an_absurd_size_is_refused_before_decoding() -> None:
    with pytest.raises(DataError, match="8000x7000 pixels cannot be in"):
        pixels(png_that_claims(8000, 7000))
    with pytest.raises(DataError, match=r"20000x13000 is more than 250 megapixels; data\.max_megapixels"):
        pixels(png_that_claims(20_000, 13_000))
    with pytest.raises(DataError, match="8x6 is more than 0 megapixels"):
        decode(saved(Image.fromarray(GRADIENT)), size=None, channels=None, max_pixels=47)


def test_sixty_megapixels_are_a_photo() -> None:
    raw = saved(Image.new("L", (10_000, 6_000), 7), "JPEG")
    assert pixels(raw, size=(4, 4)).tolist() == [[[7]] * 4] * 4
    assert pixels(saved(Image.new("L", (10_000, 6_000), 7)), size=(2, 2)).shape == (2, 2, 1)


CORRUPT_EXIF = b"Exif\0\0" + b"II*\0\x08\0\0\0\x05\0" + bytes(8)
"""A directory that ends before the entries that it announces: Pillow itself only warns."""


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_damaged_metadata_beside_whole_pixels(kind: str) -> None:
    plain = saved(Image.fromarray(GRADIENT), kind)
    raw = saved(Image.fromarray(GRADIENT), kind, exif=CORRUPT_EXIF)
    found = decoded(raw)
    assert (found.pixels == pixels(plain)).all()
    assert found.damaged == "EXIF is cut short or damaged"
    assert decoded(plain).damaged == ""
    for cut in range(len(raw) // 2, len(raw) - 12, 7):  # the pixels are not whole
        with pytest.raises(DataError):
            pixels(raw[:cut])


def test_an_orientation_that_can_still_be_read_counts() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x0131] = 6, "a long name of a program"
    raw = exif.tobytes()
    shown = pixels(saved(Image.fromarray(GRADIENT), "JPEG", exif=raw[:-10]))
    assert shown.shape == (8, 6, 3)


def chunk(kind: bytes, content: bytes, *, checksum: int = 0) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content) ^ checksum)


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(3_000_000))),
        chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(3_000_000))),
        chunk(b"pHYs", bytes(9), checksum=1),
        chunk(b"tIME", b"\1", checksum=7),
        chunk(b"iTXt", b"\xff"),
    ],
)
def test_damaged_chunks_beside_whole_pixels(extra: bytes) -> None:
    raw = saved(Image.fromarray(GRADIENT))
    found = decoded(raw[:33] + extra + raw[33:])
    assert (found.pixels == GRADIENT).all()


@pytest.mark.parametrize("kind", [b"IDAT", b"PLTE", b"IHDR"])
def test_damaged_chunks_of_the_pixels_are_an_error(kind: bytes) -> None:
    raw = bytearray(saved(Image.fromarray(GRADIENT).convert("P")))
    place = raw.index(kind) + 6
    raw[place] ^= 1
    with pytest.raises(DataError):
        pixels(bytes(raw))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), "it is HEIC, which is not read; convert it to JPEG"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(64), "it is HEIC"),
        (b"\xff\x0a" + bytes(64), "it is JPEG XL, which is not read; convert it to JPEG"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(64), "it is JPEG XL"),
        (b"\x89PNG\r\n\x1a\n" + bytes(9), "a PNG file that is damaged or cut short, 17 bytes"),
    ],
)
def test_pictures_of_formats_that_are_not_read(raw: bytes, text: str) -> None:
    with pytest.raises(DataError, match=text):
        pixels(raw)


def test_avif_is_read_where_pillow_can() -> None:
    if not features.check("avif"):
        pytest.skip("this Pillow was built without AVIF")
    assert pixels(saved(Image.fromarray(GRADIENT), "AVIF", quality=100)).shape == (6, 8, 3)


def test_black_and_white_of_more_than_eight_bits() -> None:
    wide = np.array([[0, 300, 2048, 4095, 60000]], dtype=np.uint16)
    for kind in ("PNG", "TIFF"):
        raw = saved(Image.fromarray(wide), kind)
        assert decode(raw, size=None, channels=None, levels=[0, 4095])[0, :, 0].tolist() == [0, 19, 128, 255, 255]
        assert decoded(raw).reach == (60_000, 65_535, False)
        assert decoded(raw, levels=[0, 4095]).reach == (60_000, 4095, True)
    floats = saved(Image.fromarray(np.array([[-1, 0, 1]], np.float32)), "TIFF")
    assert decode(floats, size=None, channels=None, levels=[-1, 1])[0, :, 0].tolist() == [0, 128, 255]


def test_the_filters_of_warnings_are_as_before() -> None:
    before = list(warnings.filters)
    raw = saved(Image.fromarray(GRADIENT))
    threads = [threading.Thread(target=lambda: [pixels(raw) for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


@pytest.mark.parametrize("threads_from", [0, 10**9])
def test_many_in_order_with_threads_and_without(threads_from: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_THREADS_FROM", threads_from)
    raws = [saved(Image.new("L", (3, 2), value)) for value in range(100)]
    results = decode_all([*raws, None, b"bad"], size=None, channels=3)
    good = [result for result in results[:100] if not isinstance(result, DataError)]
    assert [int(result.pixels[0, 0, 0]) for result in good] == list(range(100))
    assert str(results[100]) == "no picture (null)"
    assert str(results[101]).endswith("3 bytes")
    assert decode_all([], size=None, channels=None) == []
