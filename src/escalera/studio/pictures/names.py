"""What sets, classes and files may be called: each becomes a folder or a file on every system."""

from __future__ import annotations

import hashlib
import unicodedata

from escalera.core.names import composed, fault, is_name, same
from escalera.data.readers.listing import USUAL, left_by_system, shown
from escalera.data.sources.registry import KNOWN
from escalera.studio.i18n import HintError

LONGEST = 60
"""Characters of a name; a ladder's has a version and a kind behind it, and 80 at most."""
_BYTES = 200
"""A folder's name has 255 at most."""
_STEM = 60
"""Bytes that are kept of a file's own name."""
_FORBIDDEN = '/\\:*?"<>|'
"""https://learn.microsoft.com/windows/win32/fileio/naming-a-file"""
_LOOK_ALIKE = str.maketrans("авекмнорстухіјѕԁһαοκνρτυχι", "abekmhopctyxijsdhaokvptuxi")
"""Small letters of Cyrillic and Greek that look like Latin ones; from https://www.unicode.org/Public/security."""


def set_name(text: str) -> str:
    """A text as the name of a set, which ladders and runs are called after: `my fruit` is my-fruit.

    Raises HintError for one that cannot be a folder everywhere, and for the name of a set that everybody knows.
    """
    name = "-".join(composed(text).split())
    _check_length(name, "a set")
    if not is_name(name):
        raise HintError(
            f"a set cannot be called '{_brief(name)}': expected letters, digits and . _ -, the first a letter or digit"
        )
    if why := fault(name):
        raise HintError(f"a set cannot be called '{_brief(name)}': {why}")
    if name.casefold() in KNOWN:
        raise HintError(f"'{name}' is the name of a set that Escalera knows already; take another")
    return name


def class_name(text: str) -> str:
    """A text as the name of a class, which may have spaces; raises HintError for one that cannot be a folder's."""
    name = composed(" ".join(text.split()))
    _check_length(name, "a class")
    # What a full-width letter stands for is forbidden too: some systems and programs take one for the other.
    plain = unicodedata.normalize("NFKC", name)
    wrong = sorted(letter for letter in set(name) | set(plain) if letter in _FORBIDDEN or not letter.isprintable())
    if wrong or shown(name) != name:
        raise HintError(
            f"a class cannot be called '{_brief(name)}': the name of a folder has none of {' '.join(_FORBIDDEN)}"
        )
    if plain.startswith(".") or plain.endswith(".") or left_by_system(plain):
        raise HintError(f"a class cannot be called '{_brief(name)}': systems hide such a folder, or use it themselves")
    if why := fault(plain):
        raise HintError(f"a class cannot be called '{_brief(name)}': {why}")
    if plain.casefold() in USUAL:
        raise HintError(
            f"a class cannot be called '{name}': that is what a split is called; take another, as '{name}s'"
        )
    return name


def look(name: str) -> str:
    """What two names have in common that people, or some file system, take for one."""
    return same(unicodedata.normalize("NFKC", same(name)).translate(_LOOK_ALIKE))


def file_name(text: str, content: bytes, ending: str) -> str:
    """A file's own name, as far as it is safe, with the hash of its content: the same picture twice is one file."""
    stem = text.rsplit(".", 1)[0] if "." in text[1:] else text
    safe = "".join(letter if letter.isalnum() or letter in "_-" else "-" for letter in composed(stem)).strip("-")
    safe = safe.encode()[:_STEM].decode("utf-8", "ignore") or "picture"
    return f"{safe}-{hashlib.sha256(content).hexdigest()[:10]}{ending}"


def _check_length(name: str, what: str) -> None:
    if not name:
        raise HintError(f"expected a name for {what}, received none")
    if len(name) > LONGEST or len(name.encode("utf-8", "replace")) > _BYTES:
        raise HintError(f"{what} cannot be called '{_brief(name)}': expected {LONGEST} characters at most")


def _brief(name: str) -> str:
    # A page may send halves of letters, which nothing can write.
    plain = shown(name.encode("utf-8", "backslashreplace").decode())
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}..."
