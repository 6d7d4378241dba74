"""What stands beside the pixels never decides whether they are read; what is cut of the pixels always does."""

import io
import struct
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from PIL import Image

from escalera.core.errors import DataError
from escalera.data.cache.decode import Decoded, decode_all
from escalera.data.cache.metadata import LARGEST, bare

PIXELS = np.random.RandomState(0).randint(0, 256, (9, 12, 3)).astype(np.uint8)


def saved(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    (image or Image.fromarray(PIXELS)).save(file, kind, **options)
    return file.getvalue()


def read(raw: bytes) -> Decoded:
    [found] = decode_all([raw], size=None, channels=None)
    assert isinstance(found, Decoded), found
    return found


def exif(orientation: int | None) -> bytes:
    """A block as a camera writes it: its name before the orientation, and the text of the name behind all entries."""
    block = Image.Exif()
    block[0x010F], block[0x0110] = "A maker of cameras", "A long name of a model"
    if orientation is not None:
        block[0x0112] = orientation
    return block.tobytes()


def chunk(kind: bytes, content: bytes, wrong: int = 0) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content) ^ wrong)


def with_chunks(*chunks: bytes, kind: str = "PNG") -> bytes:
    raw = saved(kind)
    return raw[:33] + b"".join(chunks) + raw[33:]


TURNED: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda x: x,
    2: np.fliplr,
    3: lambda x: np.rot90(x, 2),
    4: np.flipud,
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x.transpose(1, 0, 2), 2),
    8: np.rot90,
}
"""What each orientation asks for."""


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_every_orientation_of_every_format(orientation: int, kind: str) -> None:
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    found = read(saved(kind, exif=exif(orientation), **options))
    assert (found.pixels == TURNED[orientation](PIXELS)).all()
    assert found.damaged == ""


def test_a_block_cut_at_any_place_leaves_the_pixels_and_as_much_as_can_be_read() -> None:
    whole, plain = exif(6), read(saved("JPEG")).pixels
    upright, lying = 0, 0
    for end in range(7, len(whole)):
        found = read(saved("JPEG", exif=whole[:end]))
        # The last byte fills up.
        assert found.damaged == ("EXIF is cut short or damaged" if end < len(whole) - 1 else "")
        turned = found.pixels.shape[0] == 12
        assert (found.pixels == (np.rot90(plain, -1) if turned else plain)).all()
        upright, lying = upright + turned, lying + (not turned)
        assert turned or end < len(whole) - 30  # the entry itself is gone
    assert (upright, lying) == (48, 45)


@pytest.mark.parametrize("noise", range(20))
def test_any_bytes_in_place_of_a_block(noise: int) -> None:
    block = b"Exif\0\0" + (b"II*\0" if noise % 2 else b"MM\0*") + np.random.RandomState(noise).bytes(60)
    for kind in ("JPEG", "PNG", "WEBP"):
        assert read(saved(kind, exif=block)).pixels.size == PIXELS.size


@pytest.mark.parametrize(
    ("chunks", "damaged"),
    [
        ([chunk(b"pHYs", bytes(9), wrong=1)], "pHYs has a wrong checksum"),
        ([chunk(b"zTXt", b"prompt\0\0" + zlib.compress(bytes(LARGEST + 1)))], "zTXt is damaged, or larger than 1 MB"),
        ([chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(3 * LARGEST)))], "iCCP is damaged, or larger than 1 MB"),
        ([chunk(b"iTXt", b"k\0\1\0\0\0not zlib")], "iTXt is damaged, or larger than 1 MB"),
        (
            [chunk(b"tEXt", b"k\0v"), chunk(b"iTXt", b"k\0\0\0\0\0v"), chunk(b"zTXt", b"k\0\0" + zlib.compress(b"v"))],
            "",
        ),
        ([chunk(b"acTL", bytes(3))], ""),
        ([chunk(b"gAMA", b""), chunk(b"tIME", b"\1", wrong=9)], "tIME has a wrong checksum"),
    ],
)
def test_chunks_of_a_png(chunks: list[bytes], damaged: str) -> None:
    # The orientation beside them counts all the same.
    found = read(with_chunks(chunk(b"eXIf", exif(6)[6:]), *chunks))
    assert (found.pixels == np.rot90(PIXELS, -1)).all()
    assert found.damaged == damaged


