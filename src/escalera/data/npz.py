"""NumPy arrays of pictures and labels, in an archive (.npz) or beside one another (X.npy, y.npy), as listings.

images  (N, H, W) or (N, H, W, C) uint8 or uint16, C = 1, 3 or 4; other whole numbers from 0 to 255 count as uint8
labels  (N,) or (N, 1) integers or text, or (N, K) with one 1 in each row
"""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from escalera.data.listing import AT_ONCE, SPLITS, Labels, Raw, files_state
from escalera.errors import DamagedError, DataError

if TYPE_CHECKING:
    import pyarrow as pa

Shape = tuple[int, ...]
_LARGEST_LABELS = 1_000_000_000
"""Bytes of labels that are read at once; a header of a few bytes can claim any number."""


@dataclass(frozen=True)
class Arrays:
    """The pictures and the labels of one split, by their names in the archive or folder."""

    split: str
    path: Path
    images: str
    targets: str
    shape: Shape
    dtype: np.dtype[Any]
    notes: list[str] = field(default_factory=list)
    label: None = None
    names: None = None

    @property
    def rows(self) -> int:
        """How many pictures it lists."""
        return self.shape[0]

    def check(self) -> None:
        """Nothing more to check."""

    def state(self) -> str:
        """A hash that changes when the files do."""
        if self.path.is_file():
            return files_state([self.path])
        return files_state([self.path / f"{name}.npy" for name in (self.images, self.targets)])

    def labels(self) -> Labels:
        """The distinct labels in order, and each row's; raises DataError for any but N integers or texts."""
        labels = _whole(self.path, self.targets)
        if labels.ndim == 2 and labels.shape[1] > 1 and len(labels) == self.rows and labels.dtype.kind in "iubf":
            labels = self._one_hot(labels)
        if labels.dtype.kind == "f" and labels.size == self.rows:
            labels = self._whole_numbers(labels)
        if labels.size != self.rows or labels.dtype.kind not in "iubUS":
            raise DataError(
                f"{self.path}: expected {self.rows} labels in '{self.targets}', one for each of '{self.images}', as "
                f"integers or text; found shape {labels.shape} of {labels.dtype}."
            )
        flat = labels.ravel()
        try:
            values, codes = np.unique(flat.astype(str) if flat.dtype.kind in "SUb" else flat, return_inverse=True)
        except UnicodeDecodeError as error:
            raise _unreadable(self.path, self.targets, error) from error
        return values.tolist(), codes.astype(np.int64)

    def _one_hot(self, labels: NDArray[Any]) -> NDArray[Any]:
        sums = (labels == 1).sum(axis=1)
        wrong = np.flatnonzero((sums != 1) | ((labels != 0) & (labels != 1)).any(axis=1))
        if len(wrong):
            raise DataError(
                f"{self.path}: expected one 1 in each row of '{self.targets}' {labels.shape}; {len(wrong):,} of "
                f"{len(labels):,} rows have none or several, as row {wrong[0]}. An image with several labels is "
                "another task; take one column, or these rows out."
            )
        found: NDArray[Any] = labels.argmax(axis=1)
        return found

    def _whole_numbers(self, labels: NDArray[Any]) -> NDArray[Any]:
        broken = np.flatnonzero(~(labels.ravel() == np.rint(labels.ravel())))
        if len(broken):
            raise DataError(
                f"{self.path}: '{self.targets}' holds {labels.ravel()[broken[0]]} in row {broken[0]}, which is no "
                "label but a number. Cut the numbers into classes first, as numpy.digitize does."
            )
        return labels.astype(np.int64)

    def pictures(self) -> Iterator[list[Raw]]:
        """The pixels in order, some pictures at a time, so that an archive may be larger than the memory."""
        row = 0
        with _readable(self.path, self.images), _opened(self.path, self.images) as file:
            shape, dtype = _header(file)
            size = int(np.prod(shape[1:])) * dtype.itemsize
            for start in range(0, shape[0], AT_ONCE):
                count = min(AT_ONCE, shape[0] - start)
                some = np.frombuffer(file.read(count * size), dtype).reshape(count, *shape[1:])
                if dtype not in (np.uint8, np.uint16):
                    some = self._bytes(some, row)
                row += count
                yield list(some)
            if file.read(1):
                raise ValueError("it is longer than it says")

    def _bytes(self, some: NDArray[Any], first: int) -> NDArray[np.uint8]:
        """Whole numbers from 0 to 255 of another type."""
        wrong = np.flatnonzero(((some < 0) | (some > 255)).reshape(len(some), -1).any(axis=1))
        if len(wrong):
            pixels = some[wrong[0]]
            raise DataError(
                f"{self.path}: '{self.images}' row {first + wrong[0]}: expected whole numbers from 0 to 255, found "
                f"{pixels.min()} to {pixels.max()} of {some.dtype}. Save them as uint8 or uint16."
            )
        return some.astype(np.uint8)

    def table(self) -> pa.Table | None:
        """None: arrays have no other columns."""
        return None

    def where(self, row: int) -> str:
        """The archive and the row of its array."""
        return f"{self.path}: {self.images}: row {row}"

    def file_name(self, row: int) -> None:
        """None: a picture is no file of its own."""


