"""Labels in an array: whole numbers, also as floats, texts, true and false, or a column of 0 and 1 for each class.

labels  (N,), (N, 1) or (N, K)
"""

from __future__ import annotations

import unicodedata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError
from escalera.data.readers.listing import Labels

_LISTED = 5
_UNKNOWN = ("None", "nan", "<NA>", "NaT")
"""How what stands for no value in a column of pandas is written."""


def labels_in(labels: NDArray[Any], rows: int) -> Labels:
    """The distinct labels in order, and each row's position among them.

    Raises DataError, which says nothing of the place, for anything else than a label for each of so many rows.
    """
    kind = labels.dtype.kind
    if labels.ndim == 2 and labels.shape[1] > 1 and len(labels) == rows and kind in "iubf":
        labels, kind = _one_hot(labels), "i"
    if kind == "O":  # of Python: None, or NaN among texts
        _present(np.array([not isinstance(one, str) and str(one) in _UNKNOWN for one in labels.flat]), "None or NaN")
    if labels.size != rows or labels.ndim > 2 or kind not in "iubfUS":
        raise DataError(
            f"expected {rows} labels, one for each image, as whole numbers, texts, or rows with one 1; found shape "
            f"{labels.shape} of {labels.dtype}"
        )
    flat = labels.ravel()
    if kind == "f":
        flat = _whole(flat)
    elif kind == "b":
        flat = flat.astype(str)
    elif kind in "US":
        return _texts(flat)
    values, codes = np.unique(flat, return_inverse=True)
    return values.tolist(), codes.astype(np.int64)


def is_one_hot(shape: tuple[int, ...]) -> bool:
    """Whether an array of labels has a column for each class, by its shape."""
    return len(shape) == 2 and shape[1] > 1


def _one_hot(labels: NDArray[Any]) -> NDArray[Any]:
    ones = labels == 1
    wrong = np.flatnonzero((ones.sum(axis=1) != 1) | ((labels != 0) & ~ones).any(axis=1))
    if len(wrong):
        raise DataError(
            f"expected one 1 in each row of {labels.shape}; {len(wrong):,} of {len(labels):,} rows have none or "
            f"several (rows count from 0): {_listed(wrong)}. An image with several labels is another task; take these "
            "rows out, or learn one column of them, as y[:, 0]"
        )
    found: NDArray[Any] = ones.argmax(axis=1)
    return found


def _whole(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Floats that are whole numbers, as pandas makes of a column in which a label was missing once."""
    _present(np.isnan(labels), "NaN")
    broken = np.flatnonzero(labels != np.rint(labels))
    if len(broken):
        raise DataError(
            f"{labels[broken[0]]} in row {broken[0]} is no label but a number (rows count from 0). A number is cut "
            "into bands, which are then the classes, with numpy.digitize"
        )
    return labels.astype(np.int64)


def _texts(labels: NDArray[Any]) -> Labels:
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8")
    _present(labels == "", "an empty text")
    values, codes = np.unique(labels, return_inverse=True)
    names = [unicodedata.normalize("NFC", str(value)) for value in values]
    distinct = sorted(set(names))
    position = np.array([distinct.index(name) for name in names], np.int64)
    return distinct, position[codes]


def _present(absent: NDArray[np.bool_], what: str) -> None:
    rows = np.flatnonzero(absent)
    if len(rows):
        raise DataError(
            f"there is no label ({what}) at {len(rows):,} of {len(absent):,} rows, counted from 0: {_listed(rows)}. "
            "Give each a label, or take the rows out"
        )


def _listed(rows: NDArray[np.int64]) -> str:
    return ", ".join(map(str, rows[:_LISTED].tolist())) + (", ..." if len(rows) > _LISTED else "")
