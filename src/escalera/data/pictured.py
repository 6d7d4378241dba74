"""A table with a column of images, bytes or paths, as the listing of a split.

images  struct{bytes, path}, binary, or text: paths relative to the table's own folder
labels  integers, text, true and false, or a column of 0 and 1 for each class
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from escalera.data.columns import LOOKED_AT, Columns, choose, is_path, picture_columns, stated_names
from escalera.data.csvfile import csv_table
from escalera.data.listing import SPLITS, Labels, Raw, Several, many_files_state, read_files, shown
from escalera.data.options import NOTHING_SAID, ReadOptions
from escalera.data.parquet import parquet_table
from escalera.data.paths import Paths, complete, fault
from escalera.data.split_column import split_column
from escalera.data.written_labels import labels_of, one_hot_labels
from escalera.errors import DataError

_LISTED = 5
"""Rows that a message lists before it counts the others."""
_NAMES_OF_IMAGES = ("id", "image_id", "img_id", "image", "img", "filename", "file", "name", "imagen", "foto")
"""Columns that may hold the names of images without their ending, the likeliest first."""


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

    def labels(self, column: str) -> pa.ChunkedArray:
        """A column as the file writes it."""

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

    def labels(self, column: str) -> pa.ChunkedArray:
        """A column as the file writes it."""
        return self.whole.labels(column).take(self.chosen)

    def batches(self, column: str) -> Iterator[pa.Array]:
        """A column in parts."""
        first = 0
        for part in self.whole.batches(column):
            inside = self.chosen[(self.chosen >= first) & (self.chosen < first + len(part))]
            if len(inside):
                yield part.take(pa.array(inside - first))
            first += len(part)


@dataclass(frozen=True)
class PicturedTable:
    """A split of a source as a table lists it; `paths` says how the names in its columns become files."""

    split: str
    source: Table
    columns: Columns
    paths: Paths
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
        """A hash that changes when the table or one of its images does."""
        state = self.source.state()
        for files in self._files.values():
            state += many_files_state(self.path.parent, (name or "" for name in files))
        return state

    def labels(self) -> Labels:
        """The distinct labels in order, and each row's position among them; raises DataError for rows without one."""
        if self.columns.one_hot:
            table = self.source.read(self.columns.one_hot)
            return one_hot_labels(self.path, self.columns.one_hot, table, self.numbers)
        if self.columns.label is None:
            return [], np.zeros(self.rows, np.int64)
        return labels_of(self.path, self.columns.label, self.source.labels(self.columns.label), self.numbers)

    def pictures(self) -> Iterator[list[Raw]]:
        """The bytes of the images in order; what lies outside the folder of the table is never opened."""
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
            yield from read_files(self.path.parent, self._files[column], fault)
            return
        for part in self.source.batches(column):
            if not pa.types.is_struct(part.type):
                yield part.to_pylist()
                continue
            raws = pc.struct_field(part, "bytes").to_pylist()
            if part.type.get_field_index("path") >= 0 and None in raws:
                # What `datasets` saves of a set that was made from files: their paths, and no bytes.
                names = pc.struct_field(part, "path").to_pylist()
                files = [None if name is None else self.paths.file(str(name)) for name in names]
                read = [raw for some in read_files(self.path.parent, files, fault) for raw in some]
                raws = [found if raw is None else raw for raw, found in zip(raws, read, strict=True)]
            yield raws

    def _place(self, column: str, row: int) -> str:
        name = self._files[column][row] if column in self._files else None
        return f"{column} ({shown(name)})" if name else column

    def table(self) -> pa.Table | None:
        """The columns that hold neither images nor labels."""
        return self.source.read(self.columns.others).replace_schema_metadata() if self.columns.others else None

    def where(self, row: int) -> str:
        """The table and the row, and the file where it is one."""
        name = self.file_name(row)
        return f"{self.path}: row {self.numbers[row]}" + (f" ({shown(name)})" if name else "")

    def file_name(self, row: int) -> str | None:
        """The path in a row, of a single column of them."""
        [column, *more] = self.columns.images
        return self._files[column][row] if column in self._files and not more else None

    def check(self) -> None:
        """Raise DataError for paths that are absolute or leave the folder, with the first of their rows."""
        for column, files in self._files.items():
            wrong = [(row, name, why) for row, name in enumerate(files) if name and (why := fault(name))]
            if not wrong:
                continue
            listed = "".join(f"\n  row {self.numbers[row]}: {shown(name)}: {why}" for row, name, why in wrong[:_LISTED])
            more = f"\n  ... and {len(wrong) - _LISTED:,} more" if len(wrong) > _LISTED else ""
            raise DataError(
                f"{self.path}: expected paths of pictures relative to {self.path.parent} and inside it, in column "
                f"'{column}'; {len(wrong):,} of {self.rows:,} are not (rows count from 0):{listed}{more}\n"
                "Put the pictures beside the table, and write their paths from there."
            )

    @cached_property
    def _files(self) -> dict[str, list[str | None]]:
        """The columns of paths, and the file that each of them means."""
        return {
            column: [None if name is None else self.paths.file(name) for name in _texts(self.source, column)]
            for column in self.columns.images
            if not _holds_bytes(self.source.schema, column)
        }