def archive(path: Path) -> list[Arrays]:
    """The splits of an archive, or of a folder of .npy files.

    Named x_train, y_train and the like, train_images, train_labels, images, labels, or x, y, in capitals or not; or
    two arrays alone. Raises DataError where there are none, and for pictures of another shape or type.
    """
    members = _members(path)
    folded = {name.casefold(): name for name in members}
    found = [(split, folded[a], folded[b]) for split, a, b in _pairs() if a in folded and b in folded]
    if not found and len(members) == 2 and (pair := _two(path, members)):
        found = [("train", *pair)]
    splits = [split for split, _, _ in found]
    if "train" not in splits or len(set(splits)) < len(splits):
        raise DataError(
            f"{path}: expected arrays called x_train and y_train (with x_val, y_val, x_test, y_test beside them), or "
            f"images and labels; found {', '.join(members[:20]) or 'none'}{', ...' if len(members) > 20 else ''}."
        )
    return [_arrays(path, *some) for some in found]


def _arrays(path: Path, split: str, images: str, labels: str) -> Arrays:
    shape, dtype = _shape(path, images)
    notes = []
    if dtype not in (np.uint8, np.uint16):
        notes.append(f"{path.name}: '{images}' holds whole numbers of {dtype}, which count as bytes from 0 to 255.")
    if images.casefold() not in {name for pair in _pairs() for name in pair[1:]}:
        notes.append(f"{path.name}: '{images}' holds the pictures and '{labels}' the labels, as their shapes say.")
    return Arrays(split, path, images, labels, shape, dtype, notes)


def _members(path: Path) -> list[str]:
    if path.is_dir():
        return sorted(file.stem for file in path.glob("*.npy") if not file.name.startswith("."))
    with _readable(path), zipfile.ZipFile(path) as file:
        return [name.removesuffix(".npy") for name in file.namelist() if name.endswith(".npy")]


def _pairs() -> Iterator[tuple[str, str, str]]:
    for split, usual in SPLITS.items():
        for name in usual:
            yield split, f"x_{name}", f"y_{name}"
            yield split, f"{name}_images", f"{name}_labels"
            yield split, f"{name}_x", f"{name}_y"
    yield "train", "images", "labels"
    yield "train", "x", "y"


def _two(path: Path, members: list[str]) -> tuple[str, str] | None:
    """The pictures and the labels of two arrays of as many rows, of which one has no more than a value in each."""
    shapes = {name: _shape_of(path, name)[0] for name in members}
    images = [name for name, shape in shapes.items() if len(shape) in (3, 4)]
    labels = [name for name, shape in shapes.items() if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)]
    same = len(images) == len(labels) == 1 and shapes[images[0]][0] == shapes[labels[0]][0]
    return (images[0], labels[0]) if same else None


def _shape_of(path: Path, name: str) -> tuple[Shape, np.dtype[Any]]:
    with _readable(path, name), _opened(path, name) as file:
        return _header(file)


def _shape(path: Path, name: str) -> tuple[Shape, np.dtype[Any]]:
    shape, dtype = _shape_of(path, name)
    right = len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3, 4))
    # A bool mask is 0 and 1, and black to the eye.
    if not right or dtype.kind not in "iu" or 0 in shape:
        raise DataError(
            f"{path}: expected '{name}' of shape (N, H, W) or (N, H, W, C) with C 1, 3 or 4, of uint8 or uint16; "
            f"found {shape} of {dtype}."
            + (" Move the channels to the end with transpose(0, 2, 3, 1)." if len(shape) == 4 and not right else "")
            + (" Pixels in [0, 1] become bytes with (255 * x).round().astype('uint8')." if dtype.kind in "fb" else "")
        )
    return shape, dtype


def _whole(path: Path, name: str) -> NDArray[Any]:
    """An array that fits in memory."""
    with _readable(path, name), _opened(path, name) as file:
        shape, dtype = _header(file)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if size > _LARGEST_LABELS:
            raise ValueError(f"it claims {size:,} bytes")
        raw = file.read(size)
        if len(raw) < size:
            raise ValueError(f"it ends after {len(raw):,} of {size:,} bytes")
        if file.read(1):  # what is left tells, with its checksum, whether the whole is what was written
            raise ValueError("it is longer than it says")
        return np.frombuffer(raw, dtype).reshape(shape)


@contextlib.contextmanager
def _opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    if path.is_dir():
        with (path / f"{name}.npy").open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
        yield file


@contextlib.contextmanager
def _readable(path: Path, name: str | None = None) -> Iterator[None]:
    """Whatever a damaged archive makes zipfile, zlib, lzma or numpy raise, as one error that names the place."""
    try:
        yield
    except (DataError, GeneratorExit):
        raise
    except Exception as error:
        raise _unreadable(path, name, error) from error


def _unreadable(path: Path, name: str | None, error: Exception) -> DamagedError:
    why = " ".join(str(error).split()) or type(error).__name__
    if name is None:
        return DamagedError(f"{path} cannot be read as .npz: {why}. It may have been cut short.")
    return DamagedError(f"{path}: '{name}' cannot be read: {why}.")


def _header(file: IO[bytes]) -> tuple[Shape, np.dtype[Any]]:
    """The shape and type of an array; raises ValueError for one stored column by column, or with Python objects."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded")
    if any(not isinstance(side, int) or side < 0 for side in shape):
        raise ValueError(f"its shape is {shape}")
    if fortran and len(shape) > 1:
        raise ValueError("it is stored column by column; save numpy.ascontiguousarray of it")
    return shape, dtype
