"""What a question about rows has to hold, whoever answers: a run through PyTorch, or an ONNX file without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError
from escalera.data.table.transform import Transformation
from escalera.evaluate.doubt import Doubt

Attributes = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""{column: value} of a row, None where a value is not known; or a list of that."""
_LISTED = 5


def check_pictures(reads: bool, given: bool) -> None:
    """Raise DataError where pictures are given to a model that `reads` none, or none to one that does."""
    if given and not reads:
        raise DataError("this run reads attributes alone: expected no pictures, received some")
    if reads and not given:
        raise DataError("this run looks at pictures: expected some, received none")


def vectors_of(fitted: Transformation | None, attributes: Attributes | None) -> NDArray[np.float32] | None:
    """The rows' attributes as the model's own were made (N, A); None for one that reads none, which has none `fitted`.

    Raises DataError for attributes that are absent, or given to a model that reads none.
    """
    if fitted is None:
        if attributes:
            raise DataError("this run looks at pictures alone: expected no attributes, received some")
        return None
    rows = [attributes] if isinstance(attributes, Mapping) else list(attributes or [])
    if not rows:
        columns = ", ".join(fitted.columns)
        raise DataError(f"this run reads the attributes {columns} too: expected them, received none")
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise DataError(
                f"attributes[{number}]: expected {{column: value}} for each row, received {type(row).__name__}"
            )
    return fitted.vectors(rows)


def set_of(doubt: Doubt | None, probabilities: NDArray[np.float32], classes: Sequence[str]) -> list[str] | None:
    """The classes that a row of these probabilities (K,) may be of, the likeliest first; None without a `doubt`.

    Raises DataError for anything but one probability for each class.
    """
    row = np.asarray(probabilities)
    if row.shape != (len(classes),):
        typed = " Type `predict(x)[0]` for the first row." if row.shape[1:] == (len(classes),) else ""
        raise DataError(f"expected the probabilities of one row, shape ({len(classes)},); received {row.shape}.{typed}")
    return None if doubt is None else doubt.held(row, classes)


def unseen(fitted: Transformation | None, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What to say of texts of the rows that no row of train has, the first few; nothing where the rest have a place."""
    found = list(dict.fromkeys(note for row in rows for note in fitted.unseen(row))) if fitted is not None else []
    more = len(found) - _LISTED
    return [*found[:_LISTED], *([f"and {more:,} more such values."] if more > 0 else [])]


def check_rows(pictures: int, vectors: NDArray[np.float32] | None) -> None:
    """Raise DataError where there are not as many rows of attributes as pictures."""
    if vectors is not None and len(vectors) != pictures:
        raise DataError(f"expected attributes for each of {pictures} pictures, received {len(vectors)}")
