"""A CSV file whose columns are the pixels of images, or one column of numbers with blanks between, as listings.

images  (N, H, W) or (N, H, W, C) uint8, from columns such as pixel0 ... pixel783, row by row
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from escalera.core.errors import DataError, nearest
from escalera.data.options import ReadOptions
from escalera.data.readers.columns import LABEL, LOOKED_AT, is_path, picture_columns
from escalera.data.readers.csv_file import CsvTable, csv_table, two_tables
from escalera.data.readers.listing import AT_ONCE, SPLITS, Labels, Raw
from escalera.data.readers.pixel_shape import pixel_shape
from escalera.data.readers.split_column import split_column
from escalera.data.readers.tables import check_no_paths
from escalera.data.readers.written_labels import labels_of

_PIXEL = re.compile(r"(?:pixel|px|pix|p|x)?[ _.-]?\d+(?:[x_]\d+)?", re.IGNORECASE)
_FEWEST = 16
"""Columns of pixels, or numbers in one column, from which they are an image and no attributes."""
_NUMBERS = r"^\s*\d{1,3}(\s+\d{1,3})+\s*$"


@dataclass(frozen=True)
class PixelColumns:
    """A split of images in columns of numbers; `columns` are one of texts, or one for each pixel.

    Those that `has_range` have values of any size, which data.range makes bytes.
    """

    split: str
    source: CsvTable
    columns: list[str]
    label: str | None
    others: list[str]
    shape: tuple[int, ...]
    numbers: NDArray[np.int64]
    has_range: bool = False
    notes: list[str] = field(default_factory=list)
    names: None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self.source.path

    @property
    def rows(self) -> int:
        """How many images."""
        return len(self.numbers)

    def check(self) -> None:
        """Nothing more to check."""

    def state(self) -> str:
        """A hash that changes when the file does."""
        return self.source.state()

    def labels(self) -> Labels:
        """The distinct labels in order, and each row's."""
        if self.label is None:
            return [], np.zeros(self.rows, np.int64)
        return labels_of(self.path, self.label, self.source.written(self.label).take(self.numbers), self.numbers)

    def pictures(self) -> Iterator[list[Raw]]:
        """The pixels in order, some images at a time."""
        for start in range(0, self.rows, AT_ONCE):
            rows = self.numbers[start : start + AT_ONCE]
            some = self.source.read(self.columns).take(rows)
            yield list(self._pixels(some, rows).reshape(len(rows), *self.shape))

    def _pixels(self, some: pa.Table, rows: NDArray[np.int64]) -> NDArray[Any]:
        if len(self.columns) == 1:
            values = [self._numbers(text, row) for text, row in zip(some.column(0).to_pylist(), rows, strict=True)]
            short = next((i for i, value in enumerate(values) if len(value) != math.prod(self.shape)), None)
            if short is not None:
                raise DataError(
                    f"{self.path}: row {rows[short]}: expected {math.prod(self.shape)} numbers in column "
                    f"'{self.columns[0]}', found {len(values[short])}. Rows count from 0."
                )
            found = np.stack(values)
        else:
            found = np.stack([column.to_numpy().astype(np.float64) for column in some.columns], axis=1)
        if self.has_range:
            return found
        wrong = np.flatnonzero(~((found >= 0) & (found <= 255) & (found == np.rint(found))).all(axis=1))
        if len(wrong):
            raise DataError(
                f"{self.path}: row {rows[wrong[0]]}: expected whole numbers from 0 to 255 as pixels, found "
                f"{np.nanmin(found[wrong[0]]):g} to {np.nanmax(found[wrong[0]]):g}, or none. Rows count from 0. Say "
                "what is black and what is white with data.range, as [0, 1023]."
            )
        return found.astype(np.uint8)

    def _numbers(self, text: str | None, row: int) -> NDArray[np.float64]:
        try:
            return np.array((text or "").split(), np.float64)
        except ValueError:
            found = f"{text[:30]}..." if text and len(text) > 30 else text
            raise DataError(
                f"{self.path}: row {row}: expected numbers with blanks between in column '{self.columns[0]}', found "
                f"'{found}'. Rows count from 0."
            ) from None

    def table(self) -> pa.Table | None:
        """The columns that are neither pixels nor labels."""
        return self.source.read(self.others).take(self.numbers) if self.others else None

    def where(self, row: int) -> str:
        """The file and the row."""
        return f"{self.path}: row {self.numbers[row]}"

    def file_name(self, row: int) -> None:
        """None: an image is no file of its own."""


