"""Values as a file has them, for messages."""

from __future__ import annotations

from typing import Any


def show(value: Any) -> str:
    """A value as a file has it, shortened to a line's part."""
    text = _flow(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _flow(value: Any) -> str:
    match value:
        case None | True | False:
            return "null" if value is None else str(value).lower()
        case list():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    return repr(value)
