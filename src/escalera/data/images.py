"""What a source gives: pictures as one array per split, and what else is known of each row.

images  (N, H, W, C) uint8, memory-mapped where they come from the cache
labels  (N,) int64, positions in the list of classes
table   N rows: the source's other columns, without that of the pictures and that of the labels
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Images:
    """The pictures of one split, (N, H, W, C) uint8, their labels, (N,) int64, and their attributes, N rows.

    `table` is None where the source has no other columns. `listed` (N,) int64 are the rows of the source, where bad
    pictures between them were left out; None where all are there.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    table: pa.Table | None = None
    listed: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class ImageSet:
    """A source that was opened: `splits` holds `train`, and `validation` and `test` where the source has them.

    `skipped` are the bad pictures that were left out, a line each; `notes` is what a person should know beside.
    `faults` are what a training would refuse, where the source was opened all the same to be looked at. `folder` is
    where the cache holds all of it, None for what it does not hold.
    """

    name: str
    classes: list[str]
    splits: dict[str, Images]
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    folder: Path | None = None

    def row(self, split: str, place: int) -> int:
        """The row of the source that stands at a place among those that were read."""
        listed = self.splits[split].listed
        return place if listed is None else int(listed[place])
