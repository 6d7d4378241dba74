"""Three splits that share no row, alike in their classes, the same for the same seed."""

import re

import numpy as np
import pytest
import torch

from escalera.builders import batches
from escalera.core.errors import DataError
from escalera.data.dataset import Dataset, Split, channel_statistics
from escalera.data.images import Images, ImageSet
from escalera.data.input_spec import InputSpec
from escalera.data.sources.open import open_source
from escalera.data.splits import split
from escalera.ladder.schema import RungConfig


def made_up(counts: list[int], test: int = 0) -> ImageSet:
    labels = np.random.RandomState(1).permutation(np.repeat(np.arange(len(counts)), counts))
    splits = {"train": Images(np.zeros((len(labels), 2, 3, 1), np.uint8), labels)}
    if test:
        splits["test"] = Images(np.ones((test, 2, 3, 1), np.uint8), np.arange(test) % len(counts))
    return ImageSet("mine", [f"class-{i}" for i in range(len(counts))], splits)


def test_no_row_is_in_two_splits_and_none_is_lost() -> None:
    data = split(made_up([100, 50, 10]), validation=0.1, test=0.2, seed=0)
    rows = [data.train.rows, data.validation.rows, data.test.rows]
    assert sorted(np.concatenate(rows)) == list(range(160))
    assert all((np.diff(some) > 0).all() and some.dtype == np.int64 for some in rows)
    assert (data.shape, data.name, data.classes) == ((2, 3, 1), "mine", ["class-0", "class-1", "class-2"])


def test_every_class_gives_its_share() -> None:
    data = split(made_up([100, 50, 10]), validation=0.1, test=0.2, seed=0)
    assert np.bincount(data.test.labels[data.test.rows]).tolist() == [20, 10, 2]
    assert np.bincount(data.validation.labels[data.validation.rows]).tolist() == [8, 4, 1]


def test_a_source_with_a_test_split_keeps_it() -> None:
    data = split(made_up([20, 20], test=6), validation=0.25, test=0.2, seed=0)
    assert data.test.rows.tolist() == list(range(6))
    assert data.test.images.min() == 1
    assert (len(data.train.rows), len(data.validation.rows)) == (30, 10)
    assert data.validation.images is data.train.images


def test_the_seed_decides() -> None:
    source = made_up([40, 40])
    first, again, other = (split(source, validation=0.2, test=0.2, seed=seed) for seed in (3, 3, 4))
    assert (first.validation.rows == again.validation.rows).all()
    assert (first.test.rows == again.test.rows).all()
    assert set(first.test.rows) != set(other.test.rows)


def test_the_rows_are_those_of_last_year() -> None:
    """Stored: a change here would make every run of an earlier version incomparable."""
    data = split(
        open_source("digits", data_root=None, image_size=None, channels=None), validation=0.1, test=0.2, seed=0
    )
    assert (len(data.train.rows), len(data.validation.rows), len(data.test.rows)) == (1293, 145, 359)
    assert data.validation.rows[:8].tolist() == [5, 16, 22, 26, 44, 47, 61, 83]
    assert data.test.rows[:8].tolist() == [3, 7, 13, 19, 36, 38, 43, 48]


FEW = "too few pictures in train to be in every split with"
TRAIN = "write data.rare_classes: train, which keeps them in train alone."


@pytest.mark.parametrize(
    ("counts", "given", "shares", "text"),
    [
        ([10, 2], 0, (0.1, 0.2), f"mine: 1 class has {FEW} data.validation 0.1 and data.test 0.2: 'class-1' (2). Each "
         f"needs 3 at least. Add pictures, or {TRAIN}"),
        ([2, 10, 1], 0, (0.1, 0.2), f"mine: 2 classes have {FEW} data.validation 0.1 and data.test 0.2: 'class-2' (1), "
         "'class-0' (2). Each"),
        ([10, 1], 2, (0.1, 0.2), f"1 class has {FEW} data.validation 0.1: 'class-1' (1). Each needs 2 at least. Add"),
        ([5, 5], 2, (0.95, 0.2), f"2 classes have {FEW} data.validation 0.95: 'class-0' (5), 'class-1' (5). Each needs "
         f"2 at least. Add pictures or make the shares smaller."),
        ([9] + [1] * 30, 0, (0.1, 0.2), "'class-10' (1), and 20 more. Each needs 3 at least."),
    ],
)  # fmt: skip
def test_classes_too_small_for_every_split(
    counts: list[int], given: int, shares: tuple[float, float], text: str
) -> None:
    source = made_up(counts, test=given) if given else made_up(counts)
    with pytest.raises(DataError, match=re.escape(text)):
        split(source, validation=shares[0], test=shares[1], seed=0)


