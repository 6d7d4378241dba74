"""Pictures that are there twice: what is found, what is not, and what becomes of it."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from escalera.core.errors import DataError
from escalera.data.duplicates import search as module
from escalera.data.duplicates.overlap import with_overlap, without_duplicates
from escalera.data.duplicates.search import Pair, find_duplicates
from escalera.data.images import Images, ImageSet
from escalera.data.splits import split

Change = Callable[[np.ndarray], np.ndarray]


def pictures(count: int, seed: int = 0, side: int = 32) -> np.ndarray:
    """Blurred noise (N, H, W, 3): pictures with coarse and fine detail that have nothing in common."""
    random, out = np.random.RandomState(seed), np.empty((count, side, side, 3), np.uint8)
    for row in range(count):
        noise = Image.fromarray(random.randint(0, 256, (side, side)).astype(np.uint8))
        coarse = np.asarray(noise.filter(ImageFilter.GaussianBlur(3)), float) - 128
        fine = np.asarray(noise.filter(ImageFilter.GaussianBlur(1.2)), float) - 128
        out[row] = np.clip(128 + 5 * coarse + fine, 0, 255)[..., None] * (1.0, 0.9, 0.7)
    return out


def jpeg(picture: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=50)
    return np.asarray(Image.open(file))


CHANGES: dict[str, Change] = {
    "compressed": jpeg,
    "shifted": lambda picture: np.roll(picture, 2, axis=1),
    "brighter": lambda picture: np.clip(picture * 1.1, 0, 255).astype(np.uint8),
    "mirrored": lambda picture: picture[:, ::-1],
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_picture_is_found_in_another_split(change: Change) -> None:
    train = pictures(60)
    test = np.concatenate([pictures(20, seed=1), np.stack([change(picture) for picture in train[10:15]])])
    found = list(find_duplicates({"train": train, "test": test}).pairs())
    assert sorted((pair.kind, pair.first, pair.second) for pair in found) == [
        ("near", ("train", 10 + i), ("test", 20 + i)) for i in range(5)
    ]
    assert all(pair.mirrored == (change is CHANGES["mirrored"]) for pair in found)
    assert all(0 < pair.distance < 0.2 or pair.mirrored for pair in found)


def test_copies_are_found_within_and_across() -> None:
    train, test = pictures(30), pictures(10, seed=1)
    train[7] = train[29] = train[3]
    test[4] = train[3]
    found = find_duplicates({"train": train, "test": test})
    assert list(found.pairs()) == [
        Pair("exact", ("train", 3), ("train", 7)),
        Pair("exact", ("train", 3), ("train", 29)),
        Pair("exact", ("train", 3), ("test", 4)),
    ]
    marked = np.arange(40) < 30
    assert np.flatnonzero(found.beside(marked)).tolist() == [3, 7, 29, 34]
    assert np.flatnonzero(found.beside(~marked)).tolist() == [3, 7, 29]


def test_small_pictures_have_copies_alone() -> None:
    small = pictures(40, side=15)
    small[5] = small[6]
    small[8] = np.clip(small[9].astype(int) + 1, 0, 255)
    found = find_duplicates({"train": small})
    assert [pair.second for pair in found.pairs()] == [("train", 6)]
    assert not found.near_searched


def test_of_too_many_pictures_copies_alone_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    train = pictures(40)
    train[5], train[8] = train[6], jpeg(train[9])
    assert len(list(find_duplicates({"train": train}).pairs())) == 2
    monkeypatch.setattr(module, "LARGEST", 38)
    found = find_duplicates({"train": train})
    assert [pair.kind for pair in found.pairs()] == ["exact"]
    assert not found.near_searched


@pytest.mark.parametrize("count", [1, 2, 3, 9, 11])
def test_few_pictures(count: int) -> None:
    found = find_duplicates({"train": pictures(count)})
    assert list(found.pairs()) == []


def test_even_surfaces_resemble_nothing() -> None:
    flat = np.stack([np.full((32, 32, 1), value, np.uint8) for value in range(0, 240, 10)])
    assert list(find_duplicates({"train": flat}).pairs()) == []


@pytest.fixture
def leaky() -> ImageSet:
    """100 train and 20 test pictures of two classes: test 0 is train 8, test 1 nearly train 9; train 20 is train 21."""
    train, test = pictures(100), pictures(20, seed=1)
    test[0], test[1], train[20] = train[8], jpeg(train[9]), train[21]
    return ImageSet(
        "leaky", ["a", "b"], {"train": Images(train, np.arange(100) % 2), "test": Images(test, np.arange(20) % 2)}
    )


def test_a_split_knows_which_test_rows_are_in_train(leaky: ImageSet) -> None:
    data = with_overlap(split(leaky, validation=0.1, test=0, seed=1))
    assert data.overlap is not None
    kept = {8, 9} & set(data.train.rows.tolist())
    assert np.flatnonzero(data.overlap.test).tolist() == [i for i in (0, 1) if 8 + i in kept]
    assert data.overlap.counts()["test"] == len(kept)


def test_dropping_takes_twins_out_of_train_and_nothing_out_of_test(leaky: ImageSet) -> None:
    for seed in range(4):
        before = split(leaky, validation=0.3, test=0, seed=seed)
        after = without_duplicates(before)
        assert after.overlap is not None
        gone = set(before.train.rows.tolist()) - set(after.train.rows.tolist())
        twins = {20, 21} if len({20, 21} & set(before.validation.rows.tolist())) == 1 else set()
        assert gone == ({8, 9} | twins) & set(before.train.rows.tolist())
        assert (after.test.rows == before.test.rows).all() and (after.validation.rows == before.validation.rows).all()
        assert after.overlap.counts() == {
            "test": 0,
            "test_exact": 0,
            "validation": 0,
            "near_searched": True,
            "dropped": len(gone),
        }


def test_a_class_is_never_emptied(leaky: ImageSet) -> None:
    train = leaky.splits["train"]
    labels = np.zeros(100, np.int64)
    labels[8:10] = 1
    whole = replace(
        leaky, splits={**leaky.splits, "train": Images(train.images, labels), "validation": leaky.splits["test"]}
    )
    with pytest.raises(
        DataError, match=r"leaky: data.duplicates: 'drop' leaves no row of class 'b' in train: each has a"
    ):
        without_duplicates(split(whole, validation=0, test=0, seed=0))
