"""The attributes that a model reads, as a form: what a row of train usually has, and what the model tells apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from escalera.data.table.transform import Transformation
from escalera.report.language import Language

if TYPE_CHECKING:
    from escalera.studio.model_files import Known

_LISTED = 8


@dataclass(frozen=True)
class Field:
    """A column, its usual value as one types it, and what the model tells apart."""

    column: str
    usual: str
    fits: str


def form(trained: Known, words: Language) -> list[Field]:
    """A field for each column that the model reads; none for a model that reads pictures alone."""
    if trained.attributes is None:
        return []
    fitted = Transformation.from_json(trained.attributes)
    fields = [
        Field(part.column, f"{part.median:g}", f"{_short(part.low, words)} … {_short(part.high, words)}")
        for part in fitted.numeric
    ]
    for names in fitted.categorical:
        more = ", …" if len(names.categories) > _LISTED or names.rare else ""
        fields.append(Field(names.column, names.fill, ", ".join(filter(None, names.categories[:_LISTED])) + more))
    return fields


def _short(value: float, words: Language) -> str:
    return words.number(value, 0 if value == round(value) else 2)
