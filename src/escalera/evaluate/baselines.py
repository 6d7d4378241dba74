"""What needs no network: an answer that knows nothing, and one that knows little, to the very test rows.

images  (N, H, W, C) uint8, whole; attributes (N, A) float32, whole; D numbers a row, K classes
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from escalera.data.dataset import Split
from escalera.data.rows import Rows

MAJORITY, IMAGES, ATTRIBUTES = "majority", "nearest_mean_images", "nearest_mean_attributes"
NAMES = (MAJORITY, IMAGES, ATTRIBUTES)
"""From the one that knows least."""
_SIDE = 32
"""Pixels of a side up to which every pixel counts; larger images are averaged in squares, so that the means of a
thousand classes fit in memory. Where an image is dark and where it is bright survives that."""
_AT_ONCE = 4_000_000
"""Numbers that are looked at together; they take eight bytes each."""

Features = NDArray[np.float64]


def baselines(
    train: Split, test: Split, classes: int, *, images: bool, attributes: bool
) -> dict[str, NDArray[np.int64]]:
    """Classes (1, N) of the test rows, by name: the most frequent class of train, and the class of the nearest mean.

    Nearest means are told apart by what a network is given: `images`, `attributes`, or both. Nothing but train's rows
    is learned from, and memory does not grow with them.
    """
    found = {MAJORITY: np.full(len(test.rows), majority(train, classes), np.int64)}
    if images:
        found[IMAGES] = _nearest_mean(_pixels(train), _pixels(test), classes)
    if attributes:
        found[ATTRIBUTES] = _nearest_mean(_attributes(train), _attributes(test), classes)
    return {name: predicted[None] for name, predicted in found.items()}


def majority(train: Split, classes: int) -> int:
    """The most frequent class of some rows, the first of several."""
    return int(np.bincount(train.labels[train.rows], minlength=classes).argmax())


def _nearest_mean(
    train: Iterator[tuple[Features, NDArray[np.int64]]],
    test: Iterator[tuple[Features, NDArray[np.int64]]],
    classes: int,
) -> NDArray[np.int64]:
    """Classes (N,) by Euclidean distance to the mean of each class that train has; of equal ones the first."""
    sums = np.zeros((classes, 0))
    count = np.zeros(classes)
    for x, labels in train:
        if not sums.size:
            sums = np.zeros((classes, x.shape[1]))
        order = np.argsort(labels, kind="stable")
        present, starts = np.unique(labels[order], return_index=True)
        sums[present] += np.add.reduceat(x[order], starts, axis=0)
        count += np.bincount(labels, minlength=classes)
    means = sums / np.maximum(1, count)[:, None]
    # |x - m|^2 less |x|^2, which is the same for all classes.
    offset = np.where(count > 0, (means**2).sum(axis=1), np.inf)
    return np.concatenate([(offset - 2 * (x @ means.T)).argmin(axis=1) for x, _ in test])


def _pixels(part: Split) -> Iterator[tuple[Features, NDArray[np.int64]]]:
    """Images (B, D) in grey levels, in order, and labels (B,)."""
    height, width, channels = part.images.shape[1:]
    square = -(-max(height, width) // _SIDE)
    source, step = Rows(part.images), max(1, _AT_ONCE // (height * width * channels))
    for start in range(0, len(part.rows), step):
        rows = part.rows[start : start + step]
        pixels = source.take(rows)
        yield _averaged(pixels.reshape(-1, height, width, channels), square), part.labels[rows]


def _averaged(pixels: NDArray[np.uint8], square: int) -> Features:
    """The mean of each square of pixels (B, H, W, C), one row an image; those at the right and below may be cut."""
    if square == 1:
        return pixels.reshape(len(pixels), -1).astype(np.float64)
    import torch

    whole = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
    small = torch.nn.functional.avg_pool2d(whole, square, ceil_mode=True, count_include_pad=False)
    return small.flatten(1).double().numpy()


def _attributes(part: Split) -> Iterator[tuple[Features, NDArray[np.int64]]]:
    """Attributes (B, A), in order, and labels (B,)."""
    assert part.attributes is not None
    step = max(1, _AT_ONCE // max(1, part.attributes.shape[1]))
    for start in range(0, len(part.rows), step):
        rows = part.rows[start : start + step]
        yield part.attributes[rows].astype(np.float64), part.labels[rows]
