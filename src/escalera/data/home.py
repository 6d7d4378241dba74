"""Paths as people type them: `~`, and what can be no path at all."""

from __future__ import annotations

import os
from pathlib import Path

from escalera.core.errors import DataError


def expanded(path: str, named_by: str) -> Path:
    """The path with `~` written out; raises DataError, with what it was `named_by`, where nobody knows that home."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        home = path.replace("\\", "/").partition("/")[0]
        raise DataError(f"{named_by}: '{home}' is nobody's home on this machine; write the whole path.") from error


def is_there(path: Path) -> bool:
    """Whether a file or folder is there; False too for a name that none can have, such as one of 5,000 letters."""
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises for some of them
