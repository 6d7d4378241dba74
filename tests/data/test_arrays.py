"""Archives of arrays: which names they go by, and what is refused."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from escalera.core.errors import DataError
from escalera.core.translation import translate
from escalera.data.options import ReadOptions
from escalera.data.sources.open import ImageSet, open_source

GREY = np.arange(4 * 6 * 5, dtype=np.uint8).reshape(4, 6, 5)
LABELS = np.array([3, 1, 3, 1])
KEYS = ReadOptions.__dataclass_fields__
_FILE = io.BytesIO()
Image.new("L", (2, 2)).save(_FILE, "PNG")
PNG = _FILE.getvalue()


@pytest.fixture
def opened(root: Path) -> Callable[..., ImageSet]:
    """`opened(x_train=..., y_train=...)`: the archive with these arrays, as a source by name."""

    def read(*, compressed: bool = False, image_size: tuple[int, int] | None = None, **given: Any) -> ImageSet:
        root.mkdir(exist_ok=True)
        # Arrays may be called as keys are.
        said = {key: given.pop(key) for key in list(given) if key in KEYS and not isinstance(given[key], np.ndarray)}
        (np.savez_compressed if compressed else np.savez)(root / "mine.npz", **given)
        try:
            mine = open_source("mine", ReadOptions(**said), data_root=root, image_size=image_size, channels=None)
        except DataError as error:
            in_spanish(str(error))
            raise
        in_spanish(*mine.notes)
        return mine

    return read


def in_spanish(*texts: str) -> None:
    """Check that all that is said is there in Spanish too; what numpy and zipfile say, and code, stay as they are."""
    for text in texts:
        bare = re.sub(r"'[^']*'|\u00ab[^\u00bb]*\u00bb|\([^)]*\)|(codec|Bad CRC).*", "", translate(text, "es"))
        assert not re.search(r"(?<![\w/.-])(the|is|are|its|of|have|with|which|found|expected)(?![\w/-])", bare), bare


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"),
        ("X_train", "y_train", "X_valid", "y_valid", "X_test", "y_test"),
        ("train_images", "train_labels", "val_images", "val_labels", "test_images", "test_labels"),
    ],
)
def test_three_splits(names: tuple[str, ...], compressed: bool, opened: Callable[..., ImageSet]) -> None:
    arrays = dict(zip(names, (GREY, LABELS, GREY[:2], LABELS[:2], GREY[2:], LABELS[2:]), strict=True))
    mine = opened(compressed=compressed, **arrays)
    assert list(mine.splits) == ["train", "validation", "test"]
    assert mine.classes == ["1", "3"]
    assert (mine.splits["train"].images[..., 0] == GREY).all()
    assert mine.splits["train"].labels.tolist() == [1, 0, 1, 0]
    assert (mine.splits["test"].images[..., 0] == GREY[2:]).all()


def test_images_and_labels_are_train_alone(opened: Callable[..., ImageSet]) -> None:
    colour = np.stack([GREY, GREY + 1, GREY + 2], axis=-1)
    mine = opened(images=colour, labels=np.array(["b", "a", "b", "a"])[:, None])
    assert (list(mine.splits), mine.classes) == (["train"], ["a", "b"])
    assert (mine.splits["train"].images == colour).all()
    assert mine.splits["train"].labels.tolist() == [1, 0, 1, 0]


def test_sixteen_bits_and_one_channel_and_another_size(opened: Callable[..., ImageSet]) -> None:
    wide = np.full((4, 6, 5, 1), 32896, np.uint16)
    mine = opened(x_train=wide, y_train=LABELS, image_size=(3, 3)).splits["train"].images
    assert mine.shape == (4, 3, 3, 1)
    assert (mine == 128).all()


def test_more_pictures_than_are_read_at_once(opened: Callable[..., ImageSet]) -> None:
    many = np.arange(700, dtype=np.uint16).astype(np.uint8)[:, None, None].repeat(2, 1).repeat(2, 2)
    mine = opened(images=many, labels=np.arange(700) % 2).splits["train"]
    assert (mine.images[:, 1, 1, 0] == many[:, 0, 0]).all()


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"a": GREY, "z": LABELS, "b": LABELS}, "expected arrays called x_train and y_train (with x_val, y_val, x_te"),
        ({"x_test": GREY, "y_test": LABELS}, "or images and labels; found x_test, y_test."),
        ({"x_train": GREY, "y_test": LABELS}, "or images and labels; found x_train, y_test."),
        ({"X": GREY, "x": GREY, "y": LABELS}, "expected one array of images of train, found X, x. Take one out."),
        (
            {"images": GREY / 255, "labels": LABELS},
            "'images': expected whole numbers from 0 to 255, found 0 to 0.466667, not whole. Say which is black and "
            "which is white, as data.range: [0, 0.466667], or save bytes, as (255 * x).round().astype('uint8').",
        ),
        ({"images": GREY * 1.0 > 9.0, "labels": GREY}, "'labels': expected 4 labels, one for each image, as whole num"),
        ({"images": (GREY > 9) * 1.0, "labels": LABELS}, "found 0 to 1. Say which is black and which is white, as dat"),
        ({"images": GREY.astype(np.int64) - 1, "labels": LABELS}, "found -1 to 118. Say which is black and which is w"),
        ({"images": GREY * 9.0, "labels": LABELS}, "found 0 to 1071. Say which is black and which is white, as data.r"),
        ({"images": GREY * np.nan, "labels": LABELS}, "'images' holds values that are not finite (NaN or infinite)."),
        ({"images": np.zeros((4, 8, 8, 5)), "labels": LABELS}, "or (N, D), of numbers; found (4, 8, 8, 5) of float64."),
        ({"images": np.zeros((4, 8, 8), complex), "labels": LABELS}, "found (4, 8, 8) of complex128."),
        ({"images": np.zeros((4, 1), np.uint8), "labels": LABELS}, "found (4, 1) of uint8."),
        ({"images": np.zeros((4, 20), np.uint8), "labels": LABELS}, "'images': 20 pixels in each row make no square; "),
        ({"images": GREY[:0], "labels": LABELS[:0]}, "found (0, 6, 5) of uint8, where there is no image."),
        ({"images": GREY, "labels": LABELS[:3]}, "'labels': expected 4 labels, one for each image, as whole numbers, "),
        ({"images": GREY, "labels": LABELS + 1j}, "found shape (4,) of complex128."),
        ({"images": GREY, "labels": np.ones((4, 3))}, "'labels': expected one 1 in each row of (4, 3); 4 of 4 rows ha"),
        (
            {"images": GREY, "labels": np.array([[1, 0], [0, 0], [1, 1], [0, 1]])},
            "2 of 4 rows have none or several (rows count from 0): 1, 2. An image with several labels is another task;",
        ),
        ({"images": GREY, "labels": np.array([[0.5, 0.5]] * 4)}, "4 of 4 rows have none or several"),
        ({"images": GREY, "labels": LABELS + 0.5}, "'labels': 3.5 in row 0 is no label but a number (rows count from "),
        ({"images": GREY, "labels": np.array([1, np.nan, 2, 1])}, "there is no label (NaN) at 1 of 4 rows, counted fr"),
        ({"images": GREY, "labels": np.array(["a", "", "b", ""])}, "there is no label (an empty text) at 2 of 4 rows,"),
        ({"images": GREY, "labels": np.array([b"a", b"\xff", b"b", b"a"])}, "'labels' cannot be read: 'utf-8' codec c"),
        ({"images": GREY, "labels": LABELS * 0}, "has a single class, '0'. A classifier needs two or more."),
        ({"images": np.asfortranarray(GREY), "labels": LABELS}, "'images' cannot be read: it is stored column by colu"),
        (
            {"images": GREY, "labels": np.array(["a", None, 1, 2], object)},
            "'labels' cannot be read: it holds Python objects, which are never loaded; save it with a type, as",
        ),
        ({"images": np.array([[[None]]]), "labels": LABELS[:1]}, "'images' cannot be read: it holds Python objects, w"),
    ],
)  # fmt: skip
def test_archives_that_are_refused(
    arrays: dict[str, Any], text: str, opened: Callable[..., ImageSet], root: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=re.escape(text)) as error:
        opened(**arrays)
    assert str(error.value).startswith(f"{root}/mine.npz")
    assert not list((tmp_path / "cache").glob("*"))


def test_an_archive_cut_short(opened: Callable[..., ImageSet], root: Path) -> None:
    opened(images=GREY, labels=LABELS)
    path = root / "mine.npz"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=re.escape(f"{path} cannot be read as .npz: File is not a zip file.")):
        open_source("mine", data_root=root, image_size=None, channels=None)


def test_an_archive_damaged_within(opened: Callable[..., ImageSet], root: Path) -> None:
    opened(images=GREY, labels=LABELS)
    path = root / "mine.npz"
    raw = bytearray(path.read_bytes())
    raw[200:210] = bytes(10)
    path.write_bytes(raw)
    with pytest.raises(
        DataError, match=re.escape(f"{path}: 'images' cannot be read: Bad CRC-32 for file 'images.npy'")
    ):
        open_source("mine", data_root=root, image_size=None, channels=None)


NAMES = [
    ("X", "y"), ("X_train", "Y_train"), ("TRAIN_IMAGES", "train_labels"), ("Images", "Labels"), ("train_x", "train_y"),
    ("trainX", "trainY"), ("xtrain", "ytrain"), ("images_train", "labels_train"), ("m-train-imgs", "m-train-labels"),
    ("data", "target"), ("x_data", "y_data"), ("train_data", "train_targets"), ("arr_0", "arr_1"), ("pics", "what"),
]  # fmt: skip


@pytest.mark.parametrize("names", NAMES)
def test_names_that_people_give(names: tuple[str, str], opened: Callable[..., ImageSet]) -> None:
    mine = opened(**dict(zip(names, (GREY, LABELS), strict=True)))
    assert (mine.splits["train"].images[..., 0] == GREY).all()
    note = f"mine.npz: '{names[0]}' holds the images and '{names[1]}' the labels, as their shapes say."
    assert mine.notes == ((note,) if names[0] in ("arr_0", "pics") else ())


def test_the_likelier_name_is_read_and_the_others_are_named(opened: Callable[..., ImageSet]) -> None:
    mine = opened(data=GREY.reshape(4, 30), images=GREY, target=LABELS, target_names=np.array(["a", "b"]))
    assert (mine.splits["train"].images[..., 0] == GREY).all()
    assert mine.notes == ("mine.npz: not read: data, target_names.",)


def test_a_split_without_labels_is_left_out(opened: Callable[..., ImageSet]) -> None:
    mine = opened(x_train=GREY, y_train=LABELS, x_test=GREY)
    assert list(mine.splits) == ["train"]
    assert mine.notes == ("mine.npz: 'x_test' is left out, since it has no labels; test is cut out of train.",)


@pytest.mark.parametrize("kind", [float, np.float16, np.float32])
def test_labels_as_floats(kind: type, opened: Callable[..., ImageSet]) -> None:
    mine = opened(images=GREY, labels=LABELS.astype(kind))
    assert (mine.classes, mine.splits["train"].labels.tolist(), mine.notes) == (["1", "3"], [1, 0, 1, 0], ())


@pytest.mark.parametrize("kind", [float, np.uint8, np.int64, bool])
def test_labels_with_a_column_for_each_class(kind: type, opened: Callable[..., ImageSet]) -> None:
    mine = opened(images=GREY, labels=np.eye(9, dtype=kind)[LABELS])
    assert [int(mine.classes[label]) for label in mine.splits["train"].labels] == LABELS.tolist()
    assert mine.notes == ("mine.npz: 'labels' has a column of 0 and 1 for each of 9 classes.",)


def test_labels_of_texts(opened: Callable[..., ImageSet]) -> None:
    cafe = ["cafe\u0301", "caf\u00e9", "t\u00e9", "t\u00e9"]  # the same accent, composed and not
    for labels in (np.array(cafe), np.char.encode(np.array(cafe), "utf-8")):
        mine = opened(images=GREY, labels=labels)
        assert (mine.classes, mine.splits["train"].labels.tolist()) == (["caf\u00e9", "t\u00e9"], [0, 0, 1, 1])
    assert opened(images=GREY, labels=LABELS > 1).classes == ["False", "True"]


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint32, np.int16, np.float32, np.float64, ">i4"])
def test_whole_numbers_of_another_type_are_bytes(kind: type | str, opened: Callable[..., ImageSet]) -> None:
    mine = opened(images=GREY.astype(kind), labels=LABELS)
    assert (mine.splits["train"].images[..., 0] == GREY).all()
    assert mine.notes == (f"mine.npz: 'images' holds {np.dtype(kind)}: whole numbers from 0 to 255 count as bytes.",)


@pytest.mark.parametrize(
    ("pixels", "levels", "expected"),
    [
        (np.array([0, 0.5, 1]), (0, 1), [0, 128, 255]),
        (np.array([0, 0.5, 1], np.float16), (0, 1), [0, 128, 255]),
        (np.array([-1, 0, 1], np.float32), (-1, 1), [0, 128, 255]),
        (np.array([-1024, 0, 3071], np.int16), (-1024, 3071), [0, 64, 255]),
        (np.array([0, 2048, 4095], np.uint16), (0, 4095), [0, 128, 255]),
        (np.array([0, 2048, 4095], ">u2"), (0, 4095), [0, 128, 255]),
        (np.array([0, 8, 16], np.uint8), (0, 16), [0, 128, 255]),
    ],
)
def test_a_range_that_is_said(
    pixels: np.ndarray, levels: tuple[float, float], expected: list[int], opened: Callable[..., ImageSet]
) -> None:
    images = np.broadcast_to(pixels[:, None, None], (3, 2, 2))
    mine = opened(images=np.ascontiguousarray(images), labels=np.array([0, 1, 1]), range=levels)
    assert mine.splits["train"].images[:, 0, 0, 0].tolist() == expected
    assert mine.notes == ()


def test_true_and_false_are_white_and_black(opened: Callable[..., ImageSet]) -> None:
    mine = opened(images=GREY > 50, labels=LABELS)
    assert (mine.splits["train"].images[..., 0] == 255 * (GREY > 50)).all()
    assert mine.notes == ("mine.npz: 'images' holds true and false, which become white and black.",)


def test_few_grey_levels_are_said(opened: Callable[..., ImageSet]) -> None:
    assert opened(images=GREY % 17, labels=LABELS).notes == (
        "the brightest of 4 images is 16 of 255: only 17 of 256 grey levels are used; data.range: [0, 16] makes 16 "
        "white.",
    )
    mine = opened(images=(GREY % 2).astype(float) * 3, labels=LABELS)
    assert mine.notes[1].startswith("the brightest of 4 images is 3 of 255: only 4 of 256 grey levels are used; data.r")


def test_big_endian_sixteen_bits(opened: Callable[..., ImageSet]) -> None:
    mine = opened(images=np.full((4, 3, 3), 32896, ">u2"), labels=LABELS)
    assert (mine.splits["train"].images == 128).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_that_come_first(channels: int, opened: Callable[..., ImageSet]) -> None:
    images = np.random.RandomState(0).randint(0, 256, (4, channels, 6, 5)).astype(np.uint8)
    if channels == 4:
        images[:, 3] = 255  # nothing is transparent
    mine = opened(images=images, labels=LABELS)
    assert (mine.splits["train"].images == images[:, :3].transpose(0, 2, 3, 1)).all()
    assert mine.notes == (f"mine.npz: 'images' (4, {channels}, 6, 5) is read with the channels first (N, C, H, W).",)


def test_rows_of_pixels(opened: Callable[..., ImageSet]) -> None:
    square = np.random.RandomState(0).randint(0, 256, (4, 36)).astype(np.uint8)
    mine = opened(images=square, labels=LABELS)
    assert (mine.splits["train"].images[..., 0] == square.reshape(4, 6, 6)).all()
    assert mine.notes == (
        "mine.npz: 'images': 36 pixels in each row are images of 6x6; data.shape says another height and width.",
    )
    mine = opened(images=square, labels=LABELS, shape=[4, 9])
    assert (mine.splits["train"].images[..., 0] == square.reshape(4, 4, 9)).all()
    assert mine.notes == ()
    with pytest.raises(DataError, match=re.escape("'images': 36 pixels in each row; data.shape: 5x7 are 35.")):
        opened(images=square, labels=LABELS, shape=[5, 7])
    with pytest.raises(DataError, match=re.escape("mine.npz have their shape, (6, 6). Take it out.")):
        opened(images=square.reshape(4, 6, 6), labels=LABELS, shape=[6, 6])


@pytest.mark.parametrize(
    ("names", "source"),
    [
        (("X", "y"), ""), (("X_train", "y_train", "X_test", "y_test"), ""), (("images", "labels"), ""),
        (("train-images", "train-labels", "t10k-images", "t10k-labels"), ""), (("X", "y"), "/X.npy"),
    ],
)  # fmt: skip
def test_files_beside_one_another(names: tuple[str, ...], source: str, root: Path) -> None:
    folder = root / "mine"
    folder.mkdir(parents=True)
    labels = np.array(["sol", "luna"])[[0, 1, 0, 1]]
    for name, array in zip(names, (GREY, labels, GREY, labels), strict=False):
        np.save(folder / f"{name}.npy", array)
    (folder / "readme.txt").write_text("arrays of mine")
    mine = open_source(f"{folder}{source}", data_root=None, image_size=None, channels=None)
    assert list(mine.splits) == (["train"] if len(names) == 2 else ["train", "test"])
    assert (mine.classes, len(mine.splits["train"].labels), mine.notes) == (["luna", "sol"], 4, ())
    assert (mine.splits["train"].images[..., 0] == GREY).all()


@pytest.mark.parametrize(
    "archives",
    [
        {"train": {"x": GREY, "y": LABELS}, "test": {"x": GREY, "y": LABELS}},
        {"k-train-imgs": {"arr_0": GREY}, "k-train-labels": {"arr_0": LABELS}, "k-test-imgs": {"arr_0": GREY},
         "k-test-labels": {"arr_0": LABELS}},
    ],
)  # fmt: skip
def test_several_archives_of_a_folder(archives: dict[str, dict[str, np.ndarray]], root: Path) -> None:
    (root / "mine").mkdir(parents=True)
    for name, arrays in archives.items():
        np.savez(root / "mine" / f"{name}.npz", allow_pickle=True, **arrays)
    mine = open_source("mine", data_root=root, image_size=None, channels=None)
    assert list(mine.splits) == ["train", "test"]
    assert (mine.splits["test"].images[..., 0] == GREY).all()
    assert mine.notes == ()


def test_an_archive_for_each_split_by_name(root: Path) -> None:
    (root / "mine").mkdir(parents=True)
    for name in "ab":
        np.savez(root / "mine" / f"{name}.npz", x_test=GREY, y_test=LABELS)
    mine = open_source(
        "mine", ReadOptions(splits={"test": "b.npz", "train": "a.npz"}), data_root=root, image_size=None, channels=None
    )
    assert list(mine.splits) == ["train", "test"]
    with pytest.raises(
        DataError, match=r"expected a folder of classes, .* or a \.npz; found a folder with none of them"
    ):
        open_source("mine", data_root=root, image_size=None, channels=None)


@pytest.mark.parametrize("key", [{"label_column": "y"}, {"split_column": False}, {"decimal": ","}])
def test_what_is_said_of_columns_says_nothing_of_arrays(key: dict[str, Any], opened: Callable[..., ImageSet]) -> None:
    with pytest.raises(DataError, match=rf"data\.{next(iter(key))}: .*mine\.npz has no columns"):
        opened(images=GREY, labels=LABELS, **key)
    with pytest.raises(DataError, match=r"data\.label_pattern: .*mine\.npz has its labels inside"):
        opened(images=GREY, labels=LABELS, label_pattern="{label}.*")


@pytest.mark.parametrize(
    "files", [{"a/1.png": PNG, "b/1.png": PNG}, {"t.csv": b"image,label\n1.png,a\n", "1.png": PNG}]
)
def test_a_shape_is_for_rows_of_numbers(files: dict[str, bytes], root: Path) -> None:
    for name, content in files.items():
        (root / "mine" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "mine" / name).write_bytes(content)
    with pytest.raises(
        DataError, match=r"data\.shape: the images of .* have sizes of their own; \[2, 2\] is for images"
    ):
        open_source("mine", ReadOptions(shape=[2, 2]), data_root=root, image_size=None, channels=None)


def damaged(number: int) -> bytes:
    """An archive with a bit flipped, cut, or a member of another kind, drawn by the number."""
    random = np.random.RandomState(number)
    file = io.BytesIO()
    (np.savez_compressed if number % 2 else np.savez)(file, x_train=GREY, y_train=LABELS)
    raw = bytearray(file.getvalue())
    if number % 3 == 0:
        return bytes(raw[: random.randint(1, len(raw))])
    for _ in range(1 + number % 4):
        raw[random.randint(len(raw))] ^= 1 << random.randint(8)
    return bytes(raw)


@pytest.mark.parametrize("number", range(60))
def test_a_damaged_archive_is_told_or_read_as_it_was(number: int, root: Path) -> None:
    root.mkdir()
    (root / "mine.npz").write_bytes(damaged(number))
    try:
        mine = open_source("mine", data_root=root, image_size=None, channels=None)
    except DataError as error:
        assert str(error).startswith(f"{root}/mine.npz")
        assert len(str(error).splitlines()) == 1
    else:  # a bit beside the pixels
        assert (mine.splits["train"].images[..., 0] == GREY).all()
        assert [int(mine.classes[label]) for label in mine.splits["train"].labels] == LABELS.tolist()


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_other_compressions(method: int, root: Path) -> None:
    root.mkdir()
    with zipfile.ZipFile(root / "mine.npz", "w", method) as archive:
        for name, array in (("images", GREY), ("labels", LABELS)):
            content = io.BytesIO()
            np.save(content, array)
            archive.writestr(f"{name}.npy", content.getvalue())
    assert len(open_source("mine", data_root=root, image_size=None, channels=None).splits["train"].labels) == 4


def test_a_header_that_claims_too_much(root: Path) -> None:
    root.mkdir()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<i8", "fortran_order": False, "shape": (2**40,)})
    with zipfile.ZipFile(root / "mine.npz", "w") as archive:
        content = io.BytesIO()
        np.save(content, GREY)
        archive.writestr("images.npy", content.getvalue())
        archive.writestr("labels.npy", header.getvalue())
    with pytest.raises(DataError, match=r"'labels' cannot be read: its shape \(1099511627776,\) of int64 is 8,796,"):
        open_source("mine", data_root=root, image_size=None, channels=None)
