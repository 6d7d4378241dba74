"""JSON read in one way only: what two readers could read otherwise is refused."""

from __future__ import annotations

import json
from math import isinf
from typing import Any


class NoNumberError(ValueError):
    """JSON has no such number, as `NaN`, or it is too large, as `1e400`: `number` is how it is written."""

    def __init__(self, number: str) -> None:
        super().__init__(f"expected JSON in UTF-8, received a number that is none or too large: {number:.30}")
        self.number = number


def parse_json(text: str | bytes) -> Any:
    """What a JSON text says (RFC 8259, in UTF-8); raises ValueError for one that others could read otherwise.

    That is one with a key twice, a number that is none or too large, or a character that is none.
    """
    try:
        plain = text.decode("utf-8") if isinstance(text, bytes) else text
        found = json.loads(plain, object_pairs_hook=_once, parse_constant=_none, parse_float=_finite, parse_int=_whole)
        dump_json(found)
    except NoNumberError:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueError("expected JSON in UTF-8") from error
    return found


def dump_json(value: Any) -> bytes:
    """The one way to write it; raises ValueError for what JSON has no word for."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is given twice")
    return found


def _none(name: str) -> None:
    raise NoNumberError(name)


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise NoNumberError(text)
    return number


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:  # more figures than Python reads
        raise NoNumberError(text) from error
