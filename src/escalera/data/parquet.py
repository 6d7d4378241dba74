"""One parquet file of pictures, as the hub publishes them: a column of pictures and a column of labels.

pictures  struct{bytes, path} or binary: the bytes of a picture's file
labels    integers or text
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from escalera.errors import DataError, nearest

_AT_ONCE = 256
"""Rows read and decoded together: enough to share out among threads, few enough for large pictures."""


@dataclass(frozen=True)
class PictureFile:
    """A parquet file that was looked into: its columns, its rows, and the class names it states, if any."""

    path: Path
    image: str
    label: str
    rows: int
    names: list[str] | None

    def pictures(self) -> Iterator[list[bytes | None]]:
        """The bytes of the pictures in order, some rows at a time; None where there is none.

        Raises DataError for a file damaged within.
        """
        with _readable(self.path):
            for batch in pq.ParquetFile(self.path).iter_batches(_AT_ONCE, columns=[self.image]):
                column = batch.column(0)
                yield (pc.struct_field(column, "bytes") if pa.types.is_struct(column.type) else column).to_pylist()

    def labels(self) -> tuple[list[int] | list[str], NDArray[np.int64]]:
        """The distinct labels in order, and each row's position (N,) among them; raises DataError for rows without."""
        with _readable(self.path):
            column = pq.ParquetFile(self.path).read(columns=[self.label]).column(0).combine_chunks()
        if column.null_count:
            absent = np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False))
            listed = ", ".join(map(str, absent[:10])) + (", ..." if len(absent) > 10 else "")
            raise DataError(
                f"{self.path}: column '{self.label}' has no label (null) at {len(absent)} of {self.rows} rows, counted "
                f"from 0: {listed}. Give each a label, or take the rows out."
            )
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        found = column.dictionary_encode()
        values = found.dictionary.to_pylist()
        order = sorted(range(len(values)), key=values.__getitem__)
        place = np.empty(len(values), np.int64)
        place[order] = np.arange(len(values))
        return [values[i] for i in order], place[found.indices.to_numpy()]


def inspect(path: Path, *, image: str | None = None, label: str | None = None) -> PictureFile:
    """Look into a file without reading its pictures; the columns are guessed where they are not given.

    Raises DataError for a file that is empty, damaged or of another format, and for columns that are absent, of another
    type, or cannot be guessed.
    """
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty (0 bytes). Copy or download it again.")
    with _readable(path):
        file = pq.ParquetFile(path)
        schema, rows = file.schema_arrow, file.metadata.num_rows
    if rows == 0:
        raise DataError(f"{path} has 0 rows. Copy or download it again.")
    image = _column(path, schema, image, "image", ("image", "img"), _is_picture)
    label = _column(path, schema, label, "label", ("label",), _is_label)
    return PictureFile(path, image, label, rows, _names(schema, label))


def _column(
    path: Path,
    schema: pa.Schema,
    given: str | None,
    what: str,
    usual: tuple[str, ...],
    fits: Callable[[pa.DataType], bool],
) -> str:
    """The name of a column: the one given, else one that fits by name, else the only one that fits."""
    listed = ", ".join(f"{field.name} ({_type(field.type)})" for field in schema) or "none"
    if given is not None and given not in schema.names:
        raise DataError(
            f"{path} has no column '{given}'; its columns: {listed}. {nearest(given, schema.names).capitalize()}"
        )
    if given is not None and not fits(schema.field(given).type):
        raise DataError(f"{path}: column '{given}' holds no {what}s; its columns: {listed}.")
    if given is not None:
        return given
    fitting = [field.name for field in schema if fits(field.type)]
    chosen = [name for name in usual if name in fitting][:1] or fitting
    if len(chosen) == 1:
        return chosen[0]
    expected = "binary, or bytes and path as the hub writes them" if what == "image" else "integers or text"
    raise DataError(
        f"{path}: expected one column of {what}s ({expected}), found {len(fitting) or 'none'}; its columns: {listed}. "
        f"Name the one that holds the {what}s '{what}'."
    )


def _is_picture(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return bool(kind.get_field_index("bytes") >= 0)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _is_label(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _type(kind: pa.DataType) -> str:
    return "bytes and path" if pa.types.is_struct(kind) and _is_picture(kind) else str(kind)


def _names(schema: pa.Schema, label: str) -> list[str] | None:
    """The class names that the `datasets` library writes into a file, in the order of the labels."""
    with contextlib.suppress(KeyError, TypeError, ValueError):
        feature = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][label]
        return [str(name) for name in feature["names"]]
    return None


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path} cannot be read as parquet: {error}. It may have been cut short; copy or download it again."
        ) from error
