"""Lines of JSON as a table, as `datasets` writes metadata.jsonl beside images: each line is a row, with its columns."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.json as pa_json

from escalera.core.errors import DataError
from escalera.data.readers.csv_file import CsvTable

_LONGEST = 64_000_000
"""Bytes of a line; pyarrow reads a megabyte at once unless it is told otherwise, and refuses lines of several."""


def json_lines(path: Path) -> CsvTable:
    """Read a file with an object in each line; raises DataError for one that is none, empty, or too long a line.

    Lists and objects within a row are no attributes, and have no text.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig").encode()
        for number, line in enumerate(io.BytesIO(text), 1):
            if len(line) > _LONGEST:
                raise DataError(
                    f"{path}: line {number} has {len(line):,} bytes, expected {_LONGEST:,} at most. Take long lists "
                    "and texts out of it: only an image, a label and attributes are read."
                )
        # Without threads of pyarrow's own, for the reason given in csv_file.py.
        read_options = pa_json.ReadOptions(use_threads=False, block_size=_LONGEST)
        table = pa_json.read_json(pa.BufferReader(text), read_options=read_options)
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 ({error.reason} at byte {error.start}). Save it as UTF-8.") from error
    except pa.ArrowException as error:
        raise DataError(f"{path} cannot be read as lines of JSON: {error}.") from error
    if table.num_rows == 0:
        raise DataError(f"{path} has 0 rows.")
    return CsvTable(path, table, pa.table({name: _texts(table[name]) for name in table.column_names}))


def _texts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_nested(column.type) or pa.types.is_null(column.type):
        return pa.chunked_array([pa.nulls(len(column), pa.string())])
    return column.cast(pa.string())
