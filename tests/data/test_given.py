"""What a person gives as pictures: taken as training would, or refused with what to type."""

import io
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from escalera.core.errors import DataError
from escalera.core.translation import translate
from escalera.data.cache.decode import decode
from escalera.data.input_spec import Learned, largest_levels
from escalera.data.query.images import Intake, Seen


def intake(shape: tuple[int, int, int] = (8, 8, 1), **settings: Any) -> Intake:
    known = {"source": "x", "classes": ["a", "b"], "resize": "squash", "largest_levels": [200, 255], **settings}
    return Intake(Learned.model_validate({"shape": list(shape), **known}))


def bright(*shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


ENGLISH = re.compile(r"(?<![\w/-])(the|expected|received|there|is|are|which|cannot|its|of|and|where|values)(?![\w/-])")


def refused(given: Any, way: Intake) -> str:
    with pytest.raises(DataError) as error:
        way.rows(given)
    told = str(error.value)
    # Every refusal is there in Spanish too.
    spanish = re.sub(r"'[^']*'|«[^»]*»", "", translate(told, "es"))
    assert not ENGLISH.search(spanish), spanish
    return told


GREY, COLOUR = intake(), intake((4, 6, 3))
ONE, MANY, PHOTO, PHOTOS = bright(8, 8), bright(5, 8, 8), bright(4, 6, 3), bright(5, 4, 6, 3)


@pytest.mark.parametrize(
    ("given", "way", "expected"),
    [
        (ONE, GREY, ONE[None, ..., None]),
        (ONE[..., None], GREY, ONE[None, ..., None]),
        (MANY, GREY, MANY[..., None]),
        (MANY[..., None], GREY, MANY[..., None]),
        (MANY.astype(np.int64), GREY, MANY[..., None]),
        (MANY.astype(">u2"), GREY, MANY[..., None]),
        (np.asfortranarray(MANY), GREY, MANY[..., None]),
        (MANY[::-1, :, ::-1], GREY, MANY[::-1, :, ::-1, None]),
        (PHOTO, COLOUR, PHOTO[None]),
        (PHOTOS, COLOUR, PHOTOS),
        ([PHOTO, PHOTOS[1]], COLOUR, np.stack([PHOTO, PHOTOS[1]])),
        (tuple(MANY), GREY, MANY[..., None]),
        ([[ONE], [ONE]], GREY, np.stack([ONE, ONE])[..., None]),
        # eight pictures of 8x8 are no picture of 8x8 with eight channels
        (bright(8, 8, 8), GREY, bright(8, 8, 8)[..., None]),
        (bright(3, 3, 3), intake((3, 3, 3)), bright(1, 3, 3, 3).reshape(1, 3, 3, 3)),
        (bright(1, 8, 8), GREY, bright(1, 8, 8)[..., None]),
    ],
)
def test_arrays_of_the_size_are_taken_as_they_are(given: Any, way: Intake, expected: NDArray[np.uint8]) -> None:
    found = way.rows(given)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, expected)


def test_tensors_are_arrays_whatever_they_hold() -> None:
    import torch

    np.testing.assert_array_equal(GREY.rows(torch.from_numpy(MANY)), MANY[..., None])  # type: ignore[arg-type]
    learning: Any = torch.from_numpy(MANY).float().requires_grad_()
    assert "x.round().astype('uint8')" in refused(learning, GREY)
    assert "received float32 (8, 8)" in refused([torch.ones(8, 8, dtype=torch.bfloat16)], GREY)
    assert "expected an array that numpy reads, received Tensor" in refused(torch.eye(8).to_sparse(), GREY)


def test_a_pil_image_without_pixels_or_of_unknown_levels_is_refused() -> None:
    assert refused(Image.new("L", (0, 5)), GREY) == "there is no pixel in it: it is 0x5"
    told = "its pixels are 32-bit (F), whose black and white are not stated; type Image.fromarray(x), where x are its"
    assert told in refused([Image.new("F", (8, 8))], GREY)


def test_an_open_file_is_to_be_read() -> None:
    told = "received BytesIO; type x.read(), where x is the open file"
    assert told in refused(io.BytesIO(encoded(Image.new("L", (8, 8)), "PNG")), GREY)


def test_numbers_that_are_objects_are_typed_again() -> None:
    told = refused(MANY.astype(object), GREY)
    assert told.endswith("received object (5, 8, 8). Type numpy.array(x.tolist()), where x is the array.")
    np.testing.assert_array_equal(GREY.rows(np.array(MANY.astype(object).tolist())), MANY[..., None])


