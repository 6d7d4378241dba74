"""Pictures that are there twice: byte for byte, or nearly so (shifted, mirrored, brighter, compressed again).

images  (N, H, W, C) uint8 for each split, perhaps memory-mapped; rows of all splits are counted through, in their order

Exact ones have the same hash. For the others each different picture gets a fingerprint (`fingerprint.py`), its eight
nearest are laid upon it (`alignment.py`), and two are near-duplicates when they are far more alike than pictures of
this set are: their distance (1 less the correlation of their fine detail) is at most a fifth of the distance to the
sixth closest of those eight, seen from either side. That is a yardstick from the set itself: trousers of one cut, or
ones written in one stroke, resemble each other without being the same picture.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import EscaleraError
from escalera.core.files import write_aside
from escalera.data.rows import Rows

_NEIGHBOURS = 8
_YARDSTICK = 5
"""The place of the neighbour that says how far apart different pictures are: a picture may be there six times."""
_RATIO = 0.2
"""Chosen on CIFAR-10 and Fashion-MNIST; docs/results/data.md has what it finds, and what it takes for the same."""
_RELATED = 0.55
"""Product of two fingerprints below which pictures are not laid upon each other."""
SMALLEST = 16
"""Pixels of a side below which only exact copies are looked for. Of scikit-learn's digits, 8x8, one in six would pass
for another, so little detail they have."""
LARGEST = 250_000
"""Different pictures above which only exact copies are looked for: sixteen times as many pairs as in CIFAR-10."""
_VERSION = 1
"""Raise it when the search finds other pairs: what is kept beside the pictures is then searched again."""


@dataclass(frozen=True)
class Pair:
    """Two pictures, each as (split, row). `distance` is 0 for exact ones, else 1 less the correlation of the detail."""

    kind: Literal["exact", "near"]
    first: tuple[str, int]
    second: tuple[str, int]
    distance: float = 0.0
    mirrored: bool = False


@dataclass(frozen=True)
class Duplicates:
    """What a search found.

    `sizes` are the rows of each split; `same` (N,) is for each row the first one with its very pixels, itself as a
    rule; `near` (P, 2) are pairs of such first rows, with their `distance` (P,) and whether they are `mirrored` (P,).
    """

    sizes: dict[str, int]
    same: NDArray[np.int64]
    near: NDArray[np.int64]
    distance: NDArray[np.float32]
    mirrored: NDArray[np.bool_]

    near_searched: bool = True
    """False where the pictures are too small, or too many, for any but exact copies to be looked for."""

    def number(self, split: str, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of a split, counted through all splits."""
        return rows + sum(list(self.sizes.values())[: list(self.sizes).index(split)])

    def beside(self, marked: NDArray[np.bool_], *, exact: bool = False) -> NDArray[np.bool_]:
        """For each row (N,) whether another one that is `marked` (N,) is its duplicate; with `exact`, its very copy."""
        marks = np.bincount(self.same, marked, minlength=len(self.same)).astype(np.int64)
        found = marks[self.same] > marked
        if not exact:
            related = np.zeros(len(marked), bool)
            for here, there in (self.near.T, self.near.T[::-1]):
                related[here[marks[there] > 0]] = True
            found |= related[self.same]
        return found

    def pairs(self) -> Iterator[Pair]:
        """The pairs, exact ones first, then the near ones from the closest on; three copies of one are two pairs."""
        for row in np.flatnonzero(self.same != np.arange(len(self.same))):
            yield Pair("exact", self._place(int(self.same[row])), self._place(int(row)))
        for i in np.argsort(self.distance, kind="stable"):
            one, two = self.near[i].tolist()
            distance, mirrored = float(self.distance[i]), bool(self.mirrored[i])
            yield Pair("near", self._place(one), self._place(two), distance, mirrored)

    def _place(self, number: int) -> tuple[str, int]:
        for split, size in self.sizes.items():
            if number < size:
                return split, number
            number -= size
        raise AssertionError("a row beyond the last split")


def find_duplicates(splits: Mapping[str, NDArray[np.uint8]]) -> Duplicates:
    """The duplicates within and across splits whose pictures (H, W, C) have one size.

    Where the pictures lie in the cache, so does what was found: the search is done once. It takes time in the square of
    the pictures' number: seconds for 60,000 on two cores.
    """
    kept = _beside(splits)
    sizes = {name: len(images) for name, images in splits.items()}
    if kept is not None and (before := _read(kept, splits)) is not None:
        return before
    same = _copies(splits)
    searched = _searched(splits, same)
    near, distance, mirrored = _near(splits, np.unique(same) if searched else same[:0])
    found = Duplicates(sizes, same, near, distance, mirrored, searched)
    if kept is not None:
        with contextlib.suppress(EscaleraError, OSError):  # a full disk costs the next search, and nothing else
            _write(kept, found)
    return found


