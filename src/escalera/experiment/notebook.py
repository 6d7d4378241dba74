"""How tables and remarks look in a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def table_html(frame: pd.DataFrame, *, index: bool) -> str:
    """A table whose numbers have four digits at most that tell something; nothing stands where a value is absent."""
    return str(frame.astype(object).map(_cell).to_html(index=index))


def list_html(title: str, lines: Iterable[str]) -> str:
    """Lines beneath a title; nothing where there are none."""
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<p>{escape(title)}</p><ul>{items}</ul>" if items else ""


def line_html(title: str, value: object) -> str:
    """One line: a title and a value."""
    return f"<p>{escape(title)} {escape(str(value))}</p>"


def _cell(value: Any) -> str:
    if value is None or value != value:  # NaN
        return ""
    if isinstance(value, float):
        # A column of whole numbers in which one is absent is a column of floats.
        return f"{value:.0f}" if value.is_integer() and abs(value) >= 1 else f"{value:.4g}"
    return str(value)
