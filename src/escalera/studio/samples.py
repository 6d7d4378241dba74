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

from escalera.core.errors import DataError, RunError
from escalera.data.query.images import Seen
from escalera.data.rows import spread
from escalera.evaluate.drift import unit

if TYPE_CHECKING:
    from escalera.inference.bundle import Trained
    from escalera.inference.run_rows import SplitRows
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


class Samples:
    """Opens the source of a run when it is first asked about."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._lock = Lock()
        self._parts: OrderedDict[str, dict[str, SplitRows]] = OrderedDict()
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
        own = unit(self._features_of(key, answer.seen[None]))[0]
        nearest = np.argsort(-(known @ own), kind="stable")[:count]
        found = [_sample(trained, part, "train", int(rows[place])) for place in nearest]
        return Neighbours(found, len(rows), len(part.rows))

    def _features_of(self, key: str, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        def work() -> NDArray[np.float32]:
            from escalera.inference.predictor import Predictor

            predictor = self._studio.predictor(key)
            assert isinstance(predictor, Predictor), "the model of a run"
            return predictor.features(Seen(pixels))

        return self._studio.queue.submit(work).result()

    def _of_train(self, key: str, part: SplitRows) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Rows of train, evenly over all, and their features at length one; in parts, so that others get their turn."""
        version = f"{key} {self._studio.version(key)}"
        if version not in self._features:
            rows = part.rows[spread(len(part.rows), LOOKED_AT)]
            found = []
            for start in range(0, len(rows), _AT_ONCE):
                pixels = np.asarray(part.images.images[rows[start : start + _AT_ONCE]])
                found.append(unit(self._features_of(key, pixels)))
            self._features[version] = rows, np.concatenate(found)
            while len(self._features) > _KEPT:
                self._features.popitem(last=False)
        return self._features[version]

    def _part(self, key: str, split: str) -> tuple[Trained, SplitRows]:
        from escalera.inference.run_rows import split_rows

        if self._studio.files.find(key) is not None:
            raise RunError("a model in a file has left its rows behind: choose the run that it was made of")
        trained = self._studio.of_run(key)
        with self._lock:
            version = f"{key} {self._studio.version(key)}"
            if version not in self._parts:
                self._parts[version] = split_rows(self._studio.run(key), trained, self._studio.data_root)
                while len(self._parts) > _KEPT:
                    self._parts.popitem(last=False)
            parts = self._parts[version]
        if split not in parts:
            raise DataError(f"this run has no split '{split}'")
        return trained, parts[split]


def _sample(trained: Trained, part: SplitRows, split: str, row: int) -> Sample:
    table = part.images.table
    attributes = {} if table is None else table.slice(row, 1).to_pylist()[0]
    pixels = np.asarray(part.images.images[row])
    return Sample(split, row, pixels, trained.classes[part.labels[row]], attributes)
