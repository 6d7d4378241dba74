"""Several pictures at once: a row for each, and the same as CSV."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from escalera.core.csvtext import csv_text
from escalera.core.errors import DataError
from escalera.core.translation import translate
from escalera.inference.serving.answer import Answer
from escalera.studio.service import Studio

COLUMNS = ("file", "class", "probability", "second", "second_probability", "error")
PROBABILITIES = ("probability", "second_probability")
"""Those of the columns that hold numbers."""
Row = dict[str, str | float | None]


def table(studio: Studio, key: str, files: Iterable[tuple[str, bytes]], language: str = "en") -> list[Row]:
    """What a model says of each (name, content), in order.

    One that cannot be decoded has its reason under `error`, in the reader's language.
    Pictures from different folders may share a name: each has its row.
    """
    rows: list[Row] = []
    for name, content in files:
        try:
            rows.append(_row(name, studio.classify(key, [content]).result()))
        except DataError as error:
            rows.append({**dict.fromkeys(COLUMNS), "file": name, "error": translate(str(error), language)})
    return rows


def _row(name: str, answer: Answer) -> Row:
    (first, share), (second, next_share) = answer.classes[:2]
    return {
        "file": name,
        "class": first,
        "probability": round(share, 4),
        "second": second,
        "second_probability": round(next_share, 4),
        "error": None,
    }


def to_csv(rows: Sequence[Row]) -> str:
    """The table as CSV, with a header."""
    return csv_text(COLUMNS, ([row[column] for column in COLUMNS] for row in rows))
