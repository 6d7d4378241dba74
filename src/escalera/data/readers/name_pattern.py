"""Names that say the class of a picture: the pattern that takes it out, and which one fits the names there are."""

from __future__ import annotations

import re
from collections.abc import Sequence

from escalera.core.errors import DataError

_NUMBERED = r"(?P<label>.*[^\d ._-])[ ._-]*\(?\d+\)?\.\w+"


def is_of_paths(pattern: str) -> bool:
    """Whether a pattern is for paths within the source, and not for the names in one folder."""
    return "/" in pattern


def expression(pattern: str) -> re.Pattern[str]:
    """A pattern such as `{label}.*` or `*/{label}/*`, or a regular expression with a group called label."""
    if "(?P<label>" not in pattern:
        if pattern.count("{label}") != 1:
            raise DataError(
                f"data.label_pattern: expected {{label}} once, as in '{{label}}.*', or a regular expression with "
                f"(?P<label>...), received '{pattern}'."
            )
        any_sign = "[^/]" if is_of_paths(pattern) else "."
        escaped = re.escape(pattern).replace(re.escape("{label}"), f"(?P<label>{any_sign}+?)")
        return re.compile(escaped.replace(re.escape("*"), f"{any_sign}*").replace(re.escape("?"), any_sign))
    try:
        return re.compile(pattern)
    except re.error as error:
        raise DataError(f"data.label_pattern: '{pattern}' is no regular expression: {error}.") from error


def suggestion(names: Sequence[str]) -> str:
    """The pattern that takes a class out of names such as cat.0.jpg, where all have one; else nothing."""
    if len(names) < 2:
        return ""
    numbered = _labels(names, _NUMBERED)
    for pattern in ("{label}.*", "{label}_*", "{label}-*", "{label} *"):
        labels = _labels(names, pattern)
        if labels and (labels == numbered or numbered is None):
            return f" Where the names say the class, write data.label_pattern: '{pattern}'."
    return f" Where the names say the class, write data.label_pattern: '{_NUMBERED}'." if numbered else ""


def _labels(names: Sequence[str], pattern: str) -> list[str] | None:
    """The class of each name, where these are words, two at least, and each comes more than once on average.

    Two files of one name but for the ending, as a photo and its mask, count once.
    """
    found = [expression(pattern).fullmatch(name) for name in names]
    labels = [match["label"] for match in found if match]
    distinct, different = set(labels), {name.rpartition(".")[0] or name for name in names}
    many = 2 <= len(distinct) <= len(different) / 2
    sound = len(labels) == len(names) and many and not any(map(str.isdecimal, distinct))
    return labels if sound else None
