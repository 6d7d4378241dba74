"""Three splits always: validation out of train, and test out of it too where the source has none."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError
from escalera.data import groups
from escalera.data.dataset import Dataset, Split
from escalera.data.images import ImageSet

if TYPE_CHECKING:
    import pyarrow as pa


_LISTED = 10


Rare = Literal["refuse", "train"]
"""What becomes of classes with too few pictures to be in every split: they are refused, or kept in train alone."""


def split(
    image_set: ImageSet,
    *,
    validation: float,
    test: float,
    seed: int,
    group: str | None = None,
    rare_classes: Rare = "refuse",
) -> Dataset:
    """Split a source by shares, each class alike; the same seed gives the same rows on every machine.

    A test or validation split that the source has is taken as it is. `test` is a share of train and counts only without
    one; `validation` is a share of what is then left. Rows with the same value in the column `group` stay together, and
    the classes are then as alike as that allows. Raises DataError for classes with too few rows to be in every split,
    unless `rare_classes` says what becomes of them, and for groups that the source's own splits tear apart.
    """
    cut = {name: share for name, share in (("test", test), ("validation", validation)) if name not in image_set.splits}
    whole = image_set.splits["train"]
    parts = cut_rows(image_set, cut, seed, group, rare_classes)
    own = {
        name: Split(given.images, given.labels, np.arange(len(given.labels)), given.table, origin=name)
        for name, given in image_set.splits.items()
        if name != "train"
    }
    splits = {name: Split(whole.images, whole.labels, rows, whole.table) for name, rows in parts.items()} | own
    return Dataset(
        image_set.name,
        image_set.classes,
        splits["train"],
        splits["validation"],
        splits["test"],
        skipped=image_set.skipped,
        notes=(*image_set.notes, *notes(image_set.classes, splits)),
    )


def cut_rows(
    image_set: ImageSet, cut: Mapping[str, float], seed: int, group: str | None, rare_classes: Rare
) -> dict[str, NDArray[np.int64]]:
    """The rows of train in their splits by the shares in `cut`, which follow one upon the other; as `split` does."""
    if group is not None:
        return groups.cut(image_set, group, dict(cut), seed)
    rare = too_few(image_set, cut)
    if fault := rare_fault(image_set, cut, rare_classes, rare):
        raise DataError(fault)
    return _cut(image_set, cut, seed, rare)


def too_few(image_set: ImageSet, cut: Mapping[str, float]) -> dict[str, int]:
    """The classes that are too small to be in train and in each of the splits that are cut out of it: {name: rows}."""
    counts = np.bincount(image_set.splits["train"].labels, minlength=len(image_set.classes or ["all rows"])).tolist()
    return {
        name: count
        for name, count in zip(image_set.classes or ["all rows"], counts, strict=True)
        if count <= sum(_taken(cut, count).values())
    }


def rare_fault(image_set: ImageSet, cut: Mapping[str, float], rare_classes: Rare, rare: Mapping[str, int]) -> str:
    """What is said of such classes, and what helps; "" where there are none, or none that matter.

    They may stay in train only where there are others, of which the splits are made.
    """
    others = len(too_few(image_set, cut)) < len(image_set.classes or ["all rows"])
    if not rare or (rare_classes == "train" and others):
        return ""
    name, shares = image_set.name, " and ".join(f"data.{key} {share}" for key, share in list(cut.items())[::-1])
    least = len(cut) + 1
    smaller = f"{',' if others else ' or'} make the shares smaller" if max(rare.values()) >= least else ""
    alone = ", or write data.rare_classes: train, which keeps them in train alone" if others else ""
    return (
        f"{name}: {len(rare)} class{'es have' if len(rare) > 1 else ' has'} too few pictures in train to be in every "
        f"split{' with ' + shares if cut else ''}: {listed(rare)}. Each needs {least} at least. Add "
        f"pictures{smaller}{alone}."
    )


def listed(rare: Mapping[str, int]) -> str:
    """Classes with how many rows they have, those with the fewest first."""
    few = sorted(rare, key=rare.__getitem__)
    more = f", and {len(few) - _LISTED} more" if len(few) > _LISTED else ""
    return ", ".join(f"'{one}' ({rare[one]})" for one in few[:_LISTED]) + more


def _taken(cut: Mapping[str, float], rows: int) -> dict[str, int]:
    """How many rows of a class each of the splits takes that follow one upon the other."""
    taken: dict[str, int] = {}
    for key, share in cut.items():
        taken[key] = _share(share, rows - sum(taken.values()))
    return taken


def _cut(
    image_set: ImageSet, cut: Mapping[str, float], seed: int, rare: Collection[str]
) -> dict[str, NDArray[np.int64]]:
    """The rows of train in their splits, each class cut by the shares in `cut`, which follow one upon the other.

    Those of `rare` classes all stay in train.
    """
    whole = image_set.splits["train"]
    # RandomState's stream is frozen by numpy for good, which Generator's is not.
    random = np.random.RandomState(seed % 2**32)
    parts: dict[str, list[NDArray[np.int64]]] = {name: [] for name in (*cut, "train")}
    # Without classes (a target becomes the label later on) all rows are of one kind.
    for label, name in enumerate(image_set.classes or ["all rows"]):
        rows = random.permutation(np.flatnonzero(whole.labels == label))
        first = 0
        for key, taken in ({} if name in rare else _taken(cut, len(rows))).items():
            parts[key].append(rows[first : first + taken])
            first += taken
        parts["train"].append(rows[first:])
    nothing: NDArray[np.int64] = np.empty(0, np.int64)
    return {name: np.sort(np.concatenate([nothing, *rows])) for name, rows in parts.items()}


def notes(classes: list[str], splits: dict[str, Split]) -> list[str]:
    """What is odd about the splits but does not keep anybody from training."""
    notes = []
    for name, part in splits.items():
        counts = np.bincount(part.labels[part.rows], minlength=len(classes))
        for count, what in ((0, "no picture"), (1, "a single picture")):
            few = [repr(classes[i]) for i in np.flatnonzero(counts == count) if classes]
            if few and (name == "train" or count == 0):
                notes.append(f"{name} has {what} of {', '.join(few[:10])}{', ...' if len(few) > 10 else ''}.")
    return notes


def with_calibration(data: Dataset, group: str | None = None) -> Dataset:
    """The same splits, but every second row of validation, ordered by class, set aside as `calibration`.

    Rows with the same value in the column `group` stay together. Raises DataError where validation has fewer than two
    rows, or groups.
    """
    part = data.validation
    labels = part.labels[part.rows]
    aside = np.zeros(len(labels), bool)
    if group is None:
        aside[np.argsort(labels, kind="stable")[1::2]] = True
    else:
        of = groups.of_rows(data.name, part, group)
        if len(np.unique(of)) < 2:
            raise DataError(
                f"{data.name}: evaluate.coverage: expected two groups of data.group '{group}' or more in validation, "
                "one of which calibrates the sets, received one. Make data.validation larger, or take "
                "evaluate.coverage out."
            )
        aside = groups.assign(labels, of, len(data.classes), [0.5], 0)[of] == 1
    if not aside.any():
        raise DataError(
            f"{data.name}: evaluate.coverage: expected two rows of validation or more, half of which calibrate the "
            f"sets, received {len(labels)}. Make data.validation larger, or take evaluate.coverage out."
        )
    kept, taken = replace(part, rows=part.rows[~aside]), replace(part, rows=part.rows[aside])
    overlap = data.overlap and replace(data.overlap, validation=data.overlap.validation[~aside])
    return replace(data, validation=kept, calibration=taken, overlap=overlap)


def rows_table(data: Dataset) -> pa.Table:
    """Which rows are in which split, for a run to keep, with their classes after corrections.

    Columns `split`, `source` (the split whose rows they are), `row` and `label`.
    """
    import pyarrow as pa

    named = {"train": data.train, "validation": data.validation, "test": data.test}
    if data.calibration is not None:
        named["calibration"] = data.calibration
    columns: dict[str, list[pa.Array]] = {"split": [], "source": [], "row": [], "label": []}
    for code, part in enumerate(named.values()):
        origin = list(named).index(part.origin)
        for key, index in (("split", code), ("source", origin)):
            indices = pa.array(np.full(len(part.rows), index, np.int8))
            columns[key].append(pa.DictionaryArray.from_arrays(indices, list(named)))
        columns["row"].append(pa.array(part.rows))
        columns["label"].append(pa.array(part.labels[part.rows]))
    return pa.table({key: pa.chunked_array(arrays) for key, arrays in columns.items()})


def _share(share: float, rows: int) -> int:
    """A share of a class, rounded, and one row at least."""
    return max(1, int(share * rows + 0.5))
