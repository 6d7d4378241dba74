"""`~` in the path of a file or folder."""

from __future__ import annotations

from pathlib import Path

from escalera.errors import DataError


def expanded(path: str, named_by: str) -> Path:
    """The path with `~` written out; raises DataError, with what it was `named_by`, where nobody knows that home."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        home = path.replace("\\", "/").partition("/")[0]
        raise DataError(f"{named_by}: '{home}' is nobody's home on this machine; write the whole path.") from error
