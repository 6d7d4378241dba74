"""A source in three splits, and what is known of it: plain values that everybody above hands on.

images  (N, H, W, C) uint8, whole
labels  (N,) int64, whole
rows    (n,) int64, ascending: which rows of the two belong to the split
table   N rows, whole: the source's other columns, or None
attributes  (N, A) float32, whole: what was made of the table by what train's rows teach, or None
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from escalera.data.input_spec import InputSpec
from escalera.data.rows import Rows

if TYPE_CHECKING:
    import pyarrow as pa

    from escalera.data.table.transform import Transformation

_AT_ONCE = 4_000_000
"""Bytes of pixels that the statistics look at together; their squares take eight times as much."""
_SPACE = "\u202f"
"""Between thousands (ISO 80000-1): a comma or a point is the decimal sign in one language or the other."""


@dataclass(frozen=True)
class Split:
    """Some rows of an array of pictures; the array itself is shared between splits and never copied.

    `origin` is the split of the source whose rows they are; `kept` (N, F) are features beside the attributes, of parts
    of a network that need not run any more.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]
    table: pa.Table | None = None
    attributes: NDArray[np.float32] | None = None
    origin: str = "train"
    kept: NDArray[np.float32] | None = None

    def drawn(self, count: int) -> Split:
        """At most so many of its rows, in their order: the same ones whenever it is asked."""
        if len(self.rows) <= count:
            return self
        return replace(self, rows=np.sort(np.random.RandomState(0).permutation(self.rows)[:count]))

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the pixels and the attributes of its rows: computed once, since that reads them all."""
        found = hashlib.sha256(repr((self.images.shape[1:], self.images.dtype.str)).encode())
        source = Rows(self.images)
        step = max(1, _AT_ONCE // math.prod(self.images.shape[1:]))
        for first in range(0, len(self.rows), step):
            found.update(source.take(self.rows[first : first + step]).data)
        if self.attributes is not None:
            found.update(self.attributes[self.rows].data)
        return found.hexdigest()

    @cached_property
    def channels(self) -> tuple[list[float], list[float]]:
        """Mean and deviation of each channel of its pixels: measured once, since that reads them all."""
        return channel_statistics(self)


@dataclass(frozen=True)
class Overlap:
    """`test` (n,) and `validation` (m,): whether each of their rows has a duplicate in train, in the order of `rows`.

    `exact` (n,) are the test rows that have their very copy there; `near_searched` is whether any others were looked
    for; `dropped` is how many rows were taken out of train.
    """

    test: NDArray[np.bool_]
    exact: NDArray[np.bool_]
    validation: NDArray[np.bool_]
    near_searched: bool
    dropped: int = 0

    def counts(self) -> dict[str, int | bool]:
        """What run.json holds."""
        return {
            "test": int(self.test.sum()),
            "test_exact": int(self.exact.sum()),
            "validation": int(self.validation.sum()),
            "near_searched": self.near_searched,
            "dropped": self.dropped,
        }


@dataclass(frozen=True)
class Relabelled:
    """The labels that a file changed, or the rows that it dropped (`kind`): how many of each split it lists.

    Those of test are changed only where that was asked for.
    """

    file: str
    sha256: str
    kind: str
    train: int
    validation: int
    test: int
    test_changed: bool


@dataclass(frozen=True)
class Bands:
    """The bands of a column: `limits` are the highest values of all but the last band."""

    column: str
    limits: tuple[float, ...]

    @property
    def names(self) -> list[str]:
        """`≤ 320 000`, `320 000 – 560 000`, `> 560 000`."""
        texts = [limit_text(limit) for limit in self.limits]
        between = [f"{low} – {high}" for low, high in pairwise(texts)]
        return [f"≤ {texts[0]}", *between, f"> {texts[-1]}"]

    def labels(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """The band of each value; a limit belongs to the band below it."""
        return np.searchsorted(self.limits, values, side="left").astype(np.int64)

    def to_json(self) -> dict[str, Any]:
        """As values that JSON holds exactly."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Bands:
        """The same bands again."""
        return cls(value["column"], tuple(value["limits"]))


@dataclass(frozen=True)
class Dataset:
    """A source in three splits; `classes` are the names in the order of the labels.

    `attributes` is how the splits' attributes were made of their tables, `bands` how the classes of a target. `skipped`
    are the bad pictures that were left out, a line each; `notes` is what a person should know beside. `overlap` says
    which rows have a duplicate in train, None while nobody has looked; `relabelled` what a file changed of the
    labels. `calibration` are rows of validation that were set aside, to choose nothing.
    """

    name: str
    classes: list[str]
    train: Split
    validation: Split
    test: Split
    attributes: Transformation | None = None
    bands: Bands | None = None
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    overlap: Overlap | None = None
    relabelled: Relabelled | None = None
    calibration: Split | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, C) of every picture."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels

    def inputs(self, *, attributes: bool, layout: tuple[int, int], standard: bool) -> InputSpec:
        """What a network is given of a row that reads `attributes`, or does not, and wants its pixels `standard`."""
        mean, deviation = self.train.channels if standard else (None, None)
        count = self.attribute_count if attributes else 0
        return InputSpec(self.image_shape, tuple(self.classes), count, layout, mean, deviation)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(C, H, W) of every picture, as networks take them."""
        height, width, channels = self.shape
        return channels, height, width

    @property
    def attribute_count(self) -> int:
        """How many attributes a row has."""
        return len(self.attributes.names) if self.attributes else 0


def channel_statistics(split: Split) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel over a split's pixels in [0, 1]; sums are exact, memory is small.

    A channel that never changes has deviation 1, so that dividing by it is harmless.
    """
    channels = split.images.shape[-1]
    row_bytes = split.images[0].size
    total = np.zeros(row_bytes, np.uint64)
    squares = np.zeros(row_bytes, np.uint64)
    source = Rows(split.images)
    for rows in np.array_split(split.rows, -(-len(split.rows) * row_bytes // _AT_ONCE)):
        pixels = source.take(rows)
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


def limit_text(number: float) -> str:
    """A limit of a band as people read it."""
    text = f"{number:,.15g}" if abs(number) < 1e15 else f"{number:g}"
    return text.replace(",", _SPACE).replace("-", "−")
