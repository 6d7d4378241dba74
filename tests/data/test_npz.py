"""Archives of arrays: which names they go by, and what is refused."""

import re
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
        ({"x": GREY, "z": LABELS}, "expected arrays called x_train and y_train (with x_val, y_val, x_test, y_test bes"),
        ({"x_test": GREY, "y_test": LABELS}, "or images and labels; found x_test, y_test."),
        ({"images": GREY / 255, "labels": LABELS}, "found (4, 6, 5) of float64. Pixels in [0, 1] become bytes with"),
        (
            {"images": np.zeros((4, 3, 8, 8), np.uint8), "labels": LABELS},
            "found (4, 3, 8, 8) of uint8. Move the channels to the end with transpose(0, 2, 3, 1).",
        ),
        ({"images": GREY[:0], "labels": LABELS[:0]}, "found (0, 6, 5) of uint8."),
        ({"images": GREY, "labels": LABELS[:3]}, "expected 4 labels in 'labels', one for each of 'images', as integer"),
        ({"images": GREY, "labels": np.eye(4)}, "found shape (4, 4) of float64. Labels as rows of 0 and 1 become numb"),
        ({"images": GREY, "labels": LABELS * 0}, "has a single class, '0'. A classifier needs two or more."),
        ({"images": np.asfortranarray(GREY), "labels": LABELS}, "'images' cannot be read: it is stored column by colu"),
        ({"images": GREY, "labels": np.array(["a", None, 1, 2], object)}, "'labels' cannot be read: Object arrays can"),
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
