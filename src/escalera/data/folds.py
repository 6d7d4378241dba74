"""A source in folds: each row is in test once, and trained on otherwise.

N rows of the source's train; folds count from 1
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import FoldsError
from escalera.data import groups
from escalera.data.dataset import Dataset, Split
from escalera.data.images import ImageSet
from escalera.data.splits import Rare, cut_rows, listed, notes

NEVER = -1
"""The fold of a row that is in no test: of a class with too few rows, where these stay in train."""


def fold(
    image_set: ImageSet,
    count: int,
    number: int,
    *,
    validation: float,
    seed: int,
    group: str | None = None,
    rare_classes: Rare = "refuse",
) -> Dataset:
    """The splits of fold `number` of `count`: its rows are test, and of the others a share is validation.

    Each class is spread over the folds alike, rows with the same value in the column `group` stay together, and the
    same seed gives the same folds. A validation split that the source has is that of every fold; a test split that it
    has stays unread. Raises FoldsError for classes with fewer rows than folds, unless `rare_classes` keeps them in
    train, and for too few groups.
    """
    whole = image_set.splits["train"]
    folds = groups.folds(image_set, group, count, seed) if group else _folds(image_set, count, seed, rare_classes)
    own = image_set.splits.get("validation")
    rest = np.flatnonzero(folds != number - 1)
    parts = {"train": rest}
    if own is None:
        table = None if whole.table is None else whole.table.take(rest)
        left = replace(image_set, splits={"train": replace(whole, labels=whole.labels[rest], table=table)})
        found = cut_rows(left, {"validation": validation}, seed + number, group, "train")
        parts = {name: rest[rows] for name, rows in found.items()}
    parts["test"] = np.flatnonzero(folds == number - 1)
    splits = {name: Split(whole.images, whole.labels, rows, whole.table) for name, rows in parts.items()}
    if own is not None:
        splits["validation"] = Split(own.images, own.labels, np.arange(len(own.labels)), own.table, origin="validation")
    unread = image_set.splits.get("test")
    said = [] if unread is None else [
        f"{image_set.name}: the {len(unread.labels):,} rows of its test split stay unread: with data.folds each row of "
        "train is answered."
    ]  # fmt: skip
    return Dataset(
        image_set.name,
        image_set.classes,
        splits["train"],
        splits["validation"],
        splits["test"],
        skipped=image_set.skipped,
        notes=(*image_set.notes, *said, *notes(image_set.classes, splits)),
    )


def _folds(image_set: ImageSet, count: int, seed: int, rare_classes: Rare) -> NDArray[np.int64]:
    """The fold (N,) of each row, counted from 0; each class goes on where the one before it ended."""
    labels, classes = image_set.splits["train"].labels, image_set.classes or ["all rows"]
    random = np.random.RandomState(seed % 2**32)
    folds = np.full(len(labels), NEVER, np.int64)
    few: dict[str, int] = {}
    next_one = 0
    for label, name in enumerate(classes):
        rows = random.permutation(np.flatnonzero(labels == label))
        if len(rows) < count:
            few[name] = len(rows)
            continue
        folds[rows] = (next_one + np.arange(len(rows))) % count
        next_one += len(rows)
    if few and (rare_classes == "refuse" or len(few) == len(classes)):
        least = min(few.values())
        fewer = f"write data.folds: {least}, " if least >= 2 else ""
        raise FoldsError(
            f"{image_set.name}: {len(few)} class{'es have' if len(few) > 1 else ' has'} fewer pictures than there are "
            f"folds, {count}: {listed(few)}. Add pictures, {fewer}or write data.rare_classes: train, which keeps them "
            "in train alone."
        )
    return folds
