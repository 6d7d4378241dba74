"""A CSV file as a table: its first line names the columns, and the types are those that fit every value.

The values are kept as they are written, too: a label is a name, and 01 is another one than 1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pa_compute
import pyarrow.csv as pa_csv

from escalera.core.errors import DataError
from escalera.data.options import NOTHING_SAID, ReadOptions
from escalera.data.readers.csv_text import read_text
from escalera.data.readers.csv_values import NULLS, as_meant
from escalera.data.readers.formats import promised
from escalera.data.readers.listing import AT_ONCE, files_state, shown
from escalera.data.readers.paths import Tree, fault

_SEPARATORS = (",", ";", "\t", "|")
_UNEVEN = "columns, got"
"""What Arrow says of a row with more or fewer fields than the first line has."""
_LINES = 5
"""Lines after the first that tell which separator is meant."""
_SAID_SEPARATOR = re.compile(r"sep=([,;|\t])[\r\n]+", re.IGNORECASE)
"""What Excel understands in a line of its own before the names of the columns."""


@dataclass(frozen=True)
class CsvTable:
    """A CSV file that was read; it fits in memory, since its images are files beside it.

    `whole` has typed columns, `as_written` the same as the file writes them, null where a field is empty.
    """

    path: Path
    whole: pa.Table
    as_written: pa.Table
    notes: tuple[str, ...] = ()

    @property
    def schema(self) -> pa.Schema:
        """The columns and their types."""
        return self.whole.schema

    @property
    def rows(self) -> int:
        """How many there are, the first line left out."""
        return int(self.whole.num_rows)

    def state(self) -> str:
        """A hash that changes when the file does."""
        return files_state([self.path])

    def read(self, columns: list[str], rows: int | None = None) -> pa.Table:
        """Some columns whole, or their first rows."""
        return self.whole.select(columns).slice(0, rows)

    def written(self, column: str) -> pa.ChunkedArray:
        """A column as the file writes it."""
        return self.as_written[column]

    def texts(self, column: str) -> list[str | None]:
        """A column as the file writes it, None where it is empty."""
        texts: list[str | None] = self.as_written[column].to_pylist()
        return texts

    def batches(self, column: str) -> Iterator[pa.Array]:
        """A column in parts of some rows."""
        for start in range(0, self.rows, AT_ONCE):
            yield self.whole[column].slice(start, AT_ONCE).combine_chunks()


def csv_table(path: Path, options: ReadOptions = NOTHING_SAID) -> CsvTable:
    """Read a CSV file, separated by commas, semicolons, tabs or bars.

    Raises DataError for one that is empty, of another encoding, without a line of names, or has lines of other lengths.
    """
    text, encoding = read_text(path, options.encoding)
    excel = _SAID_SEPARATOR.match(text)
    if excel:
        text = text[excel.end() :]
    # Excel on a Mac may end lines with a return alone.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n", _LINES + 1)[: _LINES + 1]
    if not lines[0].strip():
        raise DataError(f"{path} has no first line with the names of the columns.")
    separator = excel[1] if excel else _separator(lines)
    if _has_blanks(lines[1:], separator):
        text = _without_blanks(text, separator)
    _has_names(path, lines, separator)
    typed, written = _tables(path, text, separator)
    if typed.num_rows == 0:
        raise DataError(f"{path} has 0 rows below its first line.")
    twice = [name for name in dict.fromkeys(typed.column_names) if typed.column_names.count(name) > 1]
    if twice:
        raise DataError(f"{path}: column '{twice[0]}' is there twice. Give each column a name of its own.")
    whole, commas, points = as_meant(typed, written, separator, options.decimal)
    notes = [f"{path.name} is read as {encoding}; data.encoding names another."] if encoding else []
    if options.decimal is None and commas:
        thousands = f", with points between thousands in {', '.join(points)}" if points else ""
        notes.append(
            f"{path.name}: numbers with a decimal comma in {', '.join(commas)}{thousands}; write data.decimal: '.' if "
            "it is the point."
        )
    return CsvTable(path, whole, written, tuple(notes))


def _tables(path: Path, text: str, separator: str) -> tuple[pa.Table, pa.Table]:
    """The table with types that fit every value, and with all values as they are written.

    Blanks around the names of columns are no part of them. Columns without a name and without a value, and rows at the
    end without any, are what spreadsheets leave behind; a column without a name is called as pandas calls it.
    """
    typed, written = _typed_and_written(path, text, separator)
    names = [name.strip() for name in typed.column_names]
    kept = [n for n, name in enumerate(names) if name or written.column(n).null_count < written.num_rows]
    named = [names[n] or f"Unnamed: {n}" for n in kept]
    filled = [pa_compute.is_valid(column).to_numpy() for column in written.columns]
    count = max((int(present.nonzero()[0].max(initial=-1)) + 1 for present in filled), default=0)
    return (
        typed.select(kept).rename_columns(named).slice(0, count),
        written.select(kept).rename_columns(named).slice(0, count),
    )


def _typed_and_written(path: Path, text: str, separator: str) -> tuple[pa.Table, pa.Table]:
    """Both readings of a file, whose rows may end with a separator where its first line does not."""
    try:
        return _both(text, separator)
    except pa.ArrowException as error:
        first, end, rest = text.partition("\n")
        try:
            typed, written = _both(f"{first.rstrip()}{separator}{end}{rest}", separator)
            if written.column(-1).null_count == written.num_rows:
                return typed, written
        except pa.ArrowException:  # it is not that
            pass
        mend = " Mend that row, or put quotes around a field that holds the separator." if _UNEVEN in str(error) else ""
        raise DataError(f"{path} cannot be read as CSV: {error}.{mend}") from error


def _both(text: str, separator: str) -> tuple[pa.Table, pa.Table]:
    typed = _read(text, separator)
    return typed, _read(text, separator, dict.fromkeys(typed.column_names, pa.string()))


def _read(text: str, separator: str, types: dict[str, pa.DataType] | None = None) -> pa.Table:
    """The table with types that fit every value, or with those given."""
    source = pa.py_buffer(text.encode())
    return pa_csv.read_csv(
        pa.BufferReader(source),
        # With threads of its own pyarrow (26.0.1) now and then aborted a process that ended right after: 3 of 15 times.
        read_options=pa_csv.ReadOptions(use_threads=False),
        parse_options=pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        # A text that is empty is no text: a path that is missing is told as such.
        convert_options=pa_csv.ConvertOptions(
            column_types=types, strings_can_be_null=True, null_values=NULLS if types is None else [""]
        ),
    )


def _separator(lines: list[str]) -> str:
    """What is between the fields: what is as often in each of the first lines, and in the first the most often."""
    counts = {sign: [_outside_quotes(line).count(sign) for line in lines if line.strip()] for sign in _SEPARATORS}
    return max(_SEPARATORS, key=lambda sign: (counts[sign][0] > 0, len(set(counts[sign])) == 1, counts[sign][0]))


def _has_blanks(rows: list[str], separator: str) -> bool:
    """Whether a blank follows each separator of some rows, as in `1.jpg, cat`: it is no part of the value then."""
    bare = [_outside_quotes(row) for row in rows if row.strip()]
    return bool(bare) and all(0 < row.count(separator) == row.count(f"{separator} ") for row in bare)


def _without_blanks(text: str, separator: str) -> str:
    """A text without the blanks that follow its separators, which are left alone within quotes."""
    sign = re.escape(separator)
    fields = re.compile(rf'("(?:[^"]|"")*"(?= *(?:{sign}|\n|$)))|{sign} +')
    return fields.sub(lambda match: match[1] or separator, text)


def _outside_quotes(line: str) -> str:
    return re.sub(r'"[^"]*("|$)', "", line)


def _has_names(path: Path, lines: list[str], separator: str) -> None:
    """Raise DataError for a first line that is already a row: it holds the path of an image, as the next one does."""
    first, *others = ([field.strip(' "') for field in line.split(separator)] for line in lines)
    second = next((fields for fields in others if any(fields)), [])
    for number, field in enumerate(first):
        there = field.replace("\\", "/")
        is_file = not fault(there) and bool(Tree(path.parent).files(there))
        if promised(field) and (is_file or (number < len(second) and promised(second[number]))):
            raise no_names(path, field, separator)


def no_names(path: Path, field: str, separator: str = ",") -> DataError:
    """Of a table whose first line is a row; `field` is what in it is the name of an image."""
    return DataError(
        f"{path}: expected the names of the columns in the first line, found '{shown(field)}', which is an image. "
        f"Write a line above it, such as image{separator}label."
    )


def two_tables(split: str, files: Sequence[Path]) -> DataError:
    """Of several files for one split, in one folder or in several, none of which may be dropped."""
    place = Path(os.path.commonpath([file.parent for file in files]))
    names = [file.relative_to(place).as_posix() for file in files]
    return DataError(
        f"{place}: expected one table for {split}, found {len(files)}: {', '.join(names[:_LINES])}. Join them, or "
        f"name one: data.splits: {{{split}: {names[0]}}}."
    )