def pictured_tables(
    files: dict[str, list[Path]], options: ReadOptions = NOTHING_SAID, faults: list[str] | None = None
) -> list[PicturedTable]:
    """The splits that tables list, train first: a file for each, or one whose column says which rows are which.

    With `faults`, what cannot be guessed is noted there, and a choice is made all the same. A split whose table has no
    labels is left out with a note. Raises DataError for files that cannot be read, and columns that cannot be had.
    """
    tables = {split: _open(split, files[split], options) for split in SPLITS if split in files}
    listings: list[PicturedTable] = []
    left_out: list[str] = []
    for split, table in tables.items():
        if split != "train" and _unlabelled(table, listings[0]):
            left_out.append(
                f"{table.path}: left out, since it has no labels; {split} is cut out of train. `escalera predict` "
                "answers for its images."
            )
            continue
        listings += _listings(split, table, options, faults, one=len(tables) == 1)
    listings[0].notes.extend(left_out)
    return listings


def _open(split: str, files: list[Path], options: ReadOptions) -> Table:
    if files[0].suffix.lower() != ".csv":
        return parquet_table(files)
    if len(files) > 1:
        raise DataError(
            f"{files[0].parent}: expected one table for {split}, found {len(files)}: "
            f"{', '.join(file.name for file in files[:_LISTED])}. Join them, or name one: data.splits: "
            f"{{{split}: {files[0].name}}}."
        )
    return csv_table(files[0], options)


def _listings(
    split: str, source: Table, options: ReadOptions, faults: list[str] | None, *, one: bool
) -> list[PicturedTable]:
    """The listings of one table: several where it is the only one and a column says which rows are which."""
    schema, path = source.schema, source.path
    texts = [column.name for column in schema if is_path(column.type)]
    column, rows, notes = (
        split_column(path, schema, source.read(texts), options) if one else (options.split_column or None, {}, [])
    )
    head = source.read(texts, LOOKED_AT)
    named = options
    if options.image_column is None and not picture_columns(schema, head):
        named = _by_name(source, options)
    columns = choose(path, schema, head, named, faults, aside=[column])
    paths = _paths(source, columns, options)
    notes = [*source.notes, *notes, *_about_names(path, options, named)]
    if not rows:
        return [_listing(split, source, columns, paths, notes)]
    parts = {name: SomeRows(source, some) for name, some in rows.items()}
    return [_listing(name, part, columns, paths, notes if name == "train" else []) for name, part in parts.items()]


def _listing(split: str, source: Table, columns: Columns, paths: Paths, notes: list[str]) -> PicturedTable:
    listing = PicturedTable(split, source, columns, Paths(paths.folder, paths.before, paths.behind), list(notes))
    listing._files  # noqa: B018  what had to be changed in the paths is counted as they are read
    listing.notes.extend(listing.paths.notes(str(source.path.name)))
    return listing


def _paths(source: Table, columns: Columns, options: ReadOptions) -> Paths:
    folder = source.path.parent
    for column in columns.images:
        if not _holds_bytes(source.schema, column):
            return complete(folder, [name for name in _texts(source, column) if name], options)
    return Paths(folder)


def _by_name(source: Table, options: ReadOptions) -> ReadOptions:
    """The options with the column whose values are names of images without their ending, where one is."""

    for name in sorted(source.schema.names, key=lambda name: _likely(name)):
        kind = source.schema.field(name).type
        if name in (options.label_column, options.group, options.target) or not (
            is_path(kind) or pa.types.is_integer(kind)
        ):
            continue
        names = [text for text in _texts(source, name)[:LOOKED_AT] if text]
        paths = complete(source.path.parent, names, options)
        if names and any((paths.folder / paths.file(text)).is_file() for text in names):
            return replace(options, image_column=name)
    return options


def _likely(name: str) -> int:
    folded = name.casefold()
    return _NAMES_OF_IMAGES.index(folded) if folded in _NAMES_OF_IMAGES else len(_NAMES_OF_IMAGES)


def _about_names(path: Path, options: ReadOptions, named: ReadOptions) -> list[str]:
    if named.image_column == options.image_column:
        return []
    return [f"{path.name}: column '{named.image_column}' names the images (data.image_column)."]


def _unlabelled(table: Table, train: PicturedTable) -> bool:
    """Whether a table lacks the labels that train has, as a competition's test does."""
    label = train.columns.label
    if label is None:
        return bool(train.columns.one_hot) and not {*train.columns.one_hot} & {*table.schema.names}
    if label not in table.schema.names:
        return True
    column = table.labels(label)
    if column.null_count == len(column):
        return True
    return bool(pa.types.is_integer(column.type) and pc.all(pc.equal(column, -1)).as_py())


def _texts(source: Table, column: str) -> Sequence[str | None]:
    """A column as texts, as the file writes them."""
    return [None if value is None else str(value) for value in source.labels(column).to_pylist()]


def _holds_bytes(schema: pa.Schema, column: str) -> bool:
    kind = schema.field(column).type
    return bool(pa.types.is_struct(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
