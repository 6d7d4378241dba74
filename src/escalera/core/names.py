"""The names of ladders and rungs: letters of every alphabet, which become folders on every system."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

PATTERN = r"^[\p{L}\p{N}][\p{L}\p{M}\p{N}._-]*$"
"""For pydantic and for editors: letters (ñ, ж, 字), marks on them, digits, and . _ -; no separator, no dot in front."""
LONGEST = 80
"""Characters."""
_BYTES = 240
"""A folder's name has 255 at most, and files beside it are called after it."""

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file: with or without an ending, in capitals or not.
_DEVICES = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
_OURS = re.compile(r"seed-\d+(\..*)?|report\.html|ladder\.json|pictures\.parquet|figures", re.IGNORECASE)

AUTO = "auto"
"""The folder of `escalera auto` beside the rungs."""
COMPARISON = "comparison"
"""The folder of `escalera compare` beside the ladders."""


def composed(name: str) -> str:
    """A name with its letters and their marks as one where Unicode has them so (NFC): `á` is typed in two ways."""
    return unicodedata.normalize("NFC", name)


def same(name: str) -> str:
    """What names have in common that some file system takes for one: capitals and composition aside."""
    return composed(composed(name).casefold())


def is_name(text: str) -> bool:
    """Whether a text can be the name of a folder of ours: never a path, and never hidden."""
    kinds = [unicodedata.category(letter)[0] for letter in text]
    rest = all(kind in "LMN" or letter in "._-" for letter, kind in zip(text, kinds, strict=True))
    return bool(text) and kinds[0] in "LN" and rest


def fault(name: str) -> str | None:
    """Why a name that follows the pattern cannot be a folder everywhere; None for one that can."""
    if _DEVICES.fullmatch(name):
        return f"'{name}' is the name of a device on Windows, where no folder can have it; take another"
    if name.endswith("."):
        return f"'{name}' ends with a dot, which Windows leaves out; take another"
    if _OURS.fullmatch(name):
        return _taken(name)
    if len(name.encode()) > _BYTES:
        return f"expected a name of at most {_BYTES} bytes in UTF-8, received {len(name.encode())}"
    return None


def ladder_fault(name: str) -> str | None:
    """Why a name that follows the pattern cannot be a ladder's; None for one that can."""
    if same(name) == COMPARISON:
        return f"'{name}' is where escalera compare writes its page, beside the ladders; take another"
    return fault(name)


def rung_fault(name: str) -> str | None:
    """Why a name that follows the pattern cannot be a rung's; None for one that can."""
    return _taken(name) if same(name) == AUTO else fault(name)


def _taken(name: str) -> str:
    return f"'{name}' is what Escalera calls a file or folder of its own beside the rungs; take another"


def there(path: Path) -> Path:
    """A path as it is, or with its letters composed where only that is there: terminals and people type both."""
    other = Path(composed(str(path)))
    return other if not path.exists() and other.exists() else path
