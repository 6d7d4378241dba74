"""One NumPy array in a .npy file or a .npz archive: looked at, read whole, or a part at a time, and never more of it
than its file holds.
"""

from __future__ import annotations

import contextlib
import math
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DamagedError, DataError

Shape = tuple[int, ...]
_LARGE, _DENSEST = 1_000_000_000, 100
"""Bytes from which an archive is not believed that it was packed into a hundredth."""
_WHOLE = 1_000_000_000
"""Bytes that are read into memory at once."""


@dataclass(frozen=True)
class ArrayFile:
    """Where an array is: a file of its own, or a member of an archive."""

    file: Path
    member: str | None = None

    def head(self) -> tuple[Shape, np.dtype[Any]]:
        """Its shape and type. Raises ValueError for one that is not kept row by row, or holds Python objects."""
        with self._opened() as (_, shape, dtype):
            return shape, dtype

    def whole(self) -> NDArray[Any]:
        """All of it. Raises ValueError where it would take too much memory."""
        with self._opened() as (file, shape, dtype):
            size = math.prod(shape) * dtype.itemsize
            if size > _WHOLE:
                raise ValueError(f"it has {size:,} bytes, and so many are not read at once")
            return np.frombuffer(_exactly(file, size, last=True), dtype).reshape(shape)

    def parts(self, rows: int) -> Iterator[NDArray[Any]]:
        """Some rows at a time, so that an archive may be larger than the memory."""
        with self._opened() as (file, shape, dtype):
            for start in range(0, shape[0], rows):
                count = min(rows, shape[0] - start)
                size = count * math.prod(shape[1:]) * dtype.itemsize
                raw = _exactly(file, size, last=start + count == shape[0])
                yield np.frombuffer(raw, dtype).reshape(count, *shape[1:])

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[IO[bytes], Shape, np.dtype[Any]]]:
        """The array behind its header, which is true: there is as much as it says."""
        with contextlib.ExitStack() as stack:
            if self.member is None:
                file: IO[bytes] = stack.enter_context(self.file.open("rb"))
                there = self.file.stat().st_size
            else:
                archive = stack.enter_context(zipfile.ZipFile(self.file))
                info = archive.getinfo(f"{self.member}.npy")
                there = info.file_size
                if there > max(_LARGE, _DENSEST * info.compress_size):
                    raise ValueError(
                        f"it claims {there:,} bytes packed into {info.compress_size:,}; if that is so, save it with "
                        "numpy.savez, which does not pack"
                    )
                file = stack.enter_context(archive.open(info))
            shape, dtype = _header(file)
            size = math.prod(shape) * dtype.itemsize
            if file.tell() + size != there:
                raise ValueError(f"its shape {shape} of {dtype} is {size:,} bytes, and it has {there - file.tell():,}")
            yield file, shape, dtype


@contextlib.contextmanager
def readable(path: Path, name: str | None = None) -> Iterator[None]:
    """Whatever a damaged file makes zipfile, zlib, lzma or numpy raise, as one error that names the place."""
    try:
        yield
    except (DataError, GeneratorExit):
        raise
    except Exception as error:
        raise unreadable(path, name, error) from error


def unreadable(path: Path, name: str | None, error: Exception) -> DamagedError:
    """An array, or a whole archive, that cannot be read for a reason."""
    why = " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
    if name is None:
        return DamagedError(f"{path} cannot be read as .npz: {why}. It may have been cut short.")
    return DamagedError(f"{path}: '{name}' cannot be read: {why}.")


def _exactly(file: IO[bytes], size: int, *, last: bool) -> bytes:
    raw = file.read(size)
    if len(raw) < size:
        raise ValueError("it is cut short")
    if last and file.read(1):  # the end of a member is where its checksum is compared
        raise ValueError("it is longer than it says")
    return raw


def _header(file: IO[bytes]) -> tuple[Shape, np.dtype[Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # numpy warns of headers that it can only guess at
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded; save it with a type, as x.astype(str)")
    if any(not isinstance(side, int) or side < 0 for side in shape):
        raise ValueError(f"its shape is {shape}")
    if fortran and len(shape) > 1:
        raise ValueError("it is stored column by column; save numpy.ascontiguousarray of it")
    return shape, dtype
