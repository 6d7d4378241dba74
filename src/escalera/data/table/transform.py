"""From the attributes of a row to a vector, by what was fitted on the rows of train; kept as JSON.

table       N rows
attributes  (N, A) float32: the numbers, then which of them were missing, then a 0 or 1 for each category
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from escalera.core.errors import DataError, nearest
from escalera.data.value import as_text, parsed

if TYPE_CHECKING:
    import pyarrow as pa

_COMMA = re.compile(r"[+-]?(\d*,(\d{1,2}|\d{4,})|\d{4,},\d{3}|0+,\d+)", re.ASCII)
"""A number with a decimal comma that no thousands could be meant by."""
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+", re.ASCII)
_TRUTH = {"true": "true", "1": "true", "false": "false", "0": "false"}
"""What people and spreadsheets write for true and false: True, TRUE, 1; in a column of true and false alone."""


@dataclass(frozen=True)
class Numeric:
    """A column of numbers: a missing one is the median, all are clipped to [low, high] and standardised.

    `flag`: whether some were missing in train, so that one more output says which.
    """

    column: str
    low: float
    high: float
    median: float
    mean: float
    deviation: float
    flag: bool

    def __post_init__(self) -> None:
        """Raise ValueError for numbers that are none: they may come from a file."""
        values = (self.low, self.high, self.median, self.mean, self.deviation)
        if not all(isinstance(value, int | float) and math.isfinite(value) for value in values) or self.deviation <= 0:
            raise ValueError(
                f"expected finite numbers, and a deviation above 0, for '{self.column}', received {values}"
            )


@dataclass(frozen=True)
class Categorical:
    """A column of names: each of `categories` has an output; with `rare`, one more is for all others.

    A missing value counts as `fill`: "", a category like any other, where train has some, else the most frequent one.
    """

    column: str
    categories: tuple[str, ...]
    rare: bool
    fill: str

    def meant(self, text: str) -> str:
        """A text as the category that it names: in a column of true and false True is true, and so is 1."""
        return _TRUTH.get(text.casefold(), text) if self._is_truth else text

    @cached_property
    def _is_truth(self) -> bool:
        return {*self.categories, self.fill} <= {*_TRUTH.values(), ""}

    def knows(self, text: str) -> bool:
        """Whether there is a place for a text: a category, that of the rare ones, or what stands for a missing one."""
        return self.rare or not text or text in self.categories

    def __post_init__(self) -> None:
        """Raise ValueError for categories that are no texts: they may come from a file."""
        if not all(isinstance(value, str) for value in (self.column, self.fill, *self.categories)):
            raise ValueError(f"expected texts for '{self.column}', received {self.categories} and {self.fill!r}")


@dataclass(frozen=True)
class Transformation:
    """What was fitted on the rows of train.

    `left_out` are the other columns of the source, each with the reason: a remark of `column.guess`, `all_rare`,
    `not_named`, `not_selected`, `target` or `group`. `ranking` is {column: mutual information with the class}, best
    first, where columns were selected by it.
    """

    numeric: tuple[Numeric, ...]
    categorical: tuple[Categorical, ...]
    left_out: Mapping[str, str]
    ranking: Mapping[str, float] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """The columns that it reads."""
        return [part.column for part in self.numeric] + [part.column for part in self.categorical]

    @property
    def names(self) -> list[str]:
        """What each of the A outputs is: `area`, `area missing`, `zipcode = 92880`, `zipcode rare`."""
        flags = [f"{part.column} missing" for part in self.numeric if part.flag]
        places = [
            place
            for part in self.categorical
            for place in (
                *(f"{part.column} = {name}" if name else f"{part.column} missing" for name in part.categories),
                *([f"{part.column} rare"] if part.rare else []),
            )
        ]
        return [part.column for part in self.numeric] + flags + places

    def __call__(self, table: pa.Table) -> NDArray[np.float32]:
        """The rows of a table as vectors (N, A).

        Raises DataError for a column that is absent and for text among numbers. A category that train did not have
        counts as a rare one, and is all zeros where train had none.
        """
        from escalera.data.column import numbers, texts

        for name in self.columns:
            if name not in table.column_names:
                raise DataError(f"the table has no column '{name}'; {nearest(name, table.column_names)}")
        return self._joined(
            {part.column: numbers(table, part.column) for part in self.numeric},
            {part.column: texts(table, part.column) for part in self.categorical},
        )

    def _joined(
        self, numbers: Mapping[str, NDArray[np.float64]], texts: Mapping[str, NDArray[np.object_]]
    ) -> NDArray[np.float32]:
        """Columns of numbers and of names (N,) as vectors (N, A)."""
        blocks: list[NDArray[Any]] = [_standardised(numbers[part.column], part) for part in self.numeric]
        blocks += [np.isnan(numbers[part.column])[:, None] for part in self.numeric if part.flag]
        blocks += [_one_hot(texts[part.column], part) for part in self.categorical]
        return np.concatenate([block.astype(np.float32) for block in blocks], axis=1)

    def vectors(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float32]:
        """Rows as a person gives them, {column: value, None where it is not known} -> (n, A).

        Other columns of the source may be there and do not count. A number may have a decimal comma, 1,5, but not where
        it could be that of thousands, 1,500. Raises DataError for a column that is absent or unknown, and for text
        among numbers.
        """
        rows = [self._with_points(row) for row in rows]
        for number, row in enumerate(rows):
            absent = [name for name in self.columns if name not in row]
            unknown = [name for name in row if name not in self.columns and name not in self.left_out]
            where = f"row {number}: " if len(rows) > 1 else ""
            if unknown:
                raise DataError(f"{where}unknown attribute '{unknown[0]}'; {nearest(unknown[0], self.columns)}")
            if absent:
                raise DataError(
                    f"{where}expected the attributes {', '.join(self.columns)}; received none for "
                    f"{', '.join(absent)}. Give null where a value is not known."
                )
            for part in self.numeric:
                if (text := as_text(row[part.column])) and parsed(text) is None:
                    raise DataError(
                        f"{where}attribute '{part.column}': expected a number, or null where it is not known; "
                        f"received {row[part.column]!r}.{_either(text)}"
                    )
        # As texts, by the one way in which values are read: 3, 3.0 and "3" are the same.
        numbers = {
            part.column: np.array(
                [math.nan if (read := parsed(as_text(row[part.column]))) is None else read for row in rows]
            )
            for part in self.numeric
        }
        texts = {
            part.column: np.array([part.meant(as_text(row[part.column])) for row in rows], dtype=object)
            for part in self.categorical
        }
        return self._joined(numbers, texts)

    def _with_points(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row whose numbers have a point where they had a decimal comma."""
        numeric = {part.column for part in self.numeric}
        return {
            name: value.replace(",", ".")
            if name in numeric and isinstance(value, str) and _COMMA.fullmatch(value.strip())
            else value
            for name, value in row.items()
        }

    def filled_in(self, row: Mapping[str, Any]) -> list[str]:
        """The columns of a row whose value is not known, so that another stands in for it."""
        return [name for name in self.columns if not as_text(row.get(name))]

    def unseen(self, row: Mapping[str, Any]) -> list[str]:
        """What to say of each text of a row that no row of train has, and that has no place among rare ones."""
        found = [(part, part.meant(as_text(row.get(part.column)))) for part in self.categorical]
        return [
            f"attribute '{part.column}': no row of train has '{text:.60}', which counts as none of its values; "
            f"{nearest(text, filter(None, part.categories))}"
            for part, text in found
            if not part.knows(text)
        ]

    def to_json(self) -> dict[str, Any]:
        """All of it, as values that JSON holds exactly."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Transformation:
        """The same transformation again, equal to the last bit."""
        return cls(
            tuple(Numeric(**part) for part in value["numeric"]),
            tuple(Categorical(**{**part, "categories": tuple(part["categories"])}) for part in value["categorical"]),
            dict(value["left_out"]),
            dict(value["ranking"]),
        )


def _either(text: str) -> str:
    """The two numbers that a comma leaves open."""
    if not _THOUSANDS.fullmatch(text):
        return ""
    point = f", or {text.replace(',', '.')}, whichever it is" if text.count(",") == 1 else ""
    return f" Write {text.replace(',', '')}{point}."


def filled(values: NDArray[np.object_], fill: str) -> NDArray[np.object_]:
    """The values (N,) of a column of names, with `fill` in the place of those that are missing."""
    return np.where(values == "", fill, values)


def _standardised(values: NDArray[np.float64], part: Numeric) -> NDArray[np.float64]:
    """(N,) -> (N, 1)."""
    known = np.where(np.isnan(values), part.median, np.clip(values, part.low, part.high))
    return ((known - part.mean) / part.deviation)[:, None]


def _one_hot(values: NDArray[np.object_], part: Categorical) -> NDArray[np.bool_]:
    """(N,) -> (N, categories), and one column more for the rare ones where there is a place for them."""
    equal: NDArray[np.bool_] = filled(values, part.fill)[:, None] == np.array(part.categories, dtype=object)
    return np.concatenate([equal, ~equal.any(axis=1, keepdims=True)], axis=1) if part.rare else equal