@pytest.mark.parametrize(
    "extra",
    [
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 98\n" + exif(6).hex().encode())),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x tiff:Orientation='1' tiff:Orientation=\"6\"/>"),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"<tiff:Orientation>6</tiff:Orientation>")),
    ],
)
def test_the_orientation_in_a_text(extra: bytes) -> None:
    assert (read(with_chunks(extra)).pixels == np.rot90(PIXELS, -1)).all()


def test_what_makes_pixels_transparent_is_not_beside_them() -> None:
    grey = Image.new("L", (2, 2), 9)
    assert read(saved("PNG", grey, transparency=9)).pixels[0, 0].tolist() == [255]
    raw = bytearray(saved("PNG", grey, transparency=9))
    raw[raw.index(b"tRNS") + 5] ^= 1
    [found] = decode_all([bytes(raw)], size=None, channels=None)
    assert "tRNS" in str(found)


def test_a_damaged_chunk_of_the_pixels_is_named() -> None:
    raw = bytearray(saved("PNG"))
    raw[20] ^= 1
    [found] = decode_all([bytes(raw)], size=None, channels=None)
    assert str(found) == "a PNG file whose chunk IHDR is damaged (wrong checksum)"


def tiff(*more: tuple[int, int, int, bytes], big: bool = False, packed: bool = False, mark: bytes = b"") -> bytes:
    """A TIFF file whose directory comes first, or after a `mark`, with `more` entries (tag, type, count, value)."""
    content = zlib.compress(PIXELS.tobytes()) if packed else PIXELS.tobytes()
    height, width, _ = PIXELS.shape
    size = 8 if big else 4
    entries = {256: width, 257: height, 258: 8, 259: 8 if packed else 1, 262: 2, 277: 3, 278: height, 279: len(content)}
    start = (16 if big else 8) + len(mark)
    end = start + (8 if big else 2) + (len(entries) + 2 + len(more)) * (20 if big else 12) + size
    entries |= {273: end, 339: 1}
    number, short, step = ("<Q", "<Q", "<HHQ") if big else ("<I", "<H", "<HHI")
    rows = [(tag, struct.pack(step, tag, 4, 1) + struct.pack(number, value)) for tag, value in entries.items()]
    # The bits of three channels do not fit in an entry of four bytes: they are those of one, thrice.
    rows = [(tag, row if tag != 258 else struct.pack(step, 258, 3, 1) + struct.pack(number, 8)) for tag, row in rows]
    rows += [(tag, struct.pack(step, tag, kind, count) + value.ljust(size, b"\0")) for tag, kind, count, value in more]
    table = struct.pack(short, len(rows)) + b"".join(row for _, row in sorted(rows)) + bytes(size)
    head = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16) if big else struct.pack("<2sHI", b"II", 42, start)
    return head + mark + table + content


FAR = struct.pack("<I", 1_000_000)


