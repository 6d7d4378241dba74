"""Cutting rows by group: the pictures of one patient, house or film stay in one split.

labels  (N,) int64
groups  (N,) int64, the position of each row's group
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError, nearest
from escalera.core.names import composed
from escalera.data.dataset import Split
from escalera.data.images import Images, ImageSet


def cut(image_set: ImageSet, column: str, shares: dict[str, float], seed: int) -> dict[str, NDArray[np.int64]]:
    """The rows of train in their splits: those in `shares`, which follow one upon the other, and `train`.

    Raises DataError for a row without a group, groups that the source's own splits tear apart, and too few groups.
    """
    names, groups = groups_of(image_set, column)
    train = image_set.splits["train"]
    if len(names) < len(shares) + 1:
        raise DataError(
            f"{image_set.name}: data.group '{column}' has {len(names)} group{'s' if len(names) > 1 else ''} in train, "
            f"too few for {len(shares) + 1} splits ({', '.join(['train', *shares])})."
        )
    chosen = assign(train.labels, groups, len(image_set.classes) or 1, list(shares.values()), seed)
    parts = {name: np.flatnonzero(chosen[groups] == i) for i, name in enumerate(("train", *shares))}
    present = np.unique(train.labels)
    absent = np.setdiff1d(present, train.labels[parts["train"]])
    if len(absent):
        raise DataError(
            f"{image_set.name}: class '{image_set.classes[absent[0]]}' is in too few groups of data.group '{column}' "
            "to be in train. Add groups, or make the shares of validation and test smaller."
        )
    empty = [name for name, rows in parts.items() if not len(rows)]
    if empty:
        sizes = np.bincount(groups)
        raise DataError(
            f"{image_set.name}: the {len(names):,} groups of data.group '{column}' are too unequal: the largest has "
            f"{sizes.max():,} of {len(groups):,} rows, so that no group is left for {' and '.join(empty)}. Add "
            "groups, or leave out data.group."
        )
    return parts


def groups_of(image_set: ImageSet, column: str) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """The names of the groups of train, and the number (N,) of each row's.

    Raises DataError for a row without a group, and groups that the source's own splits tear apart.
    """
    values = {name: _groups(image_set.name, name, images, column) for name, images in image_set.splits.items()}
    _check_given(image_set.name, column, values)
    names, groups = np.unique(values["train"], return_inverse=True)
    return names, groups


def of_rows(name: str, part: Split, column: str) -> NDArray[np.int64]:
    """The number (n,) of the group of each row of a split."""
    images = Images(part.images, part.labels, part.table)
    return np.unique(_groups(name, part.origin, images, column)[part.rows], return_inverse=True)[1]


def assign(
    labels: NDArray[np.int64], groups: NDArray[np.int64], classes: int, shares: list[float], seed: int
) -> NDArray[np.int64]:
    """The split of each group, 0 for train: the largest first, each to where its classes are lacking most."""
    counts = np.bincount(labels, minlength=classes).astype(float)
    wanted, left = [], counts
    for share in shares:
        wanted.append(share * left)
        left = left - wanted[-1]
    lacking = np.stack([left, *wanted])
    order = np.argsort(groups, kind="stable")
    rows = np.split(labels[order], np.cumsum(np.bincount(groups))[:-1])
    # In an order drawn by the seed, so that groups of one size do not go by their names.
    drawn = np.random.RandomState(seed % 2**32).permutation(len(rows))
    chosen = np.zeros(len(rows), np.int64)
    for group in sorted(drawn, key=lambda i: -len(rows[i])):
        present, of_each = np.unique(rows[group], return_counts=True)
        # The sum of squared differences from what is wanted, each class by its size, falls most there.
        chosen[group] = np.argmax(lacking[:, present] @ (of_each / counts[present]))
        lacking[chosen[group], present] -= of_each
    _fill(chosen, rows, len(shares) + 1)
    return chosen


def _fill(chosen: NDArray[np.int64], rows: list[NDArray[np.int64]], splits: int) -> None:
    """Give a split without a group the smallest one that another can spare, and train keeps all of its classes."""
    for split in range(splits):
        if (chosen == split).any():
            continue
        for group in sorted(range(len(rows)), key=lambda i: len(rows[i])):
            giver = chosen[group]
            rest = [rows[i] for i in np.flatnonzero(chosen == giver) if i != group]
            kept = giver != 0 or set(np.unique(rows[group])) <= set(np.unique(np.concatenate([*rest, rows[group][:0]])))
            if rest and kept:
                chosen[group] = split
                break


def _groups(name: str, split: str, images: Images, column: str) -> NDArray[np.object_]:
    table = images.table
    if table is None or column not in table.column_names:
        known = table.column_names if table is not None else []
        raise DataError(f"data.group: {name} has no column '{column}' in {split}; {nearest(column, known)}.")
    # A blank at the end, or an accent composed otherwise, must not set two images of one patient apart.
    values = ["" if value is None else composed(str(value)).strip() for value in table[column].to_pylist()]
    if "" in values:
        row = values.index("")
        raise DataError(f"{name}: data.group '{column}' is empty in row {row} of {split}. Rows count from 0.")
    return np.array(values, dtype=object)


def _check_given(name: str, column: str, values: dict[str, NDArray[np.object_]]) -> None:
    splits = list(values)
    for i, first in enumerate(splits):
        for second in splits[i + 1 :]:
            both = sorted(set(values[first]) & set(values[second]))
            if both:
                one = len(both) == 1
                raise DataError(
                    f"{name}: {len(both):,} {'group' if one else 'groups'} of data.group '{column}' "
                    f"{'is' if one else 'are'} in {first} and in {second}, as '{both[0]}'. Move "
                    f"{'its' if one else 'their'} rows into one split, or leave out data.group."
                )
