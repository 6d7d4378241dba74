"""Three splits always: validation out of train, and test out of it too where the source has none.

images  (N, H, W, C) uint8, whole
labels  (N,) int64, whole
rows    (n,) int64, ascending: which rows of the two belong to the split
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from escalera.data.images import Images, ImageSet
from escalera.errors import DataError

_AT_ONCE = 4_000_000
"""Bytes of pixels that the statistics look at together; their squares take eight times as much."""


@dataclass(frozen=True)
class Split:
    """Some rows of an array of pictures; the array itself is shared between splits and never copied."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class Dataset:
    """A source in three splits; `classes` are the names in the order of the labels."""

    name: str
    classes: list[str]
    train: Split
    validation: Split
    test: Split

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of every picture."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels


def split(image_set: ImageSet, *, validation: float, test: float, seed: int) -> Dataset:
    """Split a source by shares, each class alike; the same seed gives the same rows on every machine.

    `test` is a share of the source and counts only where it has no test split; `validation` is a share of what is left.
    Raises DataError for a class with too few rows to be in every split.
    """
    whole = image_set.splits["train"]
    given = image_set.splits.get("test")
    # RandomState's stream is frozen by numpy for good, which Generator's is not.
    random = np.random.RandomState(seed % 2**32)
    tests, validations, trains = [], [], []
    for label, name in enumerate(image_set.classes):
        rows = random.permutation(np.flatnonzero(whole.labels == label))
        to_test = 0 if given else _share(test, len(rows))
        to_validation = _share(validation, len(rows) - to_test)
        if to_test + to_validation >= len(rows):
            raise DataError(
                f"{image_set.name}: class '{name}' has {len(rows)} in train, too few to be in every split with "
                f"data.validation {validation}{'' if given else f' and data.test {test}'}. "
                "Add pictures of it, take the class out, or make the shares smaller."
            )
        part = np.split(rows, [to_test, to_test + to_validation])
        tests.append(part[0])
        validations.append(part[1])
        trains.append(part[2])
    return Dataset(
        image_set.name,
        image_set.classes,
        _some(whole, np.concatenate(trains)),
        _some(whole, np.concatenate(validations)),
        _some(given, np.arange(len(given.labels))) if given else _some(whole, np.concatenate(tests)),
    )


def channel_statistics(split: Split) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over a split's pixels in [0, 1]; sums are exact, memory is small.

    A channel that never changes has deviation 1, so that dividing by it is harmless.
    """
    channels = split.images.shape[-1]
    row_bytes = split.images[0].size
    total = np.zeros(row_bytes, np.uint64)
    squares = np.zeros(row_bytes, np.uint64)
    for rows in np.array_split(split.rows, -(-len(split.rows) * row_bytes // _AT_ONCE)):
        pixels = split.images[rows].reshape(len(rows), row_bytes)
        total += pixels.sum(axis=0, dtype=np.uint64)
        squares += np.square(pixels, dtype=np.uint16).sum(axis=0, dtype=np.uint64)
    count = len(split.rows) * row_bytes // channels
    means, deviations = [], []
    for channel in range(channels):
        first, second = int(total[channel::channels].sum()), int(squares[channel::channels].sum())
        means.append(first / count / 255)
        # In whole numbers, since the difference of two large floats would make a constant channel vary.
        deviations.append(math.sqrt(count * second - first**2) / count / 255 or 1.0)
    return means, deviations


def _share(share: float, rows: int) -> int:
    """A share of a class, rounded, and one row at least."""
    return max(1, int(share * rows + 0.5))


def _some(images: Images, rows: NDArray[np.int64]) -> Split:
    return Split(images.images, images.labels, np.sort(rows))
