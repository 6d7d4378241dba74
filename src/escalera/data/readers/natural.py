"""The order in which people count: 2 before 10, and class 2 before class 10."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"(\d+)")
_WHOLE = re.compile(r"-?\d+(\.\d+)?")


def natural(name: int | str) -> tuple[object, ...]:
    """What names of classes are sorted by: numbers as numbers, first; others with the numbers in them as such.

    Names that say the same number, as 2 and 002, stay apart, by their length.
    """
    text = str(name)
    if _WHOLE.fullmatch(text):
        return (0, float(text), len(text), text)
    parts = _NUMBER.split(text)
    return (1, tuple((part, 0) if i % 2 == 0 else ("", int(part)) for i, part in enumerate(parts)), text)
