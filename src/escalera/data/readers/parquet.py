"""Parquet files read as one table, a part at a time: one file, or the shards in which the hub publishes a split."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from escalera.core.errors import DataError
from escalera.data.readers.listing import AT_ONCE, files_state


@dataclass(frozen=True)
class ParquetTable:
    """Files of one schema, in order, as one table; `path` is what messages name."""

    path: Path
    files: tuple[Path, ...]
    schema: pa.Schema
    rows: int
    notes: tuple[str, ...] = ()

    def state(self) -> str:
        """A hash that changes when a file does."""
        return files_state(self.files)

    def read(self, columns: list[str], rows: int | None = None) -> pa.Table:
        """Some columns whole, or their first rows; raises DataError for a file damaged within."""
        if rows is not None:
            with _readable(self.files[0]):
                batch = next(pq.ParquetFile(self.files[0]).iter_batches(rows, columns=columns))
                return pa.Table.from_batches([batch])
        parts = []
        for file in self.files:
            with _readable(file):
                parts.append(pq.ParquetFile(file).read(columns=columns))
        return pa.concat_tables(parts)

    def written(self, column: str) -> pa.ChunkedArray:
        """A column as the files write it."""
        return self.read([column]).column(0)

    def texts(self, column: str) -> list[str | None]:
        """A column as texts, None where there is none; of one of images, the paths of those that it does not hold."""
        kind = self.schema.field(column).type
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return [None] * self.rows
        if not pa.types.is_struct(kind):
            return [None if value is None else str(value) for value in self.written(column).to_pylist()]
        if kind.get_field_index("path") < 0 or not self._lacks_bytes(column):
            return [None] * self.rows
        found: list[str | None] = []
        for part in self.batches(column):
            absent = pc.is_null(pc.struct_field(part, "bytes"))
            names = pc.struct_field(part, "path").cast(pa.string())
            found += pc.if_else(absent, names, pa.scalar(None, pa.string())).to_pylist()
        return found

    def _lacks_bytes(self, column: str) -> bool:
        """Whether some images are not in the files, as far as their statistics tell without reading them."""
        for file in self.files:
            with _readable(file):
                metadata = pq.ParquetFile(file).metadata
                for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
                    leaves = [group.column(number) for number in range(group.num_columns)]
                    counted = [leaf.statistics for leaf in leaves if leaf.path_in_schema == f"{column}.bytes"]
                    if not counted or counted[0] is None or counted[0].null_count != 0:  # None: nobody counted
                        return True
        return False

    def batches(self, column: str) -> Iterator[pa.Array]:
        """A column in parts of some rows; raises DataError for a file damaged within."""
        for file in self.files:
            with _readable(file):
                for batch in pq.ParquetFile(file).iter_batches(AT_ONCE, columns=[column]):
                    yield batch.column(0)


def parquet_table(files: list[Path]) -> ParquetTable:
    """Look into files without reading their pictures.

    Raises DataError for one that is empty, damaged, of another format, or of another schema than the first.
    """
    schema, rows = _inspect(files[0])
    for file in files[1:]:
        other, more = _inspect(file)
        if other.names != schema.names or other.types != schema.types:
            raise DataError(
                f"{file} has other columns than {files[0].name}, of the same split: expected {', '.join(schema.names)}."
            )
        rows += more
    path = files[0] if len(files) == 1 else files[0].parent / f"{files[0].stem} and {len(files) - 1} more"
    return ParquetTable(path, tuple(files), schema, rows)


def _inspect(path: Path) -> tuple[pa.Schema, int]:
    with _readable(path):
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty (0 bytes). Copy or download it again.")
        file = pq.ParquetFile(path)
        schema, rows = file.schema_arrow, file.metadata.num_rows
    if rows == 0:
        raise DataError(f"{path} has 0 rows. Copy or download it again.")
    return schema, rows


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as error:
        raise DataError(f"could not read {path}: {error.strerror}.") from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path} cannot be read as parquet: {error}. It may have been cut short; copy or download it again."
        ) from error
