"""The small pictures of a report, kept beside the ladder once they were needed: the next report needs no source.

pixels  (H, W, C) uint8, C = 1 grey or 3 RGB
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from escalera.core.files import write_aside
from escalera.core.record import Data

LARGEST = 80
"""Pixels of the longer side, of those that are larger."""
_LOSSLESS = 16
"""Up to here every pixel counts, and PNG is small."""


class Album:
    """Pictures by the set they are from and their row, each an encoded file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pictures: dict[tuple[str, int], bytes] = {}
        try:
            table = pq.read_table(path, columns=["set", "row", "picture"])
            columns = (table[name].to_pylist() for name in ("set", "row", "picture"))
            self._pictures = {
                (name, row): picture for name, row, picture in zip(*columns, strict=True) if isinstance(picture, bytes)
            }
        except (OSError, ValueError, KeyError, TypeError, pa.ArrowException):
            pass  # they are fetched again

    def missing(self, data: Data, rows: Iterable[int]) -> list[int]:
        """Those of some rows whose pictures are not here, ascending."""
        return sorted({row for row in rows if (_key(data), row) not in self._pictures})

    def add(self, data: Data, row: int, pixels: NDArray[np.uint8]) -> None:
        """Take in a picture."""
        self._pictures[_key(data), row] = _encoded(pixels)

    def get(self, data: Data, row: int) -> bytes | None:
        """The PNG or WebP file of a row."""
        return self._pictures.get((_key(data), row))

    def keep(self, wanted: Iterable[tuple[Data, int]]) -> None:
        """Write the pictures that are wanted, and no others."""
        keys = sorted({(_key(data), row) for data, row in wanted} & self._pictures.keys())
        table = pa.table(
            {
                "set": pa.array([name for name, _ in keys], pa.string()),
                "row": pa.array([row for _, row in keys], pa.int64()),
                "picture": pa.array([self._pictures[key] for key in keys], pa.binary()),
            }
        )
        write_aside(self._path, lambda file: pq.write_table(table, file))


def _key(data: Data) -> str:
    """The test pictures as they were; of a run of an earlier version, which does not say, where they came from."""
    return data.test_digest or f"{data.source} {'x'.join(map(str, data.shape))}"


def _encoded(pixels: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    picture = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    buffer = io.BytesIO()
    if max(picture.size) <= _LOSSLESS:
        picture.save(buffer, "PNG", optimize=True)
    else:
        picture.thumbnail((LARGEST, LARGEST))
        picture.save(buffer, "WEBP", quality=80 if max(picture.size) > 40 else 92, method=6)
    return buffer.getvalue()
