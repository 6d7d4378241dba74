"""A number cut into bands: limits from train alone, names that read alike in every language."""

import json
import re

import numpy as np
import pyarrow as pa
import pytest

from escalera.core.errors import DataError
from escalera.data.dataset import Bands, Dataset
from escalera.data.images import Images, ImageSet
from escalera.data.splits import split
from escalera.data.table.bands import banded, fit, provisional, target

S = "\u202f"


def source(prices: list[float | None], test: list[float | None] | None = None) -> ImageSet:
    """A source as it comes without labels: all are 0, and there are no classes."""

    def images(values: list[float | None]) -> Images:
        count = len(values)
        return Images(np.zeros((count, 2, 2, 1), np.uint8), np.zeros(count, np.int64), pa.table({"price": values}))

    return ImageSet("houses", [], {"train": images(prices)} | ({"test": images(test)} if test else {}))


def whole(prices: list[float | None], count: int, test: list[float | None] | None = None) -> Dataset:
    drawn = split(provisional(source(prices, test), "price", count), validation=0.2, test=0.2, seed=0)
    return banded(drawn, "price", count)


def test_bands_hold_as_many_rows_each() -> None:
    values = np.random.RandomState(0).lognormal(12, 1, 403)
    bands = fit("price", values, 4)
    counts = np.bincount(bands.labels(values))
    assert counts.sum() == 403
    assert counts.min() >= 100


def test_limits_are_the_roundest_numbers_that_cut_there() -> None:
    values = np.array([101_000, 249_300, 319_400, 320_700, 561_234.5, 561_234.7])
    assert fit("price", values, 3).limits == (300_000, 400_000)
    assert fit("price", values, 2).limits == (320_000,)
    assert fit("price", np.array([561_234.5, 561_234.75]), 2).limits == (561_234.5,)
    assert fit("price", np.array([-3.0, 4]), 2).limits == (0,)
    assert fit("price", np.array([0.0, 4]), 2).limits == (0,)
    assert fit("price", np.array([-4.0, 0]), 2).limits == (-4,)
    assert fit("price", np.array([-250.0, -11]), 2).limits == (-200,)
    assert fit("price", np.array([1e-9, 3e-9]), 2).limits == (1e-9,)
    assert fit("price", np.array([0.1, 0.1 + 1e-17, 0.30000000000000004]), 2).limits == (0.1,)


@pytest.mark.parametrize("seed", range(20))
def test_a_rounded_limit_never_moves_a_row(seed: int) -> None:
    random = np.random.RandomState(seed)
    values = random.normal(0, 10.0 ** random.randint(-6, 7), 50)
    bands = fit("x", values, 5)
    assert np.bincount(bands.labels(values)).tolist() == [10] * 5


def test_names_read_alike_in_every_language() -> None:
    assert Bands("price", (320_000, 560_000.5)).names == [
        f"≤ 320{S}000",
        f"320{S}000 – 560{S}000.5",
        f"> 560{S}000.5",
    ]
    assert Bands("x", (-1.5,)).names == ["≤ −1.5", "> −1.5"]


def test_a_limit_belongs_to_the_band_below() -> None:
    assert Bands("price", (10, 20)).labels(np.array([-1, 10, 10.1, 20, 21])).tolist() == [0, 0, 1, 1, 2]


def test_json_gives_the_same_bands() -> None:
    bands = Bands("price", (1 / 3, 2e17))
    assert Bands.from_json(json.loads(json.dumps(bands.to_json()))) == bands


def test_equal_values_stay_together() -> None:
    values = np.array([1] * 6 + [2] * 3 + [3] * 3)
    bands = fit("rooms", values, 3)
    assert np.bincount(bands.labels(values)).tolist() == [6, 3, 3]


@pytest.mark.parametrize(
    ("values", "count", "text"),
    [
        (
            [0] * 90 + list(range(1, 11)), 4,
            "data.bands: 'price' cannot be cut into 4 bands: its 100 rows hold 11 different values, 90 of them 0. "
            "Set data.bands to 2.",
        ),
        (
            [5] * 8, 2,
            "data.bands: 'price' cannot be cut into 2 bands: its 8 rows hold 1 different value, 8 of them 5. "
            "Choose another target.",
        ),
        ([1, 2, 3], 4, "its 3 rows hold 3 different values, 1 of them 1. Set data.bands to 3."),
    ],
)  # fmt: skip
def test_too_few_different_values(values: list[int], count: int, text: str) -> None:
    with pytest.raises(DataError, match=re.escape(text)):
        fit("price", np.array(values, dtype=float), count)


def test_the_limits_come_from_train_alone() -> None:
    """The rows of train decide; those of the other splits may lie anywhere."""
    prices = np.random.RandomState(0).permutation(200).astype(float)
    data = whole(prices.tolist(), 4)
    assert data.bands == fit("price", prices[data.train.rows], 4)
    far = prices.copy()
    far[data.test.rows] *= 1000
    drawn = Dataset("houses", [], data.train, data.validation, data.test)
    moved = pa.table({"price": far})
    parts = [
        type(part)(part.images, part.labels, part.rows, moved) for part in (data.train, data.validation, data.test)
    ]
    assert banded(Dataset("houses", [], parts[0], parts[1], parts[2]), "price", 4).bands == data.bands
    assert drawn.bands is None


def test_every_split_has_every_band_alike() -> None:
    data = whole(np.random.RandomState(1).lognormal(12, 1, 400).tolist(), 4)
    assert data.bands is not None
    assert data.classes == data.bands.names
    assert np.bincount(data.train.labels[data.train.rows]).tolist() == [64] * 4
    for part in (data.validation, data.test):
        counts = np.bincount(part.labels[part.rows], minlength=4)
        assert counts.min() >= 0.7 * counts.max()
    rows = np.concatenate([data.train.rows, data.validation.rows, data.test.rows])
    assert sorted(rows) == list(range(400))


def test_a_test_split_of_its_own_gets_the_bands_of_train() -> None:
    data = whole([*map(float, range(100))], 2, test=[-5.0, 1000.0])
    assert data.test.labels.tolist() == [0, 1]


def test_a_target_that_cannot_be_used() -> None:
    with pytest.raises(
        DataError, match=re.escape("data.target: houses: train has no column 'prize'; did you mean 'price'?")
    ):
        provisional(source([1.0, 2.0]), "prize", 2)
    with pytest.raises(DataError, match=r"data.target: digits has no column 'price'; none is known"):
        target("digits", None, "price")
    with pytest.raises(DataError) as caught:
        provisional(source([1.0, None, 3.0, None]), "price", 2)
    assert str(caught.value) == (
        "data.target: houses: train: 'price' is missing in 2 of 4 rows, counted from 0: 1, 3. "
        "Give each a number, or take the rows out."
    )
    with pytest.raises(
        DataError, match=r"is missing in 12 of 12 rows, counted from 0: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\."
    ):
        provisional(source([None] * 12), "price", 2)
