"""A column of numbers cut into bands, which are then the classes.

values  (N,) float64
labels  (N,) int64, positions in the list of bands, the lowest first
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError, nearest
from escalera.data.dataset import Bands, Dataset, Split, limit_text
from escalera.data.images import ImageSet

if TYPE_CHECKING:
    import pyarrow as pa


def fit(column: str, values: NDArray[np.float64], count: int) -> Bands:
    """Cut values into `count` bands of as equal a number of rows as equal values allow.

    A limit is the roundest number that cuts where the quantile does. Raises DataError when so many rows share a value
    that there are not as many bands.
    """
    distinct, counts = np.unique(values, return_counts=True)
    cuts = _cuts(counts, count)
    if len(cuts) < count - 1:
        common = distinct[counts.argmax()]
        possible = next((fewer for fewer in range(count - 1, 1, -1) if len(_cuts(counts, fewer)) == fewer - 1), None)
        remedy = f"Set data.bands to {possible}" if possible else "Choose another target"
        raise DataError(
            f"data.bands: '{column}' cannot be cut into {count} bands: its {len(values)} rows hold "
            f"{len(distinct)} different value{'' if len(distinct) == 1 else 's'}, {counts.max()} of them "
            f"{limit_text(common)}. {remedy}."
        )
    return Bands(column, tuple(_roundest(distinct[cut], distinct[cut + 1]) for cut in cuts))


def provisional(image_set: ImageSet, column: str, count: int) -> ImageSet:
    """The set with bands over all rows of its train as its classes, so that the splits can be drawn alike in each.

    The bands that count are `banded`'s, from the rows that are train once the splits are drawn. All that these have
    seen more is which rows lie high or low, and all that it does is to balance the splits.
    """
    values = {name: target(f"{image_set.name}: {name}", part.table, column) for name, part in image_set.splits.items()}
    bands = fit(column, values["train"], count)
    splits = {name: replace(part, labels=bands.labels(values[name])) for name, part in image_set.splits.items()}
    return replace(image_set, classes=bands.names, splits=splits)


def banded(data: Dataset, column: str, count: int, *, whole: bool = False) -> Dataset:
    """The splits with the bands of train's own rows as their classes.

    `whole`: of all rows, so that folds have the same classes and each row has one, whichever fold it is in.
    """
    train = target(data.name, data.train.table, column)
    bands = fit(column, train if whole else train[data.train.rows], count)

    def labelled(part: Split) -> Split:
        return replace(part, labels=bands.labels(target(data.name, part.table, column)))

    return replace(
        data,
        classes=bands.names,
        train=labelled(data.train),
        validation=labelled(data.validation),
        test=labelled(data.test),
        bands=bands,
    )


def target(where: str, table: pa.Table | None, column: str) -> NDArray[np.float64]:
    """The column to be cut, a number in every row; raises DataError where it is absent, and with the rows without."""
    from escalera.data.column import numbers

    names: Sequence[str] = table.column_names if table is not None else []
    if table is None or column not in names:
        raise DataError(f"data.target: {where} has no column '{column}'; {nearest(column, names)}")
    values = numbers(table, column)
    absent = np.flatnonzero(np.isnan(values))
    if len(absent):
        listed = ", ".join(map(str, absent[:10])) + (", ..." if len(absent) > 10 else "")
        raise DataError(
            f"data.target: {where}: '{column}' is missing in {len(absent):,} of {len(values):,} rows, counted from 0: "
            f"{listed}. Give each a number, or take the rows out."
        )
    return values


def _cuts(counts: NDArray[np.int64], bands: int) -> list[int]:
    """After which of the distinct values to cut, where `counts` rows hold each: as near to equal bands as it goes."""
    below = np.cumsum(counts)[:-1]  # rows up to each value that a limit can follow
    if len(below) == 0:
        return []
    shares = counts.sum() * np.arange(1, bands) / bands
    return sorted({int(np.abs(below - share).argmin()) for share in shares})


def _roundest(low: float, high: float) -> float:
    """The number of fewest figures in [low, high)."""
    for figures in range(17):
        # Upwards from `low`, in steps of a unit of its figure at that place.
        size = max(abs(low), abs(high))
        unit = 10.0 ** (np.floor(np.log10(size)) + 1 - figures)
        rounded = float(f"{np.ceil(low / unit) * unit:.15g}")
        if low <= rounded < high:
            return rounded
    return float(low)
