"""Pictures of the sets that the runs learned from: examples of a split, and those of train nearest to another.

pixels  (H, W, C) uint8
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError, EscaleraError
from escalera.data.query.images import Seen

if TYPE_CHECKING:
    from escalera.data.images import Images
    from escalera.inference.bundle import Trained
    from escalera.inference.serving.answer import Answer
from escalera.studio.service import Studio

LOOKED_AT = 10_000
"""Pictures of train among which the nearest are sought: a few seconds the first time, and 20 MB of features of 512."""
_AT_ONCE = 64
_KEPT = 4


@dataclass(frozen=True)
class Sample:
    """A picture of a split (those of one row side by side), its row there, its class, and what else the row says."""

    split: str
    row: int
    pixels: NDArray[np.uint8]
    name: str
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Neighbours:
    """The nearest pictures of train, the nearest first, and among how many of how many they were sought."""

    samples: list[Sample]
    looked: int
    rows: int


@dataclass(frozen=True)
class _Part:
    """A split of a run: the source's split it is from, which of its rows belong to it, and the classes of all (N,)."""

    images: Images
    rows: NDArray[np.int64]
    labels: NDArray[np.int64]


class Samples:
    """Opens the source of a run when it is first asked about."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._lock = Lock()
        self._parts: OrderedDict[str, dict[str, _Part]] = OrderedDict()
        self._features: OrderedDict[str, tuple[NDArray[np.int64], NDArray[np.float32]]] = OrderedDict()

    def some(
        self, key: str, split: str, name: str | None = None, count: int = 1, seed: int | None = None
    ) -> list[Sample]:
        """Some pictures of a split drawn at random, of one class where it is given.

        Raises EscaleraError where the source is not on this machine.
        """
        trained, part = self._part(key, split)
        rows = part.rows
        if name is not None:
            if name not in trained.classes:
                raise DataError(f"this source has no class '{name}'")
            rows = rows[part.labels[rows] == trained.classes.index(name)]
        chosen = np.random.default_rng(seed).permutation(rows)[:count]
        return [_sample(trained, part, split, int(row)) for row in chosen]

    def of_rows(self, key: str, split: str, rows: Sequence[int]) -> list[Sample]:
        """The pictures of these rows."""
        trained, part = self._part(key, split)
        return [_sample(trained, part, split, row) for row in rows if row < len(part.labels)]

    def near(self, answer: Answer, count: int = 6) -> Neighbours:
        """The pictures of train that the network makes most nearly the same of, by the angle between features.

        Raises EscaleraError where the source is not here, or the model reads more than pictures.
        """
        key = answer.model
        trained, part = self._part(key, "train")
        if answer.seen is None or trained.reads_attributes:
            raise DataError("a model that reads attributes has no neighbours by pictures alone")
        rows, known = self._of_train(key, part)
        own = _unit(self._features_of(key, answer.seen[None]))[0]
        nearest = np.argsort(-(known @ own), kind="stable")[:count]
        found = [_sample(trained, part, "train", int(rows[place])) for place in nearest]
        return Neighbours(found, len(rows), len(part.rows))

    def _features_of(self, key: str, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        return self._studio.queue.submit(lambda: self._studio.predictor(key).features(Seen(pixels))).result()

    def _of_train(self, key: str, part: _Part) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows of train, evenly over all, and their features at length one; in parts, so that others get their turn."""
        version = f"{key} {self._studio.version(key)}"
        if version not in self._features:
            places = np.linspace(0, len(part.rows) - 1, min(LOOKED_AT, len(part.rows))).round().astype(np.int64)
            rows = part.rows[places]
            found = []
            for start in range(0, len(rows), _AT_ONCE):
                pixels = np.asarray(part.images.images[rows[start : start + _AT_ONCE]])
                found.append(_unit(self._features_of(key, pixels)))
            self._features[version] = rows, np.concatenate(found)
            while len(self._features) > _KEPT:
                self._features.popitem(last=False)
        return self._features[version]

    def _part(self, key: str, split: str) -> tuple[Trained, _Part]:
        trained = self._studio.trained(key)
        with self._lock:
            version = f"{key} {self._studio.version(key)}"
            if version not in self._parts:
                self._parts[version] = self._opened(key, trained)
                while len(self._parts) > _KEPT:
                    self._parts.popitem(last=False)
            parts = self._parts[version]
        if split not in parts:
            raise DataError(f"this run has no split '{split}'")
        return trained, parts[split]

    def _opened(self, key: str, trained: Trained) -> dict[str, _Part]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from escalera import builders

        run = self._studio.run(key)
        run.check(run.splits.name)
        try:
            table = pq.read_table(run.splits).to_pydict()
        except (OSError, pa.ArrowException) as error:
            raise DataError("this run has not kept which rows were in which split") from error
        splits = builders.pictures(trained.config.data, data_root=self._studio.data_root, skip_bad=True).splits
        names, origins, rows = (np.array(table[column]) for column in ("split", "source", "row"))
        found = {}
        for name in ("train", "validation", "test"):
            mine = names == name
            origin = splits.get(str(origins[mine][0])) if mine.any() else None
            if origin is None or rows[mine].max() >= len(origin.labels):
                raise EscaleraError("the source on this machine is not the one that this run learned from")
            found[name] = _Part(origin, rows[mine], _labels(trained, origin))
        return found


def _labels(trained: Trained, images: Images) -> NDArray[np.int64]:
    """The classes of all rows, which a column of numbers gives where it was cut into them."""
    from escalera.data.dataset import Bands
    from escalera.data.table.bands import target

    cut = (trained.table or {}).get("bands")
    if cut is None:
        return images.labels
    bands = Bands.from_json(cut)
    return bands.labels(target(trained.config.data.source, images.table, bands.column))


def _sample(trained: Trained, part: _Part, split: str, row: int) -> Sample:
    table = part.images.table
    attributes = {} if table is None else table.slice(row, 1).to_pylist()[0]
    pixels = np.asarray(part.images.images[row])
    return Sample(split, row, pixels, trained.classes[part.labels[row]], attributes)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Vectors (..., D) at length one; a vector of zeros stays as it is."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.where(length == 0, 1, length)).astype(np.float32)
