"""Archives of arrays: which names they go by, and what is refused."""

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from escalera.data.sources import ImageSet, open_source
from escalera.errors import DataError

GREY = np.arange(4 * 6 * 5, dtype=np.uint8).reshape(4, 6, 5)
LABELS = np.array([3, 1, 3, 1])


@pytest.fixture
def opened(root: Path) -> Callable[..., ImageSet]:
    """`opened(x_train=..., y_train=...)`: the archive with these arrays, as a source by name."""

    def read(*, compressed: bool = False, image_size: tuple[int, int] | None = None, **arrays: object) -> ImageSet:
        root.mkdir(exist_ok=True)
        (np.savez_compressed if compressed else np.savez)(root / "mine.npz", **arrays)
        return open_source("mine", data_root=root, image_size=image_size, channels=None)

    return read


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"),
        ("X_train", "y_train", "X_valid", "y_valid", "X_test", "y_test"),
        ("train_images", "train_labels", "val_images", "val_labels", "test_images", "test_labels"),
    ],
)
def test_three_splits(names: tuple[str, ...], compressed: bool, opened):
    arrays = dict(zip(names, (GREY, LABELS, GREY[:2], LABELS[:2], GREY[2:], LABELS[2:]), strict=True))
    mine = opened(compressed=compressed, **arrays)
    assert list(mine.splits) == ["train", "validation", "test"]
    assert mine.classes == ["1", "3"]
    assert (mine.splits["train"].images[..., 0] == GREY).all()
    assert mine.splits["train"].labels.tolist() == [1, 0, 1, 0]
    assert (mine.splits["test"].images[..., 0] == GREY[2:]).all()


def test_images_and_labels_are_train_alone(opened):
    colour = np.stack([GREY, GREY + 1, GREY + 2], axis=-1)
    mine = opened(images=colour, labels=np.array(["b", "a", "b", "a"])[:, None])
    assert (list(mine.splits), mine.classes) == (["train"], ["a", "b"])
    assert (mine.splits["train"].images == colour).all()
    assert mine.splits["train"].labels.tolist() == [1, 0, 1, 0]


def test_sixteen_bits_and_one_channel_and_another_size(opened):
    wide = np.full((4, 6, 5, 1), 32896, np.uint16)
    mine = opened(x_train=wide, y_train=LABELS, image_size=(3, 3)).splits["train"].images
    assert mine.shape == (4, 3, 3, 1)
    assert (mine == 128).all()


def test_more_pictures_than_are_read_at_once(opened):
    many = np.arange(700, dtype=np.uint16).astype(np.uint8)[:, None, None].repeat(2, 1).repeat(2, 2)
    mine = opened(images=many, labels=np.arange(700) % 2).splits["train"]
    assert (mine.images[:, 1, 1, 0] == many[:, 0, 0]).all()


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"a": GREY, "z": LABELS, "b": LABELS}, "expected arrays called x_train and y_train (with x_val, y_val, x_te"),
        ({"x_test": GREY, "y_test": LABELS}, "or images and labels; found x_test, y_test."),
        ({"images": GREY / 255, "labels": LABELS}, "found (4, 6, 5) of float64. Pixels in [0, 1] become bytes with"),
        (
            {"images": np.zeros((4, 3, 8, 8), np.uint8), "labels": LABELS},
            "found (4, 3, 8, 8) of uint8. Move the channels to the end with transpose(0, 2, 3, 1).",
        ),
        ({"images": GREY[:0], "labels": LABELS[:0]}, "found (0, 6, 5) of uint8."),
        ({"images": GREY, "labels": LABELS[:3]}, "expected 4 labels in 'labels', one for each of 'images', as integer"),
        ({"images": GREY, "labels": np.ones((4, 3))}, "expected one 1 in each row of 'labels' (4, 3); 4 of 4 rows"),
        ({"images": GREY, "labels": LABELS + 0.5}, "'labels' holds 3.5 in row 0, which is no label but a number. Cut"),
        ({"images": GREY.astype(np.int64) - 1, "labels": LABELS}, "row 0: expected whole numbers from 0 to 255, found"),
        ({"images": GREY > 9, "labels": LABELS}, "found (4, 6, 5) of bool. Pixels in [0, 1] become bytes with (255 *"),
        ({"images": GREY, "labels": LABELS * 0}, "has a single class, '0'. A classifier needs two or more."),
        ({"images": np.asfortranarray(GREY), "labels": LABELS}, "'images' cannot be read: it is stored column by colu"),
        ({"images": GREY, "labels": np.array(["a", None, 1, 2], object)}, "'labels' cannot be read: it holds Pyth"),
        ({"images": np.array([[[None]]]), "labels": LABELS[:1]}, "'images' cannot be read: it holds Python objects, w"),
    ],
)  # fmt: skip
def test_archives_that_are_refused(arrays: dict, text: str, opened, root: Path, tmp_path: Path):
    with pytest.raises(DataError, match=re.escape(text)) as error:
        opened(**arrays)
    assert str(error.value).startswith(f"{root}/mine.npz")
    assert not list((tmp_path / "cache").glob("*"))


