"""Values as a file has them, for messages."""

from __future__ import annotations

from typing import Any


def show(value: Any) -> str:
    """A value as a file has it, shortened to a line's part."""
    text = whole(value)
    return text if len(text) <= 60 else text[:57] + "..."


def whole(value: Any) -> str:
    """A value as a file has it, however long."""
    match value:
        case None | True | False:
            return "null" if value is None else str(value).lower()
        case list():
            return "[" + ", ".join(map(whole, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{key}: {whole(item)}" for key, item in value.items()) + "}"
    return repr(value)
