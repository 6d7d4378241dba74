"""What the texts in a column of a CSV file are, where spreadsheets and codes differ from what a computer writes.

Spreadsheets in Spanish, French or German write a comma before the decimals, and points between thousands; and a code
with zeros in front, as the zip code 02134, is no number.
"""

from __future__ import annotations

from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

from escalera.data.column import MOSTLY
from escalera.data.value import MISSING

Decimal = Literal[".", ","]

NULLS = ["", "NA", "NaN", "nan", "null"]
"""Fields without a value in columns of attributes and images. A class may be called so: see written_labels."""
_NUMBER = r"^[+-]?([0-9]{1,3}(\.[0-9]{3})+|[0-9]*)(,[0-9]+)?([eE][+-]?[0-9]+)?$"
"""A number with a decimal comma, 1.234,5; what else fits, as nothing at all, is missing or has no comma."""
_THREE = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+$"
"""What English writes so are thousands."""
_POINTS = r"^[+-]?[0-9]{1,3}(\.[0-9]{3})*$"
_CODE = r"^[+-]?0[0-9]+$"


def as_meant(
    typed: pa.Table, written: pa.Table, separator: str, decimal: Decimal | None
) -> tuple[pa.Table, list[str], list[str]]:
    """A table with such columns as they are meant, and which ones have a decimal comma, and points between thousands.

    `typed` is what a computer would have written, `written` the texts; `decimal` is what the user says. A comma is the
    decimal sign of a column whose values are numbers then, unless all may be thousands in a file that is not separated
    by semicolons. Where a column has it, 1.234 in another is a thousand and some. Among a few texts numbers stay texts,
    with a point.
    """
    commas = [name for name in typed.column_names if decimal != "." and _has_commas(typed, written, name)]
    if decimal is None and separator != ";":
        commas = [name for name in commas if not _all_fit(_with(written[name], ","), _THREE)]
    points = [
        name
        for name in typed.column_names
        if name not in commas and (commas or decimal == ",") and decimal != "." and _has_points(typed, written, name)
    ]
    for name in (*commas, *points):
        typed = _replaced(typed, name, _numbers(written[name]))
    for name in typed.column_names:
        if pa.types.is_integer(typed[name].type) and len(_fitting(_present(written[name]), _CODE)):
            typed = _replaced(typed, name, _without_nulls(written[name]))
    return typed, commas, points


def _has_commas(typed: pa.Table, written: pa.Table, name: str) -> bool:
    if not pa.types.is_string(typed[name].type):
        return False
    present = _present(written[name])
    numbers = _fitting(present, _NUMBER)
    return len(numbers) >= MOSTLY * len(present) and len(_with(numbers, ",")) > 0


def _has_points(typed: pa.Table, written: pa.Table, name: str) -> bool:
    kind = typed[name].type
    if not (pa.types.is_floating(kind) or pa.types.is_string(kind)):
        return False
    present = _present(written[name])
    return len(_with(present, ".")) > 0 and _all_fit(present, _POINTS)


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The numbers of a column; where there are texts among them, texts with a decimal point."""
    bare = pc.utf8_trim_whitespace(column)
    plain = pc.replace_substring(pc.replace_substring(bare, ".", ""), ",", ".")
    is_number = pc.match_substring_regex(bare, _NUMBER)
    texts = pc.if_else(is_number, plain, column)
    missing = pc.is_in(pc.utf8_lower(bare), pa.array(sorted(MISSING)))
    if pc.all(pc.or_(is_number, missing)).as_py():
        return pc.if_else(missing, None, plain).cast(pa.float64())
    return _without_nulls(texts)


def _present(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values that are there, without blanks around them."""
    bare = pc.utf8_trim_whitespace(column).drop_null()
    return bare.filter(pc.invert(pc.is_in(pc.utf8_lower(bare), pa.array(sorted(MISSING)))))


def _without_nulls(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(pc.is_in(column, pa.array(NULLS)), None, column)


def _fitting(texts: pa.ChunkedArray, pattern: str) -> pa.ChunkedArray:
    return texts.filter(pc.match_substring_regex(texts, pattern))


def _with(column: pa.ChunkedArray, sign: str) -> pa.ChunkedArray:
    texts = column.drop_null()
    return texts.filter(pc.match_substring(texts, sign))


def _all_fit(texts: pa.ChunkedArray, pattern: str) -> bool:
    return len(_fitting(pc.utf8_trim_whitespace(texts), pattern)) == len(texts)


def _replaced(table: pa.Table, name: str, column: pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)
