"""Where the decoded arrays of a source go: files in a folder of the cache, or memory where the disk takes no more.

images  (N, H, W, C) uint8
labels  (N,) int64
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError
from escalera.data.images import Images, ImageSet

if TYPE_CHECKING:
    import pyarrow as pa

Meta = dict[str, Any]
"""`source` and `made` for people; `classes`, `splits`, `skipped`, `notes` and `faults` as ImageSet has them."""


class Store(Protocol):
    """What takes a source, an array after the other. Raises OSError for writing alone."""

    def array(self, name: str, rows: int, chunks: Iterable[NDArray[Any]]) -> None:
        """Keep an array of `rows` rows at most from its parts, in order."""

    def table(self, name: str, table: pa.Table) -> None:
        """Keep a table."""

    def meta(self, meta: Meta) -> None:
        """Keep what is known of the whole; the last call."""


class OnDisk:
    """A folder: <name>.npy, <name>.parquet, meta.json, which also holds the `origin`: what was read, and how."""

    def __init__(self, folder: Path, origin: str = "") -> None:
        self.folder = folder
        self.origin = origin

    def array(self, name: str, rows: int, chunks: Iterable[NDArray[Any]]) -> None:
        """Write a .npy file and sync it.

        By plain writes and not through a memory map, where a full disk would kill the process instead of raising. One
        that is not going to fit raises before an hour of decoding, and not after it.
        """
        with (self.folder / f"{name}.npy").open("wb") as file:
            written, start = 0, 0
            last = np.empty(0)
            try:
                for last in chunks:
                    if not written:
                        if rows * last[0].nbytes > shutil.disk_usage(self.folder).free:
                            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                        _header(file, rows, last)
                        start = file.tell()
                    file.write(np.ascontiguousarray(last).data)
                    written += len(last)
            finally:
                # Whoever stops it leaves an array of what was written.
                if 0 < written < rows:
                    file.seek(0)
                    _header(file, written, last)
                    assert file.tell() == start, "numpy leaves room in the header for any number of rows"
            file.flush()
            os.fsync(file.fileno())

    def table(self, name: str, table: pa.Table) -> None:
        """Write a parquet file and sync it."""
        import pyarrow.parquet as pq

        with (self.folder / f"{name}.parquet").open("wb") as file:
            pq.write_table(table, file)
            file.flush()
            os.fsync(file.fileno())

    def meta(self, meta: Meta) -> None:
        """Write meta.json."""
        text = json.dumps({**meta, "origin": self.origin}, ensure_ascii=False, indent=2)
        (self.folder / "meta.json").write_text(text + "\n", encoding="utf-8")


class InMemory:
    """The same in memory. Raises DataError, after `why`, when there is not enough of it."""

    def __init__(self, why: str) -> None:
        self.why = why
        self.arrays: dict[str, NDArray[Any]] = {}
        self.tables: dict[str, pa.Table] = {}
        self.about: Meta = {}

    def array(self, name: str, rows: int, chunks: Iterable[NDArray[Any]]) -> None:
        """Fill an array."""
        import psutil

        whole: NDArray[Any] | None = None
        filled = 0
        for chunk in chunks:
            if whole is None:
                needed, free = rows * chunk[0].nbytes, psutil.virtual_memory().available
                if needed > 0.8 * free:
                    raise DataError(
                        f"{self.why} The pictures would take {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB of memory "
                        "are free, so that they cannot stay there instead. A smaller data.image_size needs less."
                    )
                whole = np.empty((rows, *chunk.shape[1:]), chunk.dtype)
            whole[filled : filled + len(chunk)] = chunk
            filled += len(chunk)
        if whole is not None:
            self.arrays[name] = whole[:filled]

    def table(self, name: str, table: pa.Table) -> None:
        """Keep it."""
        self.tables[name] = table

    def meta(self, meta: Meta) -> None:
        """Keep it."""
        self.about = meta

    def image_set(self, name: str) -> ImageSet:
        """What was kept, and why it is here, as a note."""
        arrays, tables = self.arrays, self.tables
        splits = {
            split: Images(
                arrays[f"{split}-images"],
                arrays[f"{split}-labels"],
                tables.get(f"{split}-table"),
                arrays.get(f"{split}-listed"),
            )
            for split in self.about["splits"]
        }
        why = f"{self.why} The pictures are kept in memory for now, and decoded again next time."
        return _image_set(name, splits, self.about, why)


def read_folder(folder: Path, name: str) -> ImageSet:
    """The set in a folder that OnDisk wrote, its pictures mapped; raises what numpy raises for a damaged file."""
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    splits = {}
    for split in meta["splits"]:
        table, listed = folder / f"{split}-table.parquet", folder / f"{split}-listed.npy"
        splits[split] = Images(
            map_array(folder / f"{split}-images.npy"),
            np.load(folder / f"{split}-labels.npy"),
            _read_table(table) if table.exists() else None,
            np.load(listed) if listed.exists() else None,
        )
    return replace(_image_set(name, splits, meta), folder=folder)


def map_array(path: Path) -> NDArray[np.uint8]:
    """Map a .npy file into memory."""
    # Copy-on-write, since torch warns of arrays that are not writable. Linux refuses such a map when it is larger than
    # the memory (it might all be copied), so that a set of that size is mapped read-only.
    try:
        array: NDArray[np.uint8] = np.load(path, mmap_mode="c")
    except OSError:
        array = np.load(path, mmap_mode="r")
    return array


def _image_set(name: str, splits: dict[str, Images], meta: Meta, *notes: str) -> ImageSet:
    skipped, faults = tuple(meta["skipped"]), tuple(meta["faults"])
    return ImageSet(name, meta["classes"], splits, skipped, (*meta["notes"], *notes), faults)


def _read_table(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, memory_map=True)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error


def _header(file: Any, rows: int, chunk: NDArray[Any]) -> None:
    descr = np.lib.format.dtype_to_descr(chunk.dtype)
    header = {"descr": descr, "fortran_order": False, "shape": (rows, *chunk.shape[1:])}
    np.lib.format.write_array_header_1_0(file, header)
