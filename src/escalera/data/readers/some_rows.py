"""A file, or some, that hold a table; and some rows of it, as a table again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class Table(Protocol):
    """A file, or some, that hold a table."""

    @property
    def path(self) -> Path:
        """What a message names."""

    @property
    def schema(self) -> pa.Schema:
        """The columns."""

    @property
    def rows(self) -> int:
        """How many."""

    @property
    def notes(self) -> tuple[str, ...]:
        """How the file was read, where that was a guess."""

    def state(self) -> str:
        """A hash that changes when the files do."""

    def read(self, columns: list[str], rows: int | None = None) -> pa.Table:
        """Some columns whole, or their first rows."""

    def written(self, column: str) -> pa.ChunkedArray:
        """A column as the file writes it."""

    def texts(self, column: str) -> list[str | None]:
        """A column as texts, None where there is none; of one of images, the paths of those that it does not hold."""

    def batches(self, column: str) -> Iterator[pa.Array]:
        """A column in parts of AT_ONCE rows, or fewer."""


@dataclass(frozen=True)
class SomeRows:
    """Some rows of a table, as a table; `chosen` (n,) are their numbers in the file, ascending."""

    whole: Table
    chosen: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The file."""
        return self.whole.path

    @property
    def schema(self) -> pa.Schema:
        """The columns."""
        return self.whole.schema

    @property
    def rows(self) -> int:
        """How many were chosen."""
        return len(self.chosen)

    def state(self) -> str:
        """A hash that changes when the files do."""
        return self.whole.state()

    def read(self, columns: list[str], rows: int | None = None) -> pa.Table:
        """Some columns of the chosen rows, or of the first of them."""
        return self.whole.read(columns).take(self.chosen[:rows])

    def written(self, column: str) -> pa.ChunkedArray:
        """A column as the file writes it."""
        return self.whole.written(column).take(self.chosen)

    def texts(self, column: str) -> list[str | None]:
        """A column as texts."""
        texts = self.whole.texts(column)
        return [texts[row] for row in self.chosen]

    def batches(self, column: str) -> Iterator[pa.Array]:
        """A column in parts."""
        first = 0
        for part in self.whole.batches(column):
            inside = self.chosen[(self.chosen >= first) & (self.chosen < first + len(part))]
            if len(inside):
                yield part.take(pa.array(inside - first))
            first += len(part)
