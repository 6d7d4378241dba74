"""Drawers of the cache that hold what lies at a URL, so that programs which know folders can work at it."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

from escalera.core.errors import RunError
from escalera.core.files import read_json, write_json
from escalera.core.locking import HOLDER, is_held
from escalera.core.mirror import unsent

MIRROR, NOTE = "mirror-", "mirror.json"


def mirror_of(root: Path, url: str) -> Path:
    """The drawer of a URL in the cache at `root`, named by a hash of it; raises RunError where none can be made."""
    folder = root / f"{MIRROR}{hashlib.sha256(url.encode()).hexdigest()[:20]}"
    if not (folder / NOTE).exists():
        write_json(folder / NOTE, {"url": url})
    return folder


def url_of(folder: Path) -> str:
    """What a drawer is the mirror of; "" where it is none."""
    with contextlib.suppress(RunError, KeyError, TypeError):
        return str(read_json(folder / NOTE)["url"])
    return ""


def in_use(folder: Path) -> bool:
    """Whether somebody works in a mirror, or something in it has not come to its URL yet."""
    return unsent(folder) or any(is_held(holder.parent) for holder in folder.rglob(HOLDER))
