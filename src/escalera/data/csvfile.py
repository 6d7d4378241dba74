"""A CSV file as a table: its first line names the columns, and the types are those that fit every value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc

from escalera.data.listing import AT_ONCE, files_state
from escalera.errors import DataError


@dataclass(frozen=True)
class CsvTable:
    """A CSV file that was read; it fits in memory, since its pictures are files beside it."""

    path: Path
    whole: pa.Table

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

    def batches(self, column: str) -> Iterator[pa.Array]:
        """A column in parts of some rows."""
        for start in range(0, self.rows, AT_ONCE):
            yield self.whole[column].slice(start, AT_ONCE).combine_chunks()


def csv_table(path: Path) -> CsvTable:
    """Read a CSV file, separated by commas, or by semicolons or tabs where its first line has no comma.

    Raises DataError for one that is empty, not UTF-8, or has lines of other lengths.
    """
    try:
        # utf-8-sig: spreadsheets begin a file with a mark that would become part of the first column's name.
        with path.open(encoding="utf-8-sig") as file:
            first = file.readline().rstrip("\n")
        if not first.strip():
            raise DataError(f"{path} has no first line with the names of the columns.")
        separator = "," if "," in first else ";" if ";" in first else "\t"
        table = pc.read_csv(
            path,
            parse_options=pc.ParseOptions(delimiter=separator, newlines_in_values=True),
            # A text that is empty is no text: a path that is missing is told as such.
            convert_options=pc.ConvertOptions(strings_can_be_null=True, null_values=["", "NA", "NaN", "nan", "null"]),
        )
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}). Save it as UTF-8.") from error
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}.") from error
    except pa.ArrowException as error:
        raise DataError(f"{path} cannot be read as CSV: {error}.") from error
    if table.num_rows == 0:
        raise DataError(f"{path} has 0 rows below its first line.")
    twice = [name for name in dict.fromkeys(table.column_names) if table.column_names.count(name) > 1]
    if twice:
        raise DataError(f"{path}: column '{twice[0]}' is there twice. Give each column a name of its own.")
    return CsvTable(path, table)
