"""A NumPy archive (.npz) of pictures and labels, as listings of its splits.

images  (N, H, W) or (N, H, W, C) uint8 or uint16, C = 1, 3 or 4
labels  (N,) or (N, 1) integers or text
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from escalera.data.listing import AT_ONCE, SPLITS, Labels, Raw, files_state
from escalera.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Arrays:
    """The pictures and the labels of one split, by their names in the archive."""

    split: str
    path: Path
    images: str
    targets: str
    shape: tuple[int, ...]
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
        """A hash that changes when the file does."""
        return files_state([self.path])

    def labels(self) -> Labels:
        """The distinct labels in order, and each row's; raises DataError for any but N integers or texts."""
        try:
            with np.load(self.path, allow_pickle=False) as archive:
                labels = archive[self.targets]
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(f"{self.path}: '{self.targets}' cannot be read: {error}.") from error
        if labels.size != self.rows or labels.dtype.kind not in "iubUS":
            raise DataError(
                f"{self.path}: expected {self.rows} labels in '{self.targets}', one for each of '{self.images}', as "
                f"integers or text; found shape {labels.shape} of {labels.dtype}."
                + (" Labels as rows of 0 and 1 become numbers with argmax(axis=1)." if labels.ndim == 2 else "")
            )
        flat = labels.ravel()
        values, codes = np.unique(flat.astype(str) if flat.dtype.kind in "SUb" else flat, return_inverse=True)
        return values.tolist(), codes.astype(np.int64)

    def pictures(self) -> Iterator[list[Raw]]:
        """The pixels in order, some pictures at a time, so that an archive may be larger than the memory."""
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(f"{self.images}.npy") as file:
                shape, dtype = _header(file)
                size = int(np.prod(shape[1:])) * dtype.itemsize
                for start in range(0, shape[0], AT_ONCE):
                    count = min(AT_ONCE, shape[0] - start)
                    raw = file.read(count * size)
                    yield list(np.frombuffer(raw, dtype).reshape(count, *shape[1:]))
        except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
            raise DataError(f"{self.path}: '{self.images}' cannot be read: {error}.") from error

    def table(self) -> pa.Table | None:
        """None: an archive has no other columns."""
        return None

    def where(self, row: int) -> str:
        """The archive and the row of its array."""
        return f"{self.path}: {self.images}: row {row}"

    def file_name(self, row: int) -> None:
        """None: a picture is no file of its own."""


def archive(path: Path) -> list[Arrays]:
    """The splits of an archive: x_train, y_train and the like, or train_images, train_labels, or images, labels.

    Raises DataError where there are none, and for pictures of another shape or type.
    """
    try:
        with zipfile.ZipFile(path) as file:
            members = [name.removesuffix(".npy") for name in file.namelist() if name.endswith(".npy")]
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} cannot be read as .npz: {error}. It may have been cut short.") from error
    found = [pair for pair in _pairs() if pair[1] in members and pair[2] in members]
    splits = [pair[0] for pair in found]
    if "train" not in splits or len(set(splits)) < len(splits):
        raise DataError(
            f"{path}: expected arrays called x_train and y_train (with x_val, y_val, x_test, y_test beside them), or "
            f"images and labels; found {', '.join(members) or 'none'}."
        )
    return [Arrays(split, path, images, labels, _shape(path, images)) for split, images, labels in found]


def _pairs() -> Iterator[tuple[str, str, str]]:
    for split, usual in SPLITS.items():
        for name in usual:
            yield split, f"x_{name}", f"y_{name}"
            yield split, f"X_{name}", f"y_{name}"
            yield split, f"{name}_images", f"{name}_labels"
    yield "train", "images", "labels"
    yield "train", "x", "y"


def _shape(path: Path, name: str) -> tuple[int, ...]:
    try:
        with zipfile.ZipFile(path) as file, file.open(f"{name}.npy") as member:
            shape, dtype = _header(member)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: '{name}' cannot be read: {error}.") from error
    right = len(shape) == 3 or (len(shape) == 4 and shape[3] in (1, 3, 4))
    if not right or dtype not in (np.uint8, np.uint16) or 0 in shape:
        raise DataError(
            f"{path}: expected '{name}' of shape (N, H, W) or (N, H, W, C) with C 1, 3 or 4, of uint8 or uint16; "
            f"found {shape} of {dtype}."
            + (" Move the channels to the end with transpose(0, 2, 3, 1)." if len(shape) == 4 and not right else "")
            + (" Pixels in [0, 1] become bytes with (255 * x).round().astype('uint8')." if dtype.kind == "f" else "")
        )
    return shape


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """The shape and type of an array; raises ValueError for one stored column by column, or with Python objects."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if fortran and len(shape) > 1:
        raise ValueError("it is stored column by column; save numpy.ascontiguousarray of it")
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are never loaded")
    return shape, dtype
