"""Some rows of an array of pictures, read from its file where it is large.

images  (N, H, W, C) uint8, perhaps memory-mapped
rows    (n,) int64
out     (n, H * W * C) uint8
"""

from __future__ import annotations

import io
import math
import mmap
import weakref
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

LARGE = 100_000_000
"""Bytes of a mapped array from which its rows are read by calls.

A map would be faster, but every page that was once looked at counts as this process's memory, and Linux maps up to 2 MB
around each: a set larger than the memory would seem to fill it, and containers are killed for that. Giving pages back
with madvise changes little, since a few thousand pictures here and there touch nearly all of them.
"""


def spread(rows: int, most: int) -> NDArray[np.int64]:
    """At most so many places among rows, evenly, from the first to the last."""
    return np.linspace(0, rows - 1, min(rows, most)).round().astype(np.int64)


class Rows:
    """The rows of an array, by number."""

    def __init__(self, images: NDArray[np.uint8]) -> None:
        self._pixels = images.reshape(len(images), math.prod(images.shape[1:]))
        self._file: io.FileIO | None = None
        self._start = 0
        self._lock = Lock()
        if isinstance(images, np.memmap) and isinstance(images.base, mmap.mmap) and images.nbytes >= LARGE:
            # Opened once: what was opened can be read to its end, also when the cache is cleared meanwhile.
            self._file = Path(str(images.filename)).open("rb", buffering=0)  # noqa: SIM115 - closed with this object
            self._start = images.offset
            weakref.finalize(self, self._file.close)

    def take(self, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Copies of some rows, in their order; raises OSError where the file cannot be read any more."""
        if self._file is None or not len(rows):
            return self._pixels.take(rows, axis=0)
        size = self._pixels.shape[1]
        out = np.empty((len(rows), size), np.uint8)
        whole = memoryview(out.data).cast("B")
        # Neighbours, as all are in evaluation, come with one call.
        ends = [*(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
        first = 0
        with self._lock:
            for last in ends:
                _read(self._file, whole[first * size : last * size], self._start + int(rows[first]) * size)
                first = last
        return out


def _read(file: io.FileIO, into: memoryview, position: int) -> None:
    """Fill `into` from a place in the file; os.preadv would do both in one call, but Windows has none."""
    file.seek(position)
    while into:
        count = file.readinto(into)
        if not count:
            raise OSError(f"the file of the pictures ends at byte {position}; it was changed meanwhile")
        into, position = into[count:], position + count
