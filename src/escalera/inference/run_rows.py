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
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from escalera import builders
from escalera.core.errors import RunError
from escalera.core.rundir import RunDir
from escalera.data.dataset import Bands
from escalera.data.rows import Rows
from escalera.data.table.bands import target
from escalera.inference.asked import vectors_of
from escalera.inference.predictor import Predictor

if TYPE_CHECKING:
    from escalera.data.images import Images

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


class RunRows:
    """The splits of a run, from its source. Raises EscaleraError where that is not here, or is not what it was."""

    def __init__(self, predictor: Predictor, data_root: Path | None = None) -> None:
        self.predictor = predictor
        self.run = RunDir(predictor.trained.weights.parent)
        data = predictor.trained.config.data
        if not self.run.splits.is_file() or not self.run.predictions.is_file():
            raise RunError(f"{self.run.path} has no record of its rows")
        if data.folds is not None:
            raise RunError("the rows of folds were answered by networks that are not kept")
        self._splits = pq.read_table(self.run.splits)
        self._answered = pq.read_table(self.run.predictions, columns=["row", "label"])
        self._images = builders.pictures(data, data_root=data_root, skip_bad=True).splits
        self._check()

    def part(self, split: str) -> Part:
        """The rows of a split, in the order of the run's records."""
        chosen = self._of(split)
        rows = chosen["row"].to_numpy()
        images = self._images[self._origin(split)]
        vectors = None
        if self.predictor.fitted is not None and images.table is not None:
            vectors = vectors_of(self.predictor.fitted, images.table.take(rows).to_pylist())
        labels = self._answered["label"].to_numpy() if split == "test" else self._labels(images)[rows]
        return Part(images.images, rows, vectors, labels)

    def _of(self, split: str) -> pa.Table:
        return self._splits.filter(pc.equal(self._splits["split"].cast(pa.string()), split))

    def _origin(self, split: str) -> str:
        """The split of the source that the rows of a split are rows of."""
        return str(self._of(split)["source"][0])

    def _labels(self, images: Images) -> NDArray[np.int64]:
        """The classes of a split of the source; those of a target are its bands, as train's rows taught them."""
        column, table = self.predictor.trained.config.data.target, self.predictor.trained.table
        if column is None or table is None:
            return images.labels
        return Bands.from_json(table["bands"]).labels(target(self.run.path.name, images.table, column))

    def _check(self) -> None:
        """Raise RunError unless the test rows have the labels that they had."""
        data = self.predictor.trained.config.data
        try:
            test = self.part("test")
            alike = test.rows.tolist() == self._answered["row"].to_pylist()
            if alike and data.labels is None:
                alike = self._labels(self._images[self._origin("test")])[test.rows].tolist() == test.labels.tolist()
        except (IndexError, KeyError, pa.ArrowInvalid):
            alike = False
        if not alike:
            raise RunError("its source is not what it was when the run was tested")
