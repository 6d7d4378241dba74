"""NumPy arrays of images and labels, in a .npz archive, in several, or in .npy files, as listings of splits.

images  (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1, 3 or 4, or (N, D) of D pixels each
labels  (N,), (N, 1) or (N, K), as `array_labels` reads them
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from escalera.core.errors import DataError, nearest
from escalera.data.options import NOTHING_SAID, ReadOptions
from escalera.data.readers.array_file import ArrayFile, Shape, readable, unreadable
from escalera.data.readers.array_labels import is_one_hot, labels_in
from escalera.data.readers.array_names import Named, array_names, by_name
from escalera.data.readers.listing import AT_ONCE, Labels, Raw, files_state
from escalera.data.readers.pixel_shape import pixel_shape

if TYPE_CHECKING:
    import pyarrow as pa

CHANNELS = (1, 3, 4)
"""Grey, colours, and colours with transparency."""
_LISTED = 20


@dataclass(frozen=True)
class Arrays:
    """The images and the labels of one split: where they are, and what they are called.

    `each` is the shape (H, W) or (H, W, C) of an image; with `first` the channels come first in the file. `as_bytes`
    says that numbers of another type than that of bytes count as such, as far as they can.
    """

    split: str
    path: Path
    images: ArrayFile
    targets: ArrayFile
    called: tuple[str, str]
    rows: int
    each: Shape
    first: bool
    as_bytes: bool
    notes: list[str] = field(default_factory=list)
    label: None = None
    names: None = None

    def check(self) -> None:
        """Nothing more to check."""

    def state(self) -> str:
        """A hash that changes when the files do."""
        return files_state(dict.fromkeys([self.images.file, self.targets.file]))

    def labels(self) -> Labels:
        """The distinct labels in order, and each row's; raises DataError for anything but a label for each image."""
        with readable(self.path, self.called[1]):
            labels = self.targets.whole()
        try:
            return labels_in(labels, self.rows)
        except UnicodeDecodeError as error:
            raise unreadable(self.path, self.called[1], error) from error
        except DataError as error:
            raise DataError(f"{self.path}: '{self.called[1]}': {error}.") from error

    def pictures(self) -> Iterator[list[Raw]]:
        """The pixels in order, some images at a time."""
        with readable(self.path, self.called[0]):
            if self.as_bytes:
                self._are_bytes()
            for some in self.images.parts(AT_ONCE):
                pixels = some.astype(np.uint8) if self.as_bytes else some
                if self.first:
                    pixels = pixels.transpose(0, 2, 3, 1)
                yield list(pixels.reshape(len(pixels), *self.each))

    def _are_bytes(self) -> None:
        """Raise DataError for numbers of another type that are not whole or not from 0 to 255, with what to say."""
        low, high, whole = math.inf, -math.inf, True
        kind = self.images.head()[1].kind
        for some in self.images.parts(AT_ONCE):
            if kind == "f" and not np.isfinite(some).all():
                raise DataError(f"{self.path}: '{self.called[0]}' holds values that are not finite (NaN or infinite).")
            low, high = min(low, float(some.min())), max(high, float(some.max()))
            whole = whole and (kind != "f" or bool((some == np.rint(some)).all()))
        if whole and low >= 0 and high <= 255 and (kind != "f" or high > 1):
            return
        typed = ", or save bytes, as (255 * x).round().astype('uint8')" if kind == "f" and high <= 1 else ""
        raise DataError(
            f"{self.path}: '{self.called[0]}': expected whole numbers from 0 to 255, found {low:g} to {high:g}"
            f"{'' if whole else ', not whole'}. Say which is black and which is white, as data.range: "
            f"[{min(0, low):g}, {high:g}]{typed}."
        )

    def table(self) -> pa.Table | None:
        """None: arrays have no other columns."""
        return None

    def where(self, row: int) -> str:
        """The archive and the row of its array."""
        return f"{self.path}: {self.called[0]}: row {row}"

    def file_name(self, row: int) -> None:
        """None: an image is no file of its own."""


def arrays(path: Path, options: ReadOptions = NOTHING_SAID) -> list[Arrays]:
    """The splits in an archive, or in a folder, train first; `data.splits` names an archive for each.

    Raises DataError where there are none, for images of another shape or type, and for files that cannot be read.
    """
    if isinstance(options.splits, Mapping):
        found = [_of_split(path, split, name, options) for split, name in options.splits.items()]
        return sorted(found, key=lambda listing: listing.split != "train")
    with readable(path):
        places = {name: ArrayFile(*place) for name, place in array_names(path).items()}
    named, notes = _named(path, places)
    listings = []
    for split, (images, labels) in named.splits.items():
        if labels is None:
            notes.append(f"{path.name}: '{images}' is left out, since it has no labels; {split} is cut out of train.")
        else:
            listings.append(_arrays(path, split, (images, labels), places, options))
    if named.unread:
        notes.append(f"{path.name}: not read: {_some(named.unread)}.")
    listings[0].notes.extend(notes)
    return listings


