"""A table with a column of images, bytes or paths, as the listing of a split.

images  struct{bytes, path}, binary, or names of files below the table's own folder
labels  integers, text, true and false, or a column of 0 and 1 for each class
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from escalera.core.errors import DataError
from escalera.data.readers.columns import Columns, stated_names
from escalera.data.readers.listing import Labels, Raw, Several, in_parts, many_files_state, read_files, shown
from escalera.data.readers.some_rows import SomeRows, Table
from escalera.data.readers.table_paths import Named, OutsideError
from escalera.data.readers.written_labels import labels_of, one_hot_labels

_LISTED = 5
"""Rows that a message lists before it counts the others."""


@dataclass(frozen=True)
class PicturedTable:
    """A split of a source as a table lists it.

    `names` are what its columns of paths say in each row, `files` the files that these mean; a row whose image is in
    the table itself has neither.
    """

    split: str
    source: Table
    columns: Columns
    written: dict[str, list[str | None]]
    files: dict[str, list[Named]]
    notes: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The file that a message names."""
        return self.source.path

    @property
    def rows(self) -> int:
        """How many images it lists."""
        return self.source.rows

    @property
    def names(self) -> list[str] | None:
        """The class names that the `datasets` library writes into a file."""
        return stated_names(self.source.schema, self.columns.label)

    @property
    def label(self) -> str | None:
        """The column of the labels."""
        return self.columns.label

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """The number of each row in the file."""
        return self.source.chosen if isinstance(self.source, SomeRows) else np.arange(self.rows)

    def state(self) -> str:
        """A hash that changes when the table or one of its images does, or which rows are whose."""
        state = self.source.state()
        for files in self.files.values():
            state += many_files_state(self.path.parent, (name if isinstance(name, str) else "" for name in files))
        return state

    def labels(self) -> Labels:
        """The distinct labels in order, and each row's position among them; raises DataError for rows without one."""
        if self.columns.one_hot:
            table = self.source.read(self.columns.one_hot)
            return one_hot_labels(self.path, self.columns.one_hot, table, self.numbers)
        if self.columns.label is None:
            return [], np.zeros(self.rows, np.int64)
        return labels_of(self.path, self.columns.label, self.source.written(self.columns.label), self.numbers)

    def pictures(self) -> Iterator[list[Raw]]:
        """The bytes of the images in order; what lies outside the folder of the table is never opened."""
        columns = [self._pictures(column) for column in self.columns.images]
        if len(columns) == 1:
            yield from columns[0]
            return
        rows = enumerate(zip(*map(chain.from_iterable, columns), strict=True))
        yield from in_parts(
            Several({self._place(column, row): part for column, part in zip(self.columns.images, parts, strict=True)})
            for row, parts in rows
        )

    def _pictures(self, column: str) -> Iterator[list[Raw]]:
        files = self.files.get(column)
        if files is not None and not _is_struct(self.source.schema.field(column)):
            yield from read_files(self.path.parent, files)
            return
        row = 0
        for part in self.source.batches(column):
            raws = (pc.struct_field(part, "bytes") if pa.types.is_struct(part.type) else part).to_pylist()
            if files is not None:
                beside = [raw for some in read_files(self.path.parent, files[row : row + len(raws)]) for raw in some]
                raws = [found if raw is None else raw for raw, found in zip(raws, beside, strict=True)]
            row += len(raws)
            yield raws

    def _place(self, column: str, row: int) -> str:
        name = self.written[column][row] if column in self.written else None
        return f"{column} ({shown(name)})" if name else column

    def table(self) -> pa.Table | None:
        """The columns that hold neither images nor labels; that of the groups as it is written."""
        if not self.columns.others:
            return None
        table = self.source.read(self.columns.others).replace_schema_metadata()
        group = self.columns.group
        if group is not None:
            table = table.set_column(self.columns.others.index(group), group, self.source.written(group))
        return table

    def where(self, row: int) -> str:
        """The table and the row, and what the row says of its file."""
        [column, *more] = self.columns.images
        name = self.written[column][row] if column in self.written and not more else None
        return f"{self.path}: row {self.numbers[row]}" + (f" ({shown(name)})" if name else "")

    def file_name(self, row: int) -> str | None:
        """The file of a row, of a single column of them."""
        [column, *more] = self.columns.images
        name = self.files[column][row] if column in self.files and not more else None
        return name if isinstance(name, str) else None

    def file_names(self, row: int) -> list[str]:
        """What a row says of its files, in all columns of them."""
        return [name for names in self.written.values() if (name := names[row])]

    def check(self) -> None:
        """Raise DataError for paths that lead out of the folder, with the first of their rows."""
        for column, files in self.files.items():
            wrong = [(row, why) for row, why in enumerate(files) if isinstance(why, OutsideError)]
            if not wrong:
                continue
            lines = [f"row {self.numbers[row]}: {shown(self.written[column][row] or '')}: {why}" for row, why in wrong]
            listed = "".join(f"\n  {line}" for line in lines[:_LISTED])
            more = f"\n  ... and {len(wrong) - _LISTED:,} more" if len(wrong) > _LISTED else ""
            raise DataError(
                f"{self.path}: expected paths of pictures relative to {self.path.parent} and inside it, in column "
                f"'{column}'; {len(wrong):,} of {self.rows:,} are not (rows count from 0):{listed}{more}\n"
                "Put the pictures beside the table, and write their paths from there."
            )


def _is_struct(column: pa.Field) -> bool:
    return bool(pa.types.is_struct(column.type))