def test_an_archive_cut_short(opened, root: Path):
    opened(images=GREY, labels=LABELS)
    path = root / "mine.npz"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=re.escape(f"{path} cannot be read as .npz: File is not a zip file.")):
        open_source("mine", data_root=root, image_size=None, channels=None)


def test_an_archive_damaged_within(opened, root: Path):
    opened(images=GREY, labels=LABELS)
    path = root / "mine.npz"
    raw = bytearray(path.read_bytes())
    raw[200:210] = bytes(10)
    path.write_bytes(raw)
    with pytest.raises(
        DataError, match=re.escape(f"{path}: 'images' cannot be read: Bad CRC-32 for file 'images.npy'")
    ):
        open_source("mine", data_root=root, image_size=None, channels=None)


@pytest.mark.parametrize(
    "names",
    [("X", "y"), ("X_train", "Y_train"), ("TRAIN_IMAGES", "train_labels"), ("Images", "Labels"), ("train_x", "train_y"),
     ("arr_0", "arr_1"), ("pics", "what")],
)  # fmt: skip
def test_names_that_people_give(names: tuple[str, str], opened):
    mine = opened(**dict(zip(names, (GREY, LABELS), strict=True)))
    assert (mine.splits["train"].images[..., 0] == GREY).all()
    guessed = names[0] in ("arr_0", "pics")
    note = f"mine.npz: '{names[0]}' holds the pictures and '{names[1]}' the labels, as their shapes say."
    assert mine.notes == ((note,) if guessed else ())


@pytest.mark.parametrize("labels", [LABELS.astype(float), np.eye(9)[LABELS], np.eye(9, dtype=np.uint8)[LABELS]])
def test_labels_as_floats_or_one_hot(labels: np.ndarray, opened):
    mine = opened(images=GREY, labels=labels)
    assert [int(mine.classes[label]) for label in mine.splits["train"].labels] == LABELS.tolist()


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint32, np.int16])
def test_whole_numbers_of_another_type_are_bytes(kind: type, opened):
    mine = opened(images=GREY.astype(kind), labels=LABELS)
    assert (mine.splits["train"].images[..., 0] == GREY).all()
    assert mine.notes == (
        f"mine.npz: 'images' holds whole numbers of {np.dtype(kind)}, which count as bytes from 0 to 255.",
    )


def test_two_files_beside_one_another(root: Path):
    (root / "mine").mkdir(parents=True)
    np.save(root / "mine" / "X.npy", GREY)
    np.save(root / "mine" / "y.npy", np.array(["sol", "luna"])[[0, 1, 0, 1]])
    mine = open_source("mine", data_root=root, image_size=None, channels=None)
    assert (mine.classes, len(mine.splits["train"].labels)) == (["luna", "sol"], 4)


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
def test_a_damaged_archive_is_told_or_read_as_it_was(number: int, root: Path):
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
def test_other_compressions(method: int, root: Path):
    root.mkdir()
    with zipfile.ZipFile(root / "mine.npz", "w", method) as archive:
        for name, array in (("images", GREY), ("labels", LABELS)):
            content = io.BytesIO()
            np.save(content, array)
            archive.writestr(f"{name}.npy", content.getvalue())
    assert len(open_source("mine", data_root=root, image_size=None, channels=None).splits["train"].labels) == 4


def test_a_header_that_claims_too_much(root: Path):
    root.mkdir()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<i8", "fortran_order": False, "shape": (2**40,)})
    with zipfile.ZipFile(root / "mine.npz", "w") as archive:
        content = io.BytesIO()
        np.save(content, GREY)
        archive.writestr("images.npy", content.getvalue())
        archive.writestr("labels.npy", header.getvalue())
    with pytest.raises(DataError, match=r"'labels' cannot be read: it claims 8,796,093,022,208 bytes\."):
        open_source("mine", data_root=root, image_size=None, channels=None)