def _of_split(path: Path, split: str, name: str, options: ReadOptions) -> Arrays:
    """The archive that was named for a split: whatever its arrays say of splits, they are this one's."""
    file = path / name
    if not file.is_file() or file.suffix.lower() != ".npz":
        known = nearest(name, sorted(other.name for other in path.glob("*.npz")))
        raise DataError(f"data.splits: {split}: expected a .npz in {path}, received '{name}'; {known}")
    with readable(file):
        places = {member: ArrayFile(*place) for member, place in array_names(file).items()}
    named, notes = _named(file, places, alone=True)
    pair = next(iter(named.splits.values()))
    if len(named.splits) > 1 or pair[1] is None:
        raise DataError(f"data.splits: {split}: expected images and labels in {file}, found {_some(list(places))}.")
    listing = _arrays(file, split, (pair[0], pair[1]), places, options)
    listing.notes.extend(notes)
    return listing


def _named(path: Path, places: Mapping[str, ArrayFile], *, alone: bool = False) -> tuple[Named, list[str]]:
    """The arrays of each split, and what is said of a guess; `alone`: of whichever split they are."""
    try:
        named = by_name(places)
    except DataError as error:
        raise DataError(f"{path}: {error}.") from error
    if not named.splits and len(places) == 2 and (pair := _two(path, places)):
        note = f"{path.name}: '{pair[0]}' holds the images and '{pair[1]}' the labels, as their shapes say."
        return Named({"train": pair}), [note]
    split, (_, labels) = next(iter(named.splits.items()), ("", ("", None)))
    if labels is None or (split != "train" and not alone):
        raise DataError(
            f"{path}: expected arrays called x_train and y_train (with x_val, y_val, x_test, y_test beside them), or "
            f"images and labels; found {_some(list(places)) or 'none'}."
        )
    return named, []


def _arrays(
    path: Path, split: str, called: tuple[str, str], places: Mapping[str, ArrayFile], options: ReadOptions
) -> Arrays:
    images, targets = (places[name] for name in called)
    with readable(path, called[0]):
        shape, dtype = images.head()
    with readable(path, called[1]):
        labels, _ = targets.head()
    each, first, notes = _each(path, called[0], shape, dtype, options)
    as_bytes = options.range is None and not (dtype.kind == "b" or (dtype.kind == "u" and dtype.itemsize <= 2))
    if as_bytes:
        notes.append(f"{path.name}: '{called[0]}' holds {dtype}: whole numbers from 0 to 255 count as bytes.")
    if dtype.kind == "b":
        notes.append(f"{path.name}: '{called[0]}' holds true and false, which become white and black.")
    if is_one_hot(labels):
        notes.append(f"{path.name}: '{called[1]}' has a column of 0 and 1 for each of {labels[1]} classes.")
    return Arrays(split, path, images, targets, called, shape[0], each, first, as_bytes, notes)


def _each(
    path: Path, name: str, shape: Shape, dtype: np.dtype[Any], options: ReadOptions
) -> tuple[Shape, bool, list[str]]:
    """The shape of an image, whether its channels come first in the file, and what is said of a guess."""
    number = dtype.kind in "buif" and 0 not in shape
    if number and len(shape) == 2 and shape[1] > 1:
        found, guess = pixel_shape(shape[1], f"{path}: '{name}'", options)
        return found, False, [f"{path.name}: '{name}': {guess}"] if guess else []
    if options.shape is not None:
        raise DataError(f"data.shape: the images in {path} have their shape, {shape[1:]}. Take it out.")
    if number and (len(shape) == 3 or (len(shape) == 4 and shape[3] in CHANNELS)):
        return shape[1:], False, []
    if number and len(shape) == 4 and shape[1] in CHANNELS:
        note = f"{path.name}: '{name}' {shape} is read with the channels first (N, C, H, W)."
        return (*shape[2:], shape[1]), True, [note]
    raise DataError(
        f"{path}: expected '{name}' of shape (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1, 3 or 4, or (N, D), of "
        f"numbers; found {shape} of {dtype}{', where there is no image' if 0 in shape else ''}."
    )


def _two(path: Path, places: Mapping[str, ArrayFile]) -> tuple[str, str] | None:
    """The images and the labels of two arrays of as many rows, of which one has no more than a value in each."""
    shapes = {}
    for name, place in places.items():
        with readable(path, name):
            shapes[name], _ = place.head()
    images = [name for name, shape in shapes.items() if len(shape) in (3, 4) or (len(shape) == 2 and shape[1] > 15)]
    labels = [name for name, shape in shapes.items() if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)]
    same = len(images) == len(labels) == 1 and shapes[images[0]][:1] == shapes[labels[0]][:1]
    return (images[0], labels[0]) if same else None


def _some(names: list[str]) -> str:
    return ", ".join(names[:_LISTED]) + (f", and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
