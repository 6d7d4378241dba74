"""One value of an attribute, as the text or the number that it counts as; nothing here needs a table."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

MISSING = frozenset({"", "na", "n/a", "nan", "null", "?", "-"})
"""Texts that stand for a missing value. "none" is not one of them: a house with a garage of kind "none" has none."""


def as_text(value: Any) -> str:
    """One value as the text it counts as, "" where it is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    text = str(value).strip()
    return "" if text.casefold() in MISSING else text


def parsed(text: str) -> float | None:
    """A text as a finite number; None where it is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None