def _copies(splits: Mapping[str, NDArray[np.uint8]]) -> NDArray[np.int64]:
    """For each row the first one with the same pixels."""
    hashes = np.empty((sum(map(len, splits.values())), 2), np.uint64)
    row = 0
    for images in splits.values():
        source = Rows(images)
        step = max(1, 16_000_000 // images[0].size) if len(images) else 1
        for start in range(0, len(images), step):
            for pixels in source.take(np.arange(start, min(len(images), start + step))):
                hashes[row] = np.frombuffer(hashlib.blake2b(pixels.data, digest_size=16).digest(), np.uint64)
                row += 1
    # Sorted by hash and then by row, each run of equal hashes begins with its first row.
    order = np.lexsort((np.arange(len(hashes)), hashes[:, 1], hashes[:, 0]))
    begins = np.ones(len(order), bool)
    begins[1:] = (hashes[order[1:]] != hashes[order[:-1]]).any(axis=1)
    same = np.empty(len(order), np.int64)
    same[order] = order[np.flatnonzero(begins)[begins.cumsum() - 1]]
    return same


def _near(
    splits: Mapping[str, NDArray[np.uint8]], rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.bool_]]:
    """The near-duplicates among some rows: pairs (P, 2), the lesser row first, their distances, and the mirrored."""
    if len(rows) < 2:
        return np.empty((0, 2), np.int64), np.empty(0, np.float32), np.empty(0, bool)
    import torch

    from escalera.data.duplicates.alignment import align
    from escalera.data.duplicates.fingerprint import fingerprints, small_grey
    from escalera.data.duplicates.nearest import nearest

    small, start = [], 0
    for images in splits.values():
        own = rows[(rows >= start) & (rows < start + len(images))] - start
        small.append(small_grey(images, own))
        start += len(images)
    grey = torch.cat(small)
    products, neighbours = nearest(fingerprints(grey), _NEIGHBOURS)
    here, place = torch.nonzero(products >= _RELATED, as_tuple=True)
    there = neighbours[here, place]
    laid = align(grey, here, there)
    distances = torch.ones(neighbours.shape)
    distances[here, place] = 1 - laid.likeness
    # In a small set there may be fewer neighbours than the yardstick asks for: those that are absent are at distance 1.
    yardstick = torch.ones(len(rows))
    if neighbours.shape[1] > _YARDSTICK:
        yardstick = distances.sort(dim=1).values[:, _YARDSTICK]
    close = 1 - laid.likeness <= _RATIO * torch.minimum(yardstick[here], yardstick[there])
    ends = torch.stack([torch.minimum(here, there), torch.maximum(here, there)], dim=1)[close].numpy()
    # Most are found from both sides.
    pairs, which = np.unique(ends, axis=0, return_index=True)
    distance = np.maximum(0, 1 - laid.likeness[close].numpy()[which])
    return rows[pairs].reshape(-1, 2), distance.astype(np.float32), laid.mirrored[close].numpy()[which]


def _searched(splits: Mapping[str, NDArray[np.uint8]], same: NDArray[np.int64]) -> bool:
    """Whether near-duplicates are looked for: in pictures of enough detail, and not among too many."""
    height, width = next(iter(splits.values())).shape[1:3]
    return min(height, width) >= SMALLEST and len(np.unique(same)) <= LARGEST


def _beside(splits: Mapping[str, NDArray[np.uint8]]) -> Path | None:
    """Where the result is kept: in the folder of the cache that holds all the pictures; None when there is none."""
    folders = {
        Path(images.filename).parent if isinstance(images, np.memmap) and images.filename else None
        for images in splits.values()
    }
    folder = folders.pop() if len(folders) == 1 else None
    return folder / f"duplicates-{_VERSION}.npz" if folder else None


def _read(path: Path, splits: Mapping[str, NDArray[np.uint8]]) -> Duplicates | None:
    """What an earlier search of these splits found; None where there is none, or its file is damaged."""
    sizes = {name: len(images) for name, images in splits.items()}
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError), np.load(path, allow_pickle=False) as kept:
        if dict(zip(kept["splits"].tolist(), kept["sizes"].tolist(), strict=True)) == sizes:
            same = kept["same"]
            return Duplicates(sizes, same, kept["near"], kept["distance"], kept["mirrored"], _searched(splits, same))
    return None


def _write(path: Path, found: Duplicates) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        splits=np.array(list(found.sizes)),
        sizes=np.array(list(found.sizes.values())),
        same=found.same,
        near=found.near,
        distance=found.distance,
        mirrored=found.mirrored,
    )
    write_aside(path, lambda file: file.write(buffer.getvalue()))
