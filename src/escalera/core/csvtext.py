"""CSV as Escalera writes it: what a spreadsheet would take for a formula stays text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

# What begins a formula, full-width forms included, after what a spreadsheet skips: blanks and characters without width.
# It may also stand after a semicolon, a tab or the end of a line, where a spreadsheet in another language cuts cells.
_BLANK = r"[\s\x00-\x1f\u200b-\u200f\u2060\ufeff]*"
_FORMULA = re.compile(rf"(^|[;\t\r\n])(?={_BLANK}[=+\-@＝＋－＠])")
_CONTROL = re.compile(r"^(?=[\t\r\n])")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_QUOTED = re.compile('[,;"\t\r\n]')


def csv_text(header: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    r"""A table as CSV with lines that end in `\n`; None and NaN are empty cells.

    A text gets an apostrophe before what would begin a formula, `=1+1` becoming `'=1+1`; a text that is a number, as
    a class `-1`, stays as it is.
    """
    return "".join(f"{','.join(map(_cell, row))}\n" for row in (header, *rows))


def _cell(value: Any) -> str:
    if value is None or value != value:
        return ""
    if not isinstance(value, str):
        return str(value)
    if not _NUMBER.fullmatch(value):
        value = _CONTROL.sub("'", _FORMULA.sub(r"\1'", value))
    # The csv module of Python 3.11 leaves a lone carriage return as it is, and the row would end there.
    return '"{}"'.format(value.replace('"', '""')) if _QUOTED.search(value) else value
