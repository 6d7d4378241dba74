"""What a source lists of one split before anything is decoded: where the pictures are, their labels, their attributes.

labels  the distinct values, and each row's position (N,) among them
table   N rows: the other columns
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Several:
    """The pictures of one row, to be laid side by side; each under its place, which a message names."""

    parts: dict[str, Raw]


Raw = bytes | NDArray[np.generic] | DataError | Several | None
"""A picture before it is decoded: a file's bytes, bare pixels, why it cannot be read, several, or nothing at all."""

Labels = tuple[list[int] | list[str], NDArray[np.int64]]

AT_ONCE = 256
"""Rows read and decoded together: enough to share out among threads, few enough for large pictures."""

SPLITS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing"),
}
"""The splits, and what files and folders that hold them are called."""
USUAL = {word: split for split, usual in SPLITS.items() for word in usual}
"""The split that each of these words means."""

_BYTES_AT_ONCE = 64_000_000
_END = 1_000_000


class Listing(Protocol):
    """One split of a source. Every method raises DataError for what cannot be read, naming the place."""

    @property
    def split(self) -> str:
        """`train`, `validation` or `test`."""

    @property
    def path(self) -> Path:
        """The file or folder that a message names."""

    @property
    def rows(self) -> int:
        """How many pictures it lists."""

    @property
    def names(self) -> list[str] | None:
        """The names of the classes, in the order of the labels, where the source states them."""

    @property
    def label(self) -> str | None:
        """The column of the labels, where there are columns."""

    @property
    def notes(self) -> list[str]:
        """What a person should know: what was not taken for a picture, and the like."""

    def check(self) -> None:
        """Raise DataError for what must not be learned from: an empty class, pictures outside the source."""

    def state(self) -> str:
        """A hash that changes when the files do."""

    def labels(self) -> Labels:
        """The labels as the source writes them."""

    def pictures(self) -> Iterator[list[Raw]]:
        """The pictures in order, some rows at a time."""

    def table(self) -> pa.Table | None:
        """The columns that hold neither pictures nor labels; None where there is none."""

    def where(self, row: int) -> str:
        """A row's place in words: its file, or the file of the table and the row."""

    def file_name(self, row: int) -> str | None:
        """The name of a row's picture, where it is a file of its own."""


_LEFTOVERS = {
    "__macosx", "thumbs.db", "desktop.ini", "ehthumbs.db", "@eadir", "$recycle.bin", "lost+found",
    "system volume information",
}  # fmt: skip


def left_by_system(name: str) -> bool:
    """Whether a file or folder is one that an operating system or a program leaves behind, and nobody's image."""
    return name.startswith(".") or name.casefold() in _LEFTOVERS


def shown(name: str) -> str:
    """A file's name on one line: what cannot be printed (a newline, bytes that are no UTF-8) is escaped."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def files_state(paths: Iterable[Path]) -> str:
    """A hash of a few files by name, size, time of change, first and last megabyte, so that a large one costs no more.

    Raises DataError for one that cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        try:
            state = path.stat()
            digest.update(f"{path.name} {state.st_size} {state.st_mtime_ns}".encode())
            with path.open("rb") as file:
                digest.update(file.read(_END))
                file.seek(max(0, state.st_size - _END))
                digest.update(file.read(_END))
        except OSError as error:
            raise DataError(f"could not read {path}: {error.strerror}.") from error
    return digest.hexdigest()


def many_files_state(folder: Path, names: Iterable[str]) -> str:
    """A hash of many small files by name, size and times of change; an absent one counts as such."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(os.fsencode(name))
        try:
            state = (folder / name).stat()
            digest.update(f"\0{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns}\0".encode())
        except (OSError, ValueError) as error:
            digest.update(f"\0{error}\0".encode(errors="backslashreplace"))
    return digest.hexdigest()


def read_files(folder: Path, names: Iterable[str | DataError | None]) -> Iterator[list[Raw]]:
    """The bytes of files, some at a time; DataError in the place of one that cannot be read."""
    return in_parts(_read(folder / name) if isinstance(name, str) else name for name in names)


def in_parts(raws: Iterable[Raw]) -> Iterator[list[Raw]]:
    """Some at a time: fewer where they are large, so that hundreds of photos of 20 MB are never in memory together."""
    some: list[Raw] = []
    size = 0
    for raw in raws:
        some.append(raw)
        size += bytes_of(raw)
        if len(some) == AT_ONCE or size >= _BYTES_AT_ONCE:
            yield some
            some, size = [], 0
    if some:
        yield some


def bytes_of(raw: Raw) -> int:
    """How large the file of a picture is, or the files of several."""
    if isinstance(raw, Several):
        return sum(map(bytes_of, raw.parts.values()))
    return len(raw) if isinstance(raw, bytes) else 0


def _read(path: Path) -> Raw:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        return DataError(f"cannot be read: {getattr(error, 'strerror', None) or error}")
