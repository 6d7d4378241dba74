"""The classes of a source, and each row's position among them: checked before any picture is decoded.

labels  (N,) int64, positions in the list of classes
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DamagedError, DataError, refuse
from escalera.data.readers.listing import Listing
from escalera.data.readers.natural import natural

SINGLE = "a single class"
_MANY, _FEW_EACH = 1_000, 10
"""More classes than this with fewer rows each, on average, are names or numbers of rows. ImageNet-21k has 650 each."""


def classes_and_labels(
    listings: Sequence[Listing], stated: Sequence[str] | None, *, named: bool
) -> tuple[list[str], list[NDArray[np.int64]]]:
    """The classes, and the labels of each listing, train first.

    The classes are those that the train listing states, else `stated`, else the labels in train, in natural order.
    `named` says that the user named the column. Raises DataError for a column that cannot be one of labels, and
    for labels that train lacks.
    """
    train = listings[0]
    given = train.names or (list(stated) if stated else None)
    if given is None:
        values, codes = train.labels()
        _check_column(train, values, len(codes), named=named)
        given = sorted(map(str, values), key=natural)
        if len(set(given)) < len(given):
            raise DataError(f"{train.path}: two labels read alike: {', '.join(given)}.")
        stated_here = False
    else:
        stated_here = True
    labels = [_labels(listing, given, stated=stated_here) for listing in listings]
    check_classes(listings, labels, given)
    return given, labels


def labels_as_they_are(
    listings: Sequence[Listing], stated: Sequence[str] | None, *, named: bool, faults: list[str]
) -> tuple[list[str], list[NDArray[np.int64]]]:
    """The same for looking at a source: what is wrong is noted, and the classes are those of all splits together.

    Where no labels can be had there are no classes, and all rows have label 0.
    """
    nothing = [np.zeros(listing.rows, np.int64) for listing in listings]
    try:
        if not listings[0].labels()[0]:  # a table without a column of labels
            return [], nothing
        return classes_and_labels(listings, stated, named=named)
    except DamagedError:
        raise
    except DataError as error:
        faults.append(str(error))
    try:
        found = [listing.labels() for listing in listings]
    except DataError:  # it is the fault that was noted
        return [], nothing
    given = listings[0].names or stated or ()
    texts = [[_class_name(value, given) for value in values] for values, _ in found]
    found_here = sorted({text for some in texts for text in some}, key=natural)
    classes = list(dict.fromkeys([*given, *found_here]))
    if len(classes) > _MANY:
        return [], nothing
    position = {name: i for i, name in enumerate(classes)}
    codes = [np.array([position[text] for text in some], np.int64) for some in texts]
    return classes, [code[rows] for code, (_, rows) in zip(codes, found, strict=True)]


def _class_name(value: int | str, classes: Sequence[str]) -> str:
    return classes[value] if isinstance(value, int) and 0 <= value < len(classes) else str(value)


def check_classes(
    listings: Sequence[Listing],
    labels: Sequence[NDArray[np.int64]],
    classes: list[str],
    faults: list[str] | None = None,
) -> None:
    """There are two classes at least, and train has each that another split has."""
    counts = [np.bincount(label, minlength=len(classes)) for label in labels]
    present = [name for name, count in zip(classes, counts[0], strict=True) if count]
    if len(present) < 2:
        held = f"{SINGLE}, '{present[0]}'" if present else "no class"
        column = f" in column '{listings[0].label}'" if listings[0].label else ""
        refuse(DataError(f"{listings[0].path} has {held}{column}. A classifier needs two or more."), faults)
    for listing, count in zip(listings[1:], counts[1:], strict=True):
        absent = np.flatnonzero((count > 0) & (counts[0] == 0))
        if len(absent):
            refuse(_not_in_train(listing, classes[absent[0]], int(count[absent[0]])), faults)


def _check_column(train: Listing, values: Sequence[object], rows: int, *, named: bool) -> None:
    if train.label is None or len(values) <= _MANY or rows >= _FEW_EACH * len(values):
        return
    if named and rows >= 2 * len(values):
        return
    raise DataError(
        f"{train.path}: column '{train.label}' has {len(values):,} different values in {rows:,} rows, as "
        f"{', '.join(repr(value) for value in values[:3])}. Is it the right column for the labels? Name another with "
        f"data.label_column{'' if named else ', or this one to say that it is'}. Every class needs several pictures."
    )


def _labels(listing: Listing, classes: list[str], *, stated: bool) -> NDArray[np.int64]:
    """Each row's position in the list of classes; integers stand for positions where the list is stated."""
    if stated and listing.names is not None and listing.names != classes:
        raise DataError(f"{listing.path} lists other classes than train: {listing.names}, expected {classes}.")
    values, rows = listing.labels()
    numbered = stated and isinstance(values[0], int)
    position = {str(i) if numbered else name: i for i, name in enumerate(classes)}
    codes = np.array([position.get(str(value), -1) for value in values])
    if (codes < 0).any():
        wrong = int(np.argmin(codes))
        row = int(np.flatnonzero(rows == wrong)[0])
        expected = f"0 to {len(classes) - 1}" if numbered else ", ".join(classes)
        if not stated:
            raise _not_in_train(listing, str(values[wrong]), int((rows == wrong).sum()))
        raise DataError(
            f"{listing.path}: row {row}: label {values[wrong]!r} is not one of the {len(classes)} classes ({expected})."
            " Mend the label, or take its rows out. Rows count from 0."
        )
    return codes[rows]


def _not_in_train(listing: Listing, name: str, rows: int) -> DataError:
    count = f"{rows:,} row{'' if rows == 1 else 's'}"
    return DataError(
        f"{listing.path}: class '{name}' is in {listing.split} ({count}) but not in train. "
        f"Add pictures of it to train, or take it out of {listing.split}."
    )
