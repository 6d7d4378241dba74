"""Arrays of a Python program as a source: kept in the cache as an archive, under a name by their SHA-256.

images  (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1, 3 or 4, or (N, D) of D pixels each
labels  (N,), (N, 1) or (N, K), as `array_labels` reads them
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from escalera.core.arguments import Name, shown, text
from escalera.core.errors import DataError, nearest
from escalera.data.cache import folders
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
    images = _array(split, "images", given)
    shape = images.shape
    ranks = {2: shape[-1:] > (1,), 3: True, 4: len(shape) == 4 and (shape[3] in CHANNELS or shape[1] in CHANNELS)}
    if images.dtype.kind not in "buif" or 0 in shape or not ranks.get(len(shape), False):
        raise DataError(
            f"data: {split}: expected images of shape (N, H, W), or (N, H, W, C) with C 1, 3 or 4, or (N, D), of "
            f"numbers, received {shape} of {images.dtype}."
        )
    return np.ascontiguousarray(images)


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
    try:
        return np.asarray(given)
    except (
        ValueError,
        TypeError,
        RuntimeError,
    ) as error:  # rows of several lengths; a tensor on a GPU, one that learns
        raise DataError(
            f"data: {split}: {what}: expected an array that numpy reads, received {_kind(given)}: {error}"
        ) from error


def _kind(value: Any) -> str:
    """What was received: a shape tells more than the first numbers."""
    return f"{type(value).__name__} {value.shape}" if hasattr(value, "shape") else shown(value)
