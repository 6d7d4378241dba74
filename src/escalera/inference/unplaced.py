"""What a published text may say of a source: its name, and not whose machine it was on or how it was let in."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import unquote, urlsplit

from escalera.core.language import NOTHING

PATTERNS = frozenset({"label_pattern"})
"""Settings whose slashes are no path's."""


def unplaced(text: str) -> str:
    """The last part of an absolute path, or of a URL without who signed for it; another text as it is."""
    bare = text.strip().strip("'\"")
    if "://" in bare or bare.casefold().startswith("file:"):
        return _last(unquote(urlsplit(bare).path))
    windows, posix = PureWindowsPath(bare), PurePosixPath(bare)
    # A path from the home or upwards names folders of a machine as much as an absolute one.
    if windows.drive or windows.root or posix.is_absolute() or windows.parts[:1] == ("..",) or bare.startswith("~"):
        return _last(bare)
    return text


def unplaced_settings(value: Any) -> Any:
    """Settings as plain JSON values, each text in them `unplaced`."""
    if isinstance(value, dict):
        return {key: one if key in PATTERNS else unplaced_settings(one) for key, one in value.items()}
    if isinstance(value, list):
        return [unplaced_settings(one) for one in value]
    return unplaced(value) if isinstance(value, str) else value


def _last(path: str) -> str:
    return PureWindowsPath(path).name or NOTHING
