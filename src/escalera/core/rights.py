"""Whether anything can be written in a folder: the system knows by trying, and rights alone do not say it."""

from __future__ import annotations

import tempfile
from pathlib import Path


def why_shut(folder: Path) -> str:
    """Why nothing can be written in a folder, or be made above it where it is not there yet; "" where it can."""
    try:
        with tempfile.TemporaryFile(dir=standing(folder)):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def standing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(place for place in (folder, *folder.absolute().parents) if place.exists())
