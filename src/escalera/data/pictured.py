"""A table with a column of pictures, bytes or paths, as the listing of a split.

pictures  struct{bytes, path}, binary, or text: paths relative to the table's own folder
labels    integers, text, or true and false
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from escalera.data.columns import LOOKED_AT, Columns, choose, is_path, stated_names
from escalera.data.csvfile import csv_table
from escalera.data.listing import Labels, Raw, Several, many_files_state, read_files, shown
from escalera.data.options import ReadOptions
from escalera.data.parquet import parquet_table
from escalera.errors import DataError


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

    def state(self) -> str:
        """A hash that changes when the files do."""

    def read(self, columns: list[str], rows: int | None = None) -> pa.Table:
        """Some columns whole, or their first rows."""

    def batches(self, column: str) -> Iterator[pa.Array]:
        """A column in parts."""


@dataclass(frozen=True)
class PicturedTable:
    """A split of a source as a table lists it."""

    split: str
    source: Table
    columns: Columns

    @property
    def path(self) -> Path:
        """The file that a message names."""
        return self.source.path

    @property
    def rows(self) -> int:
        """How many pictures it lists."""
        return self.source.rows

    @property
    def names(self) -> list[str] | None:
        """The class names that the `datasets` library writes into a file."""
        return stated_names(self.source.schema, self.columns.label)

    @property
    def label(self) -> str | None:
        """The column of the labels."""
        return self.columns.label

    @property
    def notes(self) -> list[str]:
        """Nothing."""
        return []

    def state(self) -> str:
        """A hash that changes when the table or one of its pictures does."""
        state = self.source.state()
        for files in self._files.values():
            state += many_files_state(self.path.parent, (name or "" for name in files))
        return state

    def labels(self) -> Labels:
        """The distinct labels in order, and each row's position among them; raises DataError for rows without one."""
        if self.columns.label is None:
            return [], np.zeros(self.rows, np.int64)
        column = self.source.read([self.columns.label]).column(0).combine_chunks()
        _no_null(self, self.columns.label, column)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.string())
        found = column.dictionary_encode()
        values = found.dictionary.to_pylist()
        order = sorted(range(len(values)), key=values.__getitem__)
        place = np.empty(len(values), np.int64)
        place[order] = np.arange(len(values))
        return [values[i] for i in order], place[found.indices.to_numpy()]

    def pictures(self) -> Iterator[list[Raw]]:
        """The bytes of the pictures in order; what lies outside the folder of the table is never opened."""
        columns = [self._pictures(column) for column in self.columns.images]
        if len(columns) == 1:
            yield from columns[0]
            return
        row = 0
        for together in zip(*columns, strict=True):
            rows = [dict(zip(self.columns.images, parts, strict=True)) for parts in zip(*together, strict=True)]
            yield [
                Several({self._place(column, row + n): part for column, part in parts.items()})
                for n, parts in enumerate(rows)
            ]
            row += len(rows)

    def _pictures(self, column: str) -> Iterator[list[Raw]]:
        if column in self._files:
            yield from read_files(self.path.parent, self._files[column], _fault)
            return
        for part in self.source.batches(column):
            yield (pc.struct_field(part, "bytes") if pa.types.is_struct(part.type) else part).to_pylist()

    def _place(self, column: str, row: int) -> str:
        name = self._files[column][row] if column in self._files else None
        return f"{column} ({shown(name)})" if name else column

    def table(self) -> pa.Table | None:
        """The columns that hold neither pictures nor labels."""
        return self.source.read(self.columns.others).replace_schema_metadata() if self.columns.others else None

    def where(self, row: int) -> str:
        """The table and the row, and the file where it is one."""
        name = self.file_name(row)
        return f"{self.path}: row {row}" + (f" ({shown(name)})" if name else "")

    def file_name(self, row: int) -> str | None:
        """The path in a row, of a single column of them."""
        [column, *more] = self.columns.images
        return self._files[column][row] if column in self._files and not more else None

    def check(self) -> None:
        """Raise DataError for paths that are absolute or leave the folder, with their rows."""
        for column, files in self._files.items():
            wrong = [(row, name, fault) for row, name in enumerate(files) if name and (fault := _fault(name))]
            if not wrong:
                continue
            listed = "".join(f"\n  row {row}: {shown(name)}: {fault}" for row, name, fault in wrong)
            raise DataError(
                f"{self.path}: expected paths of pictures relative to {self.path.parent} and inside it, in column "
                f"'{column}'; {len(wrong)} of {self.rows} are not (rows count from 0):{listed}\n"
                "Put the pictures beside the table, and write their paths from there."
            )

    @cached_property
    def _files(self) -> dict[str, list[str | None]]:
        """The columns of paths, and the paths in them."""
        schema = self.source.schema
        return {
            column: self.source.read([column]).column(0).to_pylist()
            for column in self.columns.images
            if is_path(schema.field(column).type)
        }


def pictured_table(
    split: str, files: list[Path], options: ReadOptions, faults: list[str] | None = None
) -> PicturedTable:
    """Look into a CSV file, or the parquet files of a split; the columns are guessed where they are not named.

    With `faults`, what cannot be guessed is noted there, and a choice is made all the same. Raises DataError for files
    that cannot be read, and for columns that cannot be had.
    """
    source: Table = csv_table(files[0]) if files[0].suffix.lower() == ".csv" else parquet_table(files)
    texts = [field.name for field in source.schema if is_path(field.type)]
    return PicturedTable(
        split, source, choose(source.path, source.schema, source.read(texts, LOOKED_AT), options, faults)
    )


def _no_null(listing: PicturedTable, name: str, column: pa.Array) -> None:
    if column.null_count:
        absent: NDArray[np.int64] = np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))
        listed = ", ".join(map(str, absent[:10])) + (", ..." if len(absent) > 10 else "")
        raise DataError(
            f"{listing.path}: column '{name}' has no label (null) at {len(absent)} of {listing.rows} rows, counted "
            f"from 0: {listed}. Give each a label, or take the rows out."
        )


def _fault(name: str) -> str | None:
    """Why a path is not opened, whatever the system it was written on."""
    windows = PureWindowsPath(name)
    if PurePosixPath(name).is_absolute() or windows.is_absolute() or windows.drive or windows.root:
        return "it is absolute"
    depth = 0
    for part in PurePosixPath(name).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return "it leaves the folder"
    return None
