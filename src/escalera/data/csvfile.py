"""A CSV file as a table: its first line names the columns, and the types are those that fit every value.

The values are kept as they are written, too: a label is a name, and 01 is another one than 1.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pa_compute
import pyarrow.csv as pa_csv

from escalera.data.listing import AT_ONCE, files_state, promised, shown
from escalera.data.options import NOTHING_SAID, ReadOptions
from escalera.errors import DataError

_MISSING = ["", "NA", "NaN", "nan", "null"]
"""What stands for no value in a column of attributes, or of pictures."""
_LEADING_ZERO = r"^[+-]?0[0-9]"
_COMMA_NUMBER = r"^\s*[+-]?([0-9]{1,3}(\.[0-9]{3})+|[0-9]+)(,[0-9]+)?\s*$"
"""A number as Spanish, French and German spreadsheets write it: 1.234,5."""
_THOUSANDS = r"^\s*[+-]?[0-9]{1,3}(\.[0-9]{3})*\s*$"
_SHORTEST_WORD = 2


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
    """Read a CSV file, separated by commas, or by semicolons or tabs where its first line has no comma.

    Raises DataError for one that is empty, of another encoding, without a line of names, or has lines of other lengths.
    """
    try:
        text, encoding = _decoded(path, options.encoding)
        first = text.lstrip("\ufeff").partition("\n")[0].rstrip("\r")
        if not first.strip():
            raise DataError(f"{path} has no first line with the names of the columns.")
        separator = _separator(first)
        _has_names(path, first, separator)
        typed = _read(text, separator)
        written = _read(text, separator, dict.fromkeys(typed.column_names, pa.string()))
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}.") from error
    except pa.ArrowException as error:
        raise DataError(f"{path} cannot be read as CSV: {error}.") from error
    # Blanks after the commas are no part of a name.
    typed, written = (table.rename_columns([name.strip() for name in table.column_names]) for table in (typed, written))
    if typed.num_rows == 0:
        raise DataError(f"{path} has 0 rows below its first line.")
    twice = [name for name in dict.fromkeys(typed.column_names) if typed.column_names.count(name) > 1]
    if twice:
        raise DataError(f"{path}: column '{twice[0]}' is there twice. Give each column a name of its own.")
    comma = options.decimal == "," or (options.decimal is None and separator != ",")
    whole, numbers = _with_decimal_commas(typed, written) if comma else (typed, [])
    notes = [
        *([f"{path.name} is read as {encoding}; data.encoding names another."] if encoding else []),
        *(
            [f"{path.name}: numbers with a decimal comma in {', '.join(numbers)}; data.decimal: '.' leaves them texts."]
            if numbers and options.decimal is None
            else []
        ),
    ]
    return CsvTable(path, _codes_as_texts(whole, written), written, tuple(notes))


def _separator(first: str) -> str:
    return "," if "," in first else ";" if ";" in first else "\t"


def _read(text: str, separator: str, types: dict[str, pa.DataType] | None = None) -> pa.Table:
    """The table with types that fit every value, or with those given."""
    source = pa.py_buffer(text.encode())
    return pa_csv.read_csv(
        pa.BufferReader(source),
        parse_options=pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        # A text that is empty is no text: a path that is missing is told as such.
        convert_options=pa_csv.ConvertOptions(
            column_types=types, strings_can_be_null=True, null_values=_MISSING if types is None else [""]
        ),
    )


def _decoded(path: Path, encoding: str | None) -> tuple[str, str | None]:
    """The text of a file, and its encoding where that was guessed and is not UTF-8."""
    raw = path.read_bytes()
    if encoding is not None:
        try:
            return raw.decode(encoding), None
        except LookupError:
            raise DataError(f"data.encoding: '{encoding}' is not known; expected utf-8, cp1252, latin-1, ...") from None
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is not {encoding} ({error.reason} at byte {error.start}).") from error
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return raw.decode("utf-16", errors="strict"), "UTF-16"
    try:
        # utf-8-sig: spreadsheets begin a file with a mark that would become part of the first column's name.
        return raw.decode("utf-8-sig"), None
    except UnicodeDecodeError as error:
        if text := _windows(raw):
            return text, "cp1252"
        raise DataError(
            f"{path} is not UTF-8 ({error.reason} at byte {error.start}). Save it as UTF-8, or name its encoding with "
            "data.encoding."
        ) from error


def _windows(raw: bytes) -> str | None:
    """The text in Windows-1252, as Excel saves CSV files in Western Europe, where it then reads as words do."""
    try:
        text = raw.decode("cp1252")
    except UnicodeDecodeError:
        return None
    foreign = [word for word in re.findall(r"[^\W\d_]*[^\x00-\x7f]+\w*", text) if word]
    # Between or beside letters: an accent alone, or a sign in the middle of a word, is another encoding.
    sound = all(word.isalpha() and len(word) >= _SHORTEST_WORD for word in foreign)
    return text if foreign and sound else None


def _has_names(path: Path, first: str, separator: str) -> None:
    """Raise DataError for a first line that is already a row: it holds the path of a picture."""
    fields = [field.strip().strip('"') for field in first.split(separator)]
    paths = [field for field in fields if promised(field) and (path.parent / field.replace("\\", "/")).is_file()]
    if paths:
        raise DataError(
            f"{path}: expected the names of the columns in the first line, found '{shown(paths[0])}', which is a file. "
            f"Write a line above it, such as image{separator}label."
        )


def _with_decimal_commas(typed: pa.Table, written: pa.Table) -> tuple[pa.Table, list[str]]:
    """Columns of texts all of whose values are numbers with a comma become numbers; their names.

    A file that writes 1,5 writes 1.234 for a thousand: beside such a column, points are those of thousands.
    """
    found: dict[str, pa.ChunkedArray] = {}
    for name in typed.column_names:
        texts = _present(written[name])
        if len(texts) and pa.types.is_string(typed[name].type) and _all(texts, _COMMA_NUMBER) and _any(texts, ","):
            found[name] = _comma_numbers(written[name])
    for name in typed.column_names if found else []:
        texts = _present(written[name])
        numbers_or_texts = pa.types.is_floating(typed[name].type) or pa.types.is_string(typed[name].type)
        if name not in found and len(texts) and numbers_or_texts and _all(texts, _THOUSANDS):
            found[name] = _comma_numbers(written[name])
    for name, numbers in found.items():
        typed = typed.set_column(typed.column_names.index(name), name, numbers)
    return typed, list(found)


def _comma_numbers(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    missing = pa_compute.is_in(texts, pa.array(_MISSING))
    bare = pa_compute.replace_substring(pa_compute.utf8_trim_whitespace(texts), ".", "")
    plain = pa_compute.replace_substring(bare, ",", ".")
    return pa_compute.if_else(missing, None, plain).cast(pa.float64())


def _codes_as_texts(typed: pa.Table, written: pa.Table) -> pa.Table:
    """Whole numbers one of which begins with a zero are codes, as 02134: they stay as they are written."""
    for number, name in enumerate(typed.column_names):
        if pa.types.is_integer(typed[name].type) and _any(written[name], _LEADING_ZERO, regex=True):
            missing = pa_compute.is_in(written[name], pa.array(_MISSING))
            typed = typed.set_column(number, name, pa_compute.if_else(missing, None, written[name]))
    return typed


def _present(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return texts.filter(pa_compute.invert(pa_compute.is_in(texts.fill_null(""), pa.array(_MISSING))))


def _all(texts: pa.ChunkedArray, pattern: str) -> bool:
    return bool(pa_compute.all(pa_compute.match_substring_regex(texts, pattern)).as_py())


def _any(texts: pa.ChunkedArray, pattern: str, *, regex: bool = False) -> bool:
    match = pa_compute.match_substring_regex if regex else pa_compute.match_substring
    return bool(pa_compute.any(match(texts, pattern)).as_py())