REFUSED: list[tuple[Any, Intake, str]] = [
    (MANY / 255, GREY, "(255 * x).round().astype('uint8')"),
    ((MANY / 255).astype(np.float32), GREY, "(255 * x).round().astype('uint8')"),
    ((MANY > 100), GREY, "255 * x.astype('uint8')"),
    (MANY.astype(float), GREY, "x.round().astype('uint8')"),
    ((MANY // 16).astype(float), GREY, "(255 / 15 * x).round().astype('uint8')"),
    (MANY // 16, GREY, "(255 / 15 * x).round().astype('uint8')"),
    (MANY.astype(np.int64) // 3, GREY, "(255 / 85 * x).round().astype('uint8')"),
    (MANY.astype(np.uint16) * 257, GREY, "(x / 257).round().astype('uint8')"),
    (MANY.reshape(5, 64), GREY, "x.reshape(-1, 8, 8, 1)"),
    (MANY.reshape(5, 64) / 255, GREY, "(255 * x).round().astype('uint8').reshape(-1, 8, 8, 1)"),
    (MANY[:, None], GREY, "x.transpose(0, 2, 3, 1)"),
    (PHOTOS.transpose(0, 3, 1, 2), COLOUR, "x.transpose(0, 2, 3, 1)"),
    (PHOTO.transpose(2, 0, 1), COLOUR, "x.transpose(1, 2, 0)"),
    (PHOTO.transpose(2, 0, 1) / 255, COLOUR, "(255 * x).round().astype('uint8').transpose(1, 2, 0)"),
    (bright(20, 30), GREY, "Image.fromarray(x)"),
    (bright(20, 30, 3), GREY, "Image.fromarray(x)"),
    (bright(20, 30, 4), COLOUR, "Image.fromarray(x)"),
    (bright(20, 30, 1), GREY, "Image.fromarray(x[..., 0])"),
    (bright(7, 20, 30, 3), COLOUR, "[Image.fromarray(one) for one in x]"),
    (bright(7, 20, 30, 1), GREY, "[Image.fromarray(one) for one in x[..., 0]]"),
    (bright(7, 20, 30) / 255, GREY, "[Image.fromarray(one) for one in (255 * x).round().astype('uint8')]"),
    (bright(4, 6), COLOUR, "Image.fromarray(x)"),
    (bright(5, 4, 6), COLOUR, "[Image.fromarray(one) for one in x]"),
    (
        MANY.astype(np.uint16) * 16,
        intake(range=[0, 4095]),
        "(x * (255 / 4095)).clip(0, 255).round().astype('uint8')",
    ),
    (
        MANY.astype(np.int16) * 8 - 1024,
        intake(range=[-1024, 1016]),
        "((x - -1024) * (255 / 2040)).clip(0, 255).round().astype('uint8')",
    ),
    (np.array(["a.png", "b.png"]), GREY, "x.tolist()"),
]


@pytest.mark.parametrize(("given", "way", "typed"), REFUSED)
def test_other_arrays_are_refused_with_what_to_type(given: NDArray[Any], way: Intake, typed: str) -> None:
    told = refused(given, way)
    found = re.search(r"[Tt]ype (.*), where x is the array", told)
    assert found, told
    assert found[1] == typed
    if given.dtype.kind != "U":
        received = f"received {given.dtype} {given.shape}"
        assert received in told or "no pixel is above" in told
        # What it says to type is taken.
        way.rows(eval(typed, {"x": given, "Image": Image}))


@pytest.mark.parametrize(
    ("given", "way", "told"),
    [
        (np.where(MANY > 9, MANY / 255, np.nan), GREY, "values are not finite (NaN or infinite)."),
        (np.full((8, 8), np.inf), GREY, "64 of 64 values are not finite"),
        ((MANY - 128.0) / 64, GREY, "Values below 0 are those of standardised pictures"),
        (MANY.astype(np.int64) - 300, GREY, "values from -300 to -45. Values below 0"),
        (MANY.astype(np.int64) * 100_000, GREY, "expected uint8 (N, 8, 8, 1), values from 0 to 255; received int64"),
        (
            MANY.astype(complex),
            GREY,
            "Complex numbers are no levels. Type x.real, where x is the array.",
        ),
        (np.array([ONE, "x"], dtype=object), GREY, "Pictures of different sizes, and names of files, are given as"),
        (np.zeros((0, 8, 8), np.uint8), GREY, "received uint8 (0, 8, 8). There is no picture in it."),
        (np.zeros((), np.uint8), GREY, "received uint8 ()"),
        (bright(2, 5, 8, 8, 1), GREY, "received uint8 (2, 5, 8, 8, 1), values from 0 to 255."),
        (np.zeros((5, 8, 8), np.uint8), GREY, "no pixel is above 0, where 99 of 100 pictures of train reach 200"),
        (MANY // 200, GREY, "no pixel is above 1, where 99 of 100"),
        (MANY, intake(largest_levels=[12, 16]), "pixels reach 255, where no picture of train is above 16"),
        ([], GREY, "or a list of them, received an empty list"),
        ([[]], GREY, "received an empty list"),
        ([0.5, 0.25], GREY, "received a list of numbers; type numpy.array(x, dtype='uint8')"),
        (ONE.tolist(), GREY, "received a list of numbers"),
        ([ONE, [ONE]], GREY, "received both in one list"),
        ([ONE, ONE / 255], GREY, "images[1]: expected uint8 (8, 8, 1), values from 0 to 255; received float64 (8, 8)"),
        ([MANY], GREY, "images[0]: expected uint8 (8, 8, 1)"),
        ([ONE // 16, ONE // 16], GREY, "no pixel is above 15"),
        ([ONE, 3j, None], GREY, "images[2]: expected a path, the bytes of a file, a PIL image, an array of pixels"),
        (7, GREY, "or a list of them, received int"),
        ({"a": 1}, GREY, "received a mapping; the values of a row's columns are given as attributes=[{...}]"),
        ((one for one in MANY), GREY, "received generator; make a list of it"),
        ("nothing.png", GREY, "nothing.png: there is no such file"),
        (b"", GREY, "an empty file (0 bytes)"),
        (b"<svg/>", GREY, "not a picture of a known format"),
        (Image.new("F", (8, 8)), GREY, "its pixels are 32-bit (F)"),
        (Image.new("I", (8, 8)), GREY, "its pixels are 32-bit (I)"),
        ("a\0b", GREY, "embedded null byte"),
    ],
)
def test_what_cannot_be_taken_says_why(given: Any, way: Intake, told: str) -> None:
    assert told in refused(given, way)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def transparent() -> Image.Image:
    image = Image.fromarray(bright(9, 11, 3)).convert("RGBA")
    image.putalpha(Image.fromarray(bright(9, 11)))
    return image


EXIF = Image.Exif()
EXIF[0x0112] = 6  # the camera lay on its side
PICTURES: dict[str, Callable[[], bytes]] = {
    "grey": lambda: encoded(Image.fromarray(bright(9, 11)), "PNG"),
    "black and white": lambda: encoded(Image.fromarray(bright(9, 11)).convert("1"), "PNG"),
    "colour": lambda: encoded(Image.fromarray(bright(9, 11, 3)), "PNG"),
    "palette": lambda: encoded(Image.fromarray(bright(9, 11, 3)).quantize(16), "PNG"),
    "palette with a transparent colour": lambda: encoded(
        Image.fromarray(bright(9, 11, 3)).quantize(16), "PNG", transparency=3
    ),
    "transparent": lambda: encoded(transparent(), "PNG"),
    "grey and transparent": lambda: encoded(transparent().convert("LA"), "PNG"),
    "16 bits": lambda: encoded(Image.fromarray(bright(9, 11).astype(np.uint16) * 257), "PNG"),
    "jpeg": lambda: encoded(Image.fromarray(bright(9, 11, 3)), "JPEG"),
    "jpeg on its side": lambda: encoded(Image.fromarray(bright(9, 11, 3)), "JPEG", exif=EXIF),
    "four inks": lambda: encoded(Image.fromarray(bright(9, 11, 3)).convert("CMYK"), "JPEG"),
    "gif": lambda: encoded(Image.fromarray(bright(9, 11)), "GIF"),
}


@pytest.mark.parametrize("resize", ["squash", "pad", "crop"])
@pytest.mark.parametrize("way", [(8, 8, 1), (4, 6, 3), (9, 11, 3)], ids=str)
@pytest.mark.parametrize("kind", PICTURES)
def test_every_way_of_giving_a_picture_is_the_same(kind: str, way: Any, resize: str, tmp_path: Path) -> None:
    raw, taker = PICTURES[kind](), intake(way, resize=resize)
    (tmp_path / "a.png").write_bytes(raw)
    expected = decode(raw, size=way[:2], channels=way[2], resize=taker.learned.resize)
    opened = Image.open(io.BytesIO(raw))
    loaded = Image.open(io.BytesIO(raw))
    loaded.load()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for given in (
            raw,
            bytearray(raw),
            memoryview(raw),
            str(tmp_path / "a.png"),
            tmp_path / "a.png",
            opened,
            loaded,
        ):
            np.testing.assert_array_equal(taker.rows(given), expected[None])  # type: ignore[arg-type]
        mixed = taker.rows([raw, tmp_path / "a.png", Image.open(io.BytesIO(raw)), expected])
    np.testing.assert_array_equal(mixed, np.stack([expected] * 4))


def test_a_damaged_picture_that_pil_has_opened_is_refused() -> None:
    raw = PICTURES["colour"]()
    assert "truncated" in refused(Image.open(io.BytesIO(raw[:100])), GREY)


def test_more_than_eight_bits_are_read_as_in_training(tmp_path: Path) -> None:
    wide = bright(8, 8).astype(np.uint16) * 16
    raw = encoded(Image.fromarray(wide), "PNG")
    (tmp_path / "a.png").write_bytes(raw)
    way = intake(range=[0, 4080], max_megapixels=1)
    expected = np.rint(wide / 16).astype(np.uint8)
    for given in (raw, tmp_path / "a.png", Image.open(io.BytesIO(raw)), Image.fromarray(wide.astype(np.int32)), [raw]):
        np.testing.assert_array_equal(way.rows(given)[0, ..., 0], expected)
    np.testing.assert_array_equal(way.rows(expected)[0, ..., 0], expected)
    assert "is more than 1 megapixels" in refused(encoded(Image.new("L", (1100, 1000)), "PNG"), way)


def test_rows_of_several_pictures() -> None:
    way = intake((8, 12, 3), image_columns=["front", "back"])
    photos = bright(4, 8, 6, 3)
    expected = np.stack([np.concatenate(pair, axis=1) for pair in (photos[:2], photos[2:])])
    files = [encoded(Image.fromarray(one), "PNG") for one in photos]
    for given in (
        expected,
        list(photos),
        [list(photos[:2]), list(photos[2:])],
        files,
        [files[:2], (files[2], photos[3])],
    ):
        np.testing.assert_array_equal(way.rows(given), expected)
    each = "this run sees 2 pictures of each row together (front, back): expected as many, or a multiple, received 3"
    assert refused(files[:3], way) == each
    assert "looks at 2 picture(s) (front, back): expected as many, received 1" in refused(files[0], way)
    assert "images[1]: this model looks at 2 picture(s)" in refused([files[:2], files[2:3]], way)
    assert "images[2]: an empty file" in refused([*files[:2], b"", files[3]], way)
    assert "expected uint8 (N, 8, 12, 3)" in refused(photos, way)


def test_a_long_list_of_bad_pictures_is_cut() -> None:
    told = refused([b"x"] * 50, GREY).splitlines()
    assert told[0] == "50 of 50 pictures cannot be taken; nothing was predicted:"
    assert told[-1] == "  ... and 30 more"
    assert len(told) == 22


def test_a_folder_is_no_picture_and_a_name_nearly_right_is_told(tmp_path: Path) -> None:
    (tmp_path / "digit.png").write_bytes(b"x")
    assert f"{tmp_path}: it is a folder: give its pictures, as sorted(Path('{tmp_path}').glob" in refused(
        tmp_path, GREY
    )
    typo = str(tmp_path / "digti.png")
    assert refused(typo, GREY) == f"{typo}: there is no such file; did you mean '{tmp_path}/digit.png'?"
    assert refused(str(tmp_path / "x" / "y.png"), GREY).endswith("y.png: there is no such file")


def test_what_was_seen_before_is_not_looked_at_again() -> None:
    dark = np.zeros((2, 8, 8, 1), np.uint8)
    assert GREY.rows(Seen(dark)) is dark


def test_dark_files_are_pictures_all_the_same() -> None:
    dark = Image.fromarray(MANY[0] // 16)
    for given in (dark, [encoded(dark, "PNG")]):
        with pytest.warns(UserWarning, match="no pixel is above 15, where 99 of 100 pictures of train reach 200: the"):
            assert GREY.rows(given).max() <= 15
    with pytest.warns(UserWarning, match="pixels reach 254, where no picture of train is above 16: the answers may"):
        intake(largest_levels=[12, 16]).rows(Image.new("L", (8, 8), 254))


def test_a_run_that_did_not_look_at_levels_takes_dark_arrays() -> None:
    assert intake(largest_levels=None).rows(MANY // 16).max() == 15


def test_the_largest_levels_of_train() -> None:
    images = np.zeros((300, 2, 2, 1), np.uint8)
    images[:, 1, 1, 0] = 200
    images[7] = 250
    images[[1, 2]] = 3
    # One in a hundred does not count for what they usually reach; what none exceeds is that of all.
    assert largest_levels(images, np.arange(300)) == [200, 250]
    assert largest_levels(images, np.array([1, 2, 3])) == [3, 200]
    assert largest_levels(images, np.array([0])) == [200, 200]