def pixel_columns(files: dict[str, list[Path]], options: ReadOptions) -> list[PixelColumns] | None:
    """The splits of CSV files whose columns are pixels; None for files of another kind, as of paths beside numbers.

    Raises DataError for a number of pixels that makes no image, for two files of a split, and for those that cannot be
    read.
    """
    first = files["train"][0]
    if first.suffix.lower() not in (".csv", ".tsv") or options.image_column is not None or not _looks_so(first):
        return None
    listings: list[PixelColumns] = []
    for split in SPLITS:
        for path in files.get(split, []):
            if path is not files[split][0]:
                raise two_tables(split, files[split])
            source = csv_table(path, options)
            if picture_columns(source.schema, source.read(source.schema.names, LOOKED_AT)):
                return None
            columns = _pixel_names(source)
            if not columns:
                continue
            label = options.target or (listings[0].label if listings else None)
            if listings and label not in source.schema.names:
                listings[0].notes.append(f"{path}: left out, since it has no labels; {split} is cut out of train.")
                continue
            listings += _listings(split, source, columns, options, one=len(files) == 1)
    if listings:
        _has_effect(listings[0].path, files, options)
    return listings or None


def _has_effect(path: Path, files: Mapping[str, list[Path]], options: ReadOptions) -> None:
    """Raise DataError for what is said of paths, or of a column of splits beside a file for each."""
    check_no_paths(path, options)
    if isinstance(options.split_column, str) and len(files) > 1:
        raise DataError(
            f"data.split_column: beside {path} there is another file, for another split. Take '{options.split_column}' "
            "out, or name one file as the source."
        )


def _looks_so(path: Path) -> bool:
    """Whether the first lines of a file are worth a closer look: many columns, or a long row of numbers."""
    with path.open("rb") as file:
        head = [file.readline(1_000_000) for _ in range(2)]
    return any(re.search(rb"(\d+[,;\t ]+){15}", line) or line.count(b",") >= _FEWEST for line in head)


def _pixel_names(source: CsvTable) -> list[str]:
    numeric = [one.name for one in source.schema if pa.types.is_integer(one.type) or pa.types.is_floating(one.type)]
    named = [name for name in numeric if _PIXEL.fullmatch(name)]
    if len(named) >= _FEWEST:
        return _in_order(named)
    for entry in source.schema:
        if is_path(entry.type):
            head = source.read([entry.name], 5).column(0)
            long = pc.all(pc.match_substring_regex(head, _NUMBERS)).as_py() and len(str(head[0]).split()) >= _FEWEST
            if long and head.null_count == 0:
                return [str(entry.name)]
    return []


def _in_order(names: list[str]) -> list[str]:
    """Columns by the one number that each has: sorted as texts, pixel10 stands before pixel2.

    As they stand where the numbers leave it open: with a row and a column in each, or one number twice, as p1 and x1.
    """
    found = {name: [int(number) for number in re.findall(r"\d+", name)] for name in names}
    if len({one for one, *more in found.values() if not more}) < len(names):
        return names
    return sorted(names, key=found.__getitem__)


def _listings(
    split: str, source: CsvTable, columns: list[str], options: ReadOptions, *, one: bool
) -> list[PixelColumns]:
    named, rows, notes = split_column(split, source, options, None) if one else (None, {}, [])
    rest = [name for name in source.schema.names if name not in columns and name != named]
    label = _label(source, rest, options)
    shape = _shape(source, columns, options)
    size = "x".join(map(str, shape))
    first, last = columns[0], columns[-1]
    what = f"column '{first}' holds" if len(columns) == 1 else f"columns '{first}' to '{last}' hold"
    note = f"{source.path.name}: {what} the pixels of images of {size}"
    notes = [*source.notes, *notes, note + ("." if options.shape else "; data.shape says another height and width.")]
    others = [name for name in rest if name != label]
    parts = rows or {split: np.arange(source.rows)}
    return [
        PixelColumns(
            name,
            source,
            columns,
            label,
            others,
            shape,
            some,
            options.range is not None,
            notes if name == "train" else [],
        )
        for name, some in parts.items()
    ]


def _label(source: CsvTable, rest: list[str], options: ReadOptions) -> str | None:
    if options.label_column is not None and not isinstance(options.label_column, str):
        raise DataError(
            f"data.label_column: {source.path} has its pixels in columns: expected the one column of its labels, "
            f"received {', '.join(options.label_column)}."
        )
    if options.label_column is not None:
        if options.label_column not in source.schema.names:
            known = nearest(options.label_column, rest)
            raise DataError(f"data.label_column: {source.path} has no column '{options.label_column}'; {known}")
        return options.label_column
    if options.target is not None:
        return None
    usual = [name for name in rest if name.casefold() in (*LABEL, "emotion", "digit", "y")]
    chosen = usual[:1] or (rest if len(rest) == 1 else [])
    if not chosen:
        raise DataError(
            f"{source.path}: expected one column of labels beside those of the pixels, found "
            f"{', '.join(rest[:10]) or 'none'}. Say which one with data.label_column."
        )
    return chosen[0]


def _shape(source: CsvTable, columns: list[str], options: ReadOptions) -> tuple[int, ...]:
    count = len(columns) if len(columns) > 1 else len(str(source.read(columns, 1).column(0)[0]).split())
    return pixel_shape(count, str(source.path), options)[0]
