"""Which test and validation rows have a duplicate in train, and train without them.

A network has seen such a row's answer, so that the accuracy on it says little about new pictures.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError
from escalera.data.dataset import Dataset, Overlap, Split
from escalera.data.duplicates.search import Duplicates, find_duplicates


def with_overlap(data: Dataset, dropped: int = 0) -> Dataset:
    """The same splits, with what of test and validation is in train too."""
    found = _search(data)
    marked = _marked(found, data.train)
    beside, copies = found.beside(marked), found.beside(marked, exact=True)
    test, validation = (found.number(part.origin, part.rows) for part in (data.test, data.validation))
    return replace(data, overlap=Overlap(beside[test], copies[test], beside[validation], found.near_searched, dropped))


def without_duplicates(data: Dataset) -> Dataset:
    """Take the train rows that duplicate a test or validation row out of train; those stay as they are.

    Raises DataError where a class would have no row left.
    """
    found = _search(data)
    twice = found.beside(_marked(found, data.test, data.validation))[found.number(data.train.origin, data.train.rows)]
    before, rows = data.train.rows, data.train.rows[~twice]
    for label in np.setdiff1d(data.train.labels[before], data.train.labels[rows]):
        what = f"class '{data.classes[label]}'" if data.classes else "it"
        raise DataError(
            f"{data.name}: data.duplicates: 'drop' leaves no row of {what} in train: each has a duplicate in test or "
            "validation. Mend the splits, or set data.duplicates to 'report'."
        )
    return with_overlap(replace(data, train=replace(data.train, rows=rows)), dropped=int(twice.sum()))


def _search(data: Dataset) -> Duplicates:
    images = {part.origin: part.images for part in (data.train, data.validation, data.test)}
    # In the order of the source, so that what was found before is found again.
    return find_duplicates({name: images[name] for name in ("train", "validation", "test") if name in images})


def _marked(found: Duplicates, *parts: Split) -> NDArray[np.bool_]:
    marked = np.zeros(len(found.same), bool)
    for part in parts:
        marked[found.number(part.origin, part.rows)] = True
    return marked