def test_three_pictures_are_enough() -> None:
    assert len(split(made_up([10, 3]), validation=0.1, test=0.2, seed=0).test.rows) == 3


def test_small_classes_cannot_be_kept_in_train_where_there_are_no_others() -> None:
    with pytest.raises(DataError, match=r"2 classes have too few .*'class-1' \(1\), .*3 at least\. Add pictures\.$"):
        split(made_up([2, 1]), validation=0.1, test=0.2, seed=0, rare_classes="train")


def test_small_classes_kept_in_train_alone() -> None:
    data = split(made_up([10, 2, 1]), validation=0.1, test=0.2, seed=0, rare_classes="train")
    assert np.bincount(data.train.labels[data.train.rows]).tolist() == [7, 2, 1]
    assert set(data.test.labels[data.test.rows]) | set(data.validation.labels[data.validation.rows]) == {0}
    assert "test has no picture of 'class-1', 'class-2'." in data.notes
    same = split(made_up([10, 3]), validation=0.1, test=0.2, seed=0, rare_classes="train")
    assert (same.test.rows == split(made_up([10, 3]), validation=0.1, test=0.2, seed=0).test.rows).all()


def test_statistics_are_those_of_the_rows_alone() -> None:
    images = np.random.RandomState(0).randint(0, 256, (500, 5, 7, 3)).astype(np.uint8)
    images[100:] = 0
    mean, std = channel_statistics(Split(images, np.zeros(500, np.int64), np.arange(100)))
    pixels = images[:100].reshape(-1, 3) / 255
    assert mean == pytest.approx(pixels.mean(axis=0), abs=1e-12)
    assert std == pytest.approx(pixels.std(axis=0), abs=1e-12)


def test_statistics_in_parts_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.RandomState(0).randint(0, 256, (50, 5, 7, 3)).astype(np.uint8)
    some = Split(images, np.zeros(50, np.int64), np.arange(50))
    whole = channel_statistics(some)
    monkeypatch.setattr("escalera.data.dataset._AT_ONCE", 300)
    assert channel_statistics(some) == whole


def test_statistics_are_measured_once_for_all_that_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.RandomState(0).randint(0, 256, (50, 4, 6, 3)).astype(np.uint8)
    some = Split(images, np.arange(50) % 2, np.arange(50))
    data = Dataset("made up", ["a", "b"], some, some, some)
    measured: list[Split] = []

    def measure(split: Split) -> tuple[list[float], list[float]]:
        measured.append(split)
        return channel_statistics(split)

    monkeypatch.setattr("escalera.data.dataset.channel_statistics", measure)
    plain = data.inputs(attributes=True, layout=(2, 1), standard=False)
    assert plain == InputSpec((3, 4, 6), ("a", "b"), 0, (2, 1))
    assert not measured
    mean, deviation = channel_statistics(some)
    for _ in range(3):
        found = data.inputs(attributes=False, layout=(1, 1), standard=True)
        assert found == InputSpec((3, 4, 6), ("a", "b"), mean=mean, deviation=deviation)
        config = RungConfig.model_validate(
            {"data": {"source": "digits", "normalize": "standard"}, "model": {"kind": "mlp", "dense": [2]}}
        )
        batches(config, some, some, seed=0, device=torch.device("cpu"), training=True)
    assert len(measured) == 1


def test_a_constant_channel_has_deviation_one() -> None:
    images = np.full((10, 4, 4, 2), 200, np.uint8)
    images[0, 0, 0, 1] = 0
    mean, std = channel_statistics(Split(images, np.zeros(10, np.int64), np.arange(10)))
    assert mean[0] == pytest.approx(200 / 255)
    assert std[0] == 1.0
    assert 0 < std[1] < 0.1
