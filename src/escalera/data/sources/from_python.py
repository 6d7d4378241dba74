"""Arrays of a Python program as a source: kept in the cache as an archive, under a name by their SHA-256.

images  (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1, 3 or 4, or (N, D) of D pixels each
labels  (N,), (N, 1) or (N, K), as `array_labels` reads them
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from escalera.core.arguments import Name, shown, text
from escalera.core.errors import DataError, nearest
from escalera.data.cache import folders
from escalera.data.cache.bitmap import Way
from escalera.data.query.arrays import as_array
from escalera.data.query.images import pixels_of
from escalera.data.readers.array_labels import labels_in
from escalera.data.readers.arrays import CHANNELS
from escalera.data.readers.listing import SPLITS

ArraySplits = Mapping[str, tuple[Any, Any]]
"""{"train": (images, labels)}, and "validation" and "test" where there are any; the others are cut out of train."""


def keep_arrays(splits: ArraySplits, cache_dir: Path | None = None) -> Path:
    """The folder in the cache that holds the arrays; the same arrays are always in the same one.

    Whatever numpy makes an array of is taken. Raises DataError for anything but images and a label for each.
    """
    arrays = _checked(splits)
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8))
    root = (cache_dir or folders.cache_root()).absolute()
    name = f"{folders.GIVEN}{digest.hexdigest()[:20]}"
    return folders.stored(root, name, lambda aside: np.savez(aside / "arrays.npz", **arrays))


def source_name(given: Name | ArraySplits) -> str:
    """A source as a ladder names it; arrays are put into the cache."""
    if isinstance(given, Mapping):
        given = keep_arrays(given)
    return os.fspath(given) if isinstance(given, os.PathLike) else text("source", given)


def _checked(splits: ArraySplits) -> dict[str, Any]:
    """The arrays by the names that the reader of archives knows, train first."""
    if not isinstance(splits, Mapping):
        raise DataError(f"data: expected {{'train': (images, labels), ...}}, received {shown(splits)}.")
    for split in splits:
        if split not in SPLITS:
            raise DataError(f"data: unknown split {split!r}; {nearest(str(split), SPLITS)}")
    if "train" not in splits:
        raise DataError(f"data: expected images and labels of train, received those of {', '.join(splits) or 'none'}.")
    arrays: dict[str, Any] = {}
    for split in (split for split in SPLITS if split in splits):
        pair = splits[split]
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise DataError(f"data: {split}: expected a pair (images, labels), received {_kind(pair)}.")
        arrays[f"{split}_images"] = images = _images(split, pair[0])
        arrays[f"{split}_labels"] = _labels(split, pair[1], len(images))
    return arrays


def _images(split: str, given: Any) -> NDArray[Any]:
    images = _array(split, "images", _opened(split, given) if isinstance(given, list | tuple) else given)
    shape = images.shape
    ranks = {2: shape[-1:] > (1,), 3: True, 4: len(shape) == 4 and (shape[3] in CHANNELS or shape[1] in CHANNELS)}
    if images.dtype.kind not in "buif" or 0 in shape or not ranks.get(len(shape), False):
        none = ", where there is no image" if 0 in shape else ""
        raise DataError(
            f"data: {split}: expected images of shape (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1, 3 or 4, or "
            f"(N, D), of numbers, received {shape} of {images.dtype}{none}."
        )
    return np.ascontiguousarray(images)


def _opened(split: str, given: Sequence[Any]) -> list[Any]:
    """A list whose PIL images have become pixels as those of files do: (H, W) where all are grey, else (H, W, C)."""
    found = list(given)
    for number, one in enumerate(given):
        # Numbers of more than eight bits stay as they are: data.range may say which are black and white.
        if isinstance(one, Image.Image) and one.mode not in ("I", "F") and not one.mode.startswith("I;16"):
            try:
                found[number] = pixels_of(one, Way(None, None))
            except DataError as error:
                raise DataError(f"data: {split}: images[{number}]: {error}.") from error
    made = [number for number, one in enumerate(found) if one is not given[number]]
    grey = all(found[number].shape[2] == 1 for number in made)
    for number in made:
        found[number] = found[number][..., 0] if grey else np.broadcast_to(found[number], (*found[number].shape[:2], 3))
    return found


def _labels(split: str, given: Any, rows: int) -> NDArray[Any]:
    labels = _array(split, "labels", given)
    # Texts of pandas are objects, which an archive would hold as a pickle.
    if labels.dtype.kind in "OT" and all(isinstance(label, str) for label in labels.flat):
        labels = labels.astype(np.str_)
    try:
        labels_in(labels, rows)
    except UnicodeDecodeError as error:
        raise DataError(f"data: {split}: labels: expected texts in UTF-8, received other bytes ({error}).") from error
    except DataError as error:
        raise DataError(f"data: {split}: labels: {error}.") from error
    return np.ascontiguousarray(labels)


def _array(split: str, what: str, given: Any) -> NDArray[Any]:
    several = isinstance(given, list | tuple)
    try:
        return as_array([as_array(one) if hasattr(one, "detach") else one for one in given] if several else given)
    except (ValueError, TypeError, RuntimeError) as error:  # rows of several lengths; a sparse tensor
        sizes = list(dict.fromkeys(str(one.shape) for one in given if hasattr(one, "shape"))) if several else []
        if len(sizes) > 1:
            raise DataError(
                f"data: {split}: {what}: expected arrays of one shape, received {sizes[0]} and {sizes[1]}. Resize "
                "them, or name a folder of files as the source: those are resized as data.image_size says."
            ) from error
        why = "its parts have several sizes" if "inhomogeneous" in str(error) else error
        raise DataError(
            f"data: {split}: {what}: expected an array that numpy reads, received {_kind(given)}: {why}"
        ) from error


def _kind(value: Any) -> str:
    """What was received: a shape tells more than the first numbers."""
    return f"{type(value).__name__} {value.shape}" if hasattr(value, "shape") else shown(value)