@pytest.mark.parametrize(
    ("entry", "damaged"),
    [
        ((33723, 4, 9, FAR), "its tags are damaged"),  # IPTC, which Photoshop writes with other counts than it has
        ((34665, 4, 1, FAR), ""),  # a directory of EXIF that is not there
        ((700, 1, 5_000, FAR), "its tags are damaged"),  # XMP
        ((34675, 7, 2_000_000_000, FAR), "its tags are damaged"),  # a colour profile
        ((282, 5, 1, FAR), "its tags are damaged"),  # the resolution
        ((305, 2, 4, b"me\0\0"), ""),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_tags_of_a_tiff_that_say_nothing_of_its_pixels(
    entry: tuple[int, int, int, bytes], damaged: str, packed: bool
) -> None:
    found = read(tiff(entry, (274, 3, 1, b"\6\0"), packed=packed))
    assert (found.pixels == np.rot90(PIXELS, -1)).all()
    assert found.damaged == damaged


def test_a_large_tiff() -> None:
    assert (read(tiff(big=True)).pixels == PIXELS).all()


@pytest.mark.parametrize("entry", [(254, 4, 1, b"\1\0\0\0"), (254, 3, 1, b"\5\0")])
def test_a_raw_file_of_a_camera_is_not_its_thumbnail(entry: tuple[int, int, int, bytes]) -> None:
    [found] = decode_all([tiff(entry)], size=None, channels=None)
    assert str(found).startswith("a TIFF file that begins with a thumbnail of another picture")
    [found] = decode_all([tiff(mark=b"CR\2\0")], size=None, channels=None)
    assert "as a camera's raw file does" in str(found)


def test_the_second_page_of_a_tiff_is_not_looked_at() -> None:
    raw = saved("TIFF", save_all=True, append_images=[Image.new("L", (3, 3))])
    assert (read(raw).pixels == PIXELS).all()
    assert (read(raw[:-9]).pixels == PIXELS).all()


CUT: dict[str, Callable[[], bytes]] = {
    "progressive.jpg": lambda: saved("JPEG", progressive=True, exif=exif(6)),
    "photo.jpg": lambda: saved("JPEG", exif=exif(3), comment=b"me", icc_profile=bytes(900)),
    "print.jpg": lambda: saved("JPEG", Image.fromarray(PIXELS).convert("CMYK"), exif=exif(1)[:-9]),
    "photo.png": lambda: with_chunks(chunk(b"eXIf", exif(6)[6:]), chunk(b"pHYs", bytes(9), wrong=1)),
    "photo.webp": lambda: saved("WEBP", exif=exif(6)[:-9]),
    "lossless.webp": lambda: saved("WEBP", lossless=True, exif=exif(6)),
    "photo.gif": lambda: saved("GIF", comment=b"a comment"),
    "photo.bmp": lambda: saved("BMP"),
    "photo.tif": lambda: saved("TIFF", exif=exif(6)),
    "first.tif": lambda: tiff((33723, 4, 9, FAR)),
    "packed.tif": lambda: tiff((33723, 4, 9, FAR), packed=True),
    "large.tif": lambda: tiff(big=True),
    **{
        f"{packing}.tif": partial(saved, "TIFF", compression=packing, exif=exif(6))
        for packing in ("tiff_lzw", "tiff_deflate", "packbits")
    },
    "fax.tif": lambda: saved("TIFF", Image.fromarray(PIXELS).convert("1"), compression="group4"),
}  # fmt: skip
"""Pictures of every kind, with metadata whole and damaged."""


@pytest.mark.parametrize("name", CUT)
def test_no_picture_that_is_cut_is_read_as_another(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    raw = CUT[name]()
    whole = read(raw).pixels
    cuts = [raw[:end] for end in range(1, len(raw))]
    found = decode_all(cuts, size=None, channels=None)
    refused = sum(isinstance(one, DataError) for one in found)
    assert all(isinstance(one, DataError) or np.array_equal(one.pixels, whole) for one in found)
    assert refused >= 0.9 * len(cuts)
    assert capfd.readouterr() == ("", "")  # neither libtiff nor Pillow's logger writes anything


def test_bits_of_a_png_that_are_flipped_are_never_read_as_other_pixels() -> None:
    raw = with_chunks(chunk(b"eXIf", exif(6)[6:]), chunk(b"tEXt", b"a\0b"))
    for place in range(8, len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1 << place % 8
        [found] = decode_all([bytes(changed)], size=None, channels=None)
        if isinstance(found, Decoded):
            assert any(np.array_equal(found.pixels, turn(PIXELS)) for turn in TURNED.values()), place


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xd8\xff", b"\xff\xd8\xff\xe1\0", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0+\0"]
)
def test_what_is_cut_to_nothing_stays_as_it_is(raw: bytes) -> None:
    assert bare(raw).raw == raw
