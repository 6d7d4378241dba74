"""The rows of a finished run's splits, fetched anew from their source: what a copy of the model is asked about.

n rows of a split, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from escalera import builders
from escalera.core.errors import DataError, EscaleraError, RunError
from escalera.core.predictions import read_answers
from escalera.core.rundir import RunDir
from escalera.data.dataset import Bands
from escalera.data.rows import Rows
from escalera.data.table.bands import target
from escalera.inference.attributes import vectors_of

if TYPE_CHECKING:
    from escalera.data.images import Images
    from escalera.inference.bundle import Trained
    from escalera.inference.predictor import Predictor

_AT_ONCE = 256


@dataclass(frozen=True)
class Part:
    """Rows of a split: `pixels` (n, H, W, C) are taken from memory or the cache when they are asked for.

    `vectors` (n, A) are the attributes as the network takes them, None for one that reads none; `labels` (n,).
    """

    images: NDArray[np.uint8]
    rows: NDArray[np.int64]
    vectors: NDArray[np.float32] | None
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        """How many rows."""
        return len(self.rows)

    def some(self, most: int) -> Part:
        """At most so many of them, the same each time."""
        if len(self) <= most:
            return self
        chosen = np.sort(np.random.default_rng(0).choice(len(self), most, replace=False))
        vectors = None if self.vectors is None else self.vectors[chosen]
        return Part(self.images, self.rows[chosen], vectors, self.labels[chosen])

    def batches(self, size: int = _AT_ONCE) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.float32] | None]]:
        """Pixels and vectors, a few rows at a time."""
        source = Rows(self.images)
        for first in range(0, len(self), size):
            place = slice(first, first + size)
            pixels = source.take(self.rows[place]).reshape(-1, *self.images.shape[1:])
            yield pixels, None if self.vectors is None else self.vectors[place]


@dataclass(frozen=True)
class SplitRows:
    """Rows of a split of a run; `images` is the split of the source that has them, and `labels` the classes of all.

    Those of its own rows are what the run had, after corrections.
    """

    images: Images
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]


def split_rows(run: RunDir, trained: Trained, data_root: Path | None) -> dict[str, SplitRows]:
    """The rows of each split of a run, from its source.

    Raises DataError where the run has not kept which they are, EscaleraError where the source is not here, or another.
    """
    run.check(run.splits.name)
    try:
        table = pq.read_table(run.splits).to_pydict()
    except (OSError, pa.ArrowException) as error:
        raise DataError("this run has not kept which rows were in which split") from error
    splits = builders.pictures(trained.config.data, data_root=data_root, skip_bad=True).splits
    names, origins, rows = (np.array(table[column]) for column in ("split", "source", "row"))
    found = {}
    for name in ("train", "validation", "test"):
        mine = names == name
        origin = splits.get(str(origins[mine][0])) if mine.any() else None
        if origin is None or rows[mine].max() >= len(origin.labels):
            raise EscaleraError("the source on this machine is not the one that this run learned from")
        labels = _labels(trained, origin).copy()
        if "label" in table:  # an earlier version did not keep them
            labels[rows[mine]] = np.array(table["label"])[mine]
        found[name] = SplitRows(origin, rows[mine], labels)
    return found


def _labels(trained: Trained, images: Images) -> NDArray[np.int64]:
    """The classes of all rows, which a column of numbers gives where it was cut into them."""
    cut = (trained.table or {}).get("bands")
    if cut is None:
        return images.labels
    bands = Bands.from_json(cut)
    return bands.labels(target(trained.config.data.source, images.table, bands.column))


class RunRows:
    """The splits of a run as its network takes them.

    Raises EscaleraError where its source is not here, or is not what it was.
    """

    def __init__(self, predictor: Predictor, data_root: Path | None = None) -> None:
        self.fitted = predictor.fitted
        run = RunDir(predictor.trained.weights.parent)
        data = predictor.trained.config.data
        if not run.splits.is_file() or not run.predictions.is_file():
            raise RunError(f"{run.path} has no record of its rows")
        if data.folds is not None:
            raise RunError("the rows of folds were answered by networks that are not kept")
        self._splits = split_rows(run, predictor.trained, data_root)
        try:
            self._answered = read_answers(run.predictions)
        except ValueError as error:
            raise RunError(f"{run.path} has no record of its rows") from error
        test = self._splits["test"]
        changed = data.labels is not None and data.labels.test == "change"
        given = _labels(predictor.trained, test.images)[test.rows]
        if not np.array_equal(test.rows, self._answered.rows) or not (
            changed or np.array_equal(given, self._answered.labels)
        ):
            raise RunError("its source is not what it was when the run was tested")

    def part(self, split: str) -> Part:
        """The rows of a split, in the order of the run's records."""
        found = self._splits[split]
        vectors = None
        if self.fitted is not None and found.images.table is not None:
            vectors = vectors_of(self.fitted, found.images.table.take(found.rows).to_pylist())
        labels = self._answered.labels if split == "test" else found.labels[found.rows]
        return Part(found.images.images, found.rows, vectors, labels)
