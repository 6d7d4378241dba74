"""A source in folds: each row is in test once, and trained on otherwise.

N rows of the source's train; folds count from 1
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import SettingError
from escalera.data import groups
from escalera.data.dataset import Dataset, Split
from escalera.data.images import ImageSet
from escalera.data.splits import Rare, cut_rows, listed, notes

TURNS = 4
"""How many parts the rows that are not test are cut into where each is validation in turn."""
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
    has stays unread. Raises SettingError for classes with fewer rows than folds, unless `rare_classes` keeps them in
    train, and for too few groups.
    """
    whole = image_set.splits["train"]
    folds = _folds(image_set, count, seed, group, rare_classes)
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
    unread_notes = [] if unread is None else [
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
        notes=(*image_set.notes, *unread_notes, *notes(image_set.classes, splits)),
    )


def turned(splits: Dataset, image_set: ImageSet, number: int, *, seed: int, group: str | None = None) -> Dataset:
    """The same test rows, and of all others another part as validation: part `number` of `TURNS`, the rest is train.

    The validation rows of all turns together are those of train and validation, each once. Rows of a class that
    validation lacks stay in train; those with the same value in the column `group` stay together.
    """
    whole = image_set.splits["train"]
    rows = np.sort(np.concatenate([splits.train.rows, splits.validation.rows]))
    often = rows[np.isin(whole.labels[rows], whole.labels[splits.validation.rows])]
    of = None
    if group is not None:
        # Numbered without gaps: the groups of test are not dealt.
        of = np.unique(groups.groups_of(image_set, group)[1][often], return_inverse=True)[1]
    validated = often[deal(whole.labels[often], TURNS, seed, of) == number - 1]
    rest = np.setdiff1d(rows, validated)
    return replace(
        splits,
        train=replace(splits.train, rows=rest),
        validation=replace(splits.validation, rows=validated),
    )


def deal(labels: NDArray[np.int64], count: int, seed: int, of: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """The fold (N,) of each row, counted from 0: each class is dealt out in turn, going on where the one before ended.

    Rows of the same group, numbered in `of` (N,), stay together, and the classes are as alike as that allows.
    """
    if of is not None:
        shares = [1 / (count - number) for number in range(count - 1)]
        return groups.assign(labels, of, int(labels.max(initial=0)) + 1, shares, seed)[of]
    random = np.random.RandomState(seed % 2**32)
    order = np.concatenate([random.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)])
    folds = np.empty(len(labels), np.int64)
    folds[order] = np.arange(len(labels)) % count
    return folds


def _folds(image_set: ImageSet, count: int, seed: int, group: str | None, rare_classes: Rare) -> NDArray[np.int64]:
    """The fold (N,) of each row of train; raises SettingError where some class or the groups are too few for that."""
    train, name = image_set.splits["train"], image_set.name
    if group is not None:
        names, of = groups.groups_of(image_set, group)
        if len(names) < count:
            raise SettingError(
                "data.folds",
                f"{name}: data.group '{group}' has {len(names)} group{'s' if len(names) > 1 else ''} in train, "
                f"too few for {count} folds.",
            )
        return deal(train.labels, count, seed, of)
    classes = image_set.classes or ["all rows"]
    rows = np.bincount(train.labels, minlength=len(classes))
    few = {one: int(rows[label]) for label, one in enumerate(classes) if rows[label] < count}
    if few and (rare_classes == "refuse" or len(few) == len(classes)):
        least = min(few.values())
        ways = [f"write data.folds: {least}"] if least >= 2 else []
        if len(few) < len(classes):
            ways.append("write data.rare_classes: train, which keeps them in train alone")
        either = "".join(f", {'or ' if way == ways[-1] else ''}{way}" for way in ways)
        raise SettingError(
            "data.folds",
            f"{name}: {len(few)} class{'es have' if len(few) > 1 else ' has'} fewer pictures than there are "
            f"folds, {count}: {listed(few)}. Add pictures{either}.",
        )
    often = np.flatnonzero(rows[train.labels] >= count)
    folds = np.full(len(train.labels), NEVER, np.int64)
    folds[often] = deal(train.labels[often], count, seed)
    return folds
