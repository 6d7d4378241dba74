"""What comes from a page into a set: a picture, or a zip of many, each decoded before it is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from escalera.core.errors import DataError
from escalera.core.language import Language
from escalera.core.translation import translate
from escalera.data.cache.decode import decode
from escalera.data.readers.formats import HEAD, PICTURES, format_of
from escalera.inference.serving.guard import LARGEST_UPLOAD
from escalera.studio.pictures.names import class_name, file_name, look
from escalera.studio.pictures.sets import PictureSets
from escalera.studio.pictures.unpack import is_zip, unpack

_SIDE = 64
"""Pixels to which a picture is decoded to see that it is whole."""
_LISTED = 50
_SHORT = 80


@dataclass
class Taken:
    """How many pictures were kept, how many were there already, and why others were not taken."""

    taken: int = 0
    known: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)

    def to_json(self, words: Language) -> dict[str, Any]:
        """In the reader's language; the first refusals, and how many there were."""
        refused = [(name[-_SHORT:], translate(why, words.code)) for name, why in self.refused[:_LISTED]]
        return {"taken": self.taken, "known": self.known, "refused": refused, "all_refused": len(self.refused)}


def take(sets: PictureSets, name: str, called: str, path: str, content: bytes) -> Taken:
    """Take a picture or a zip, sent under a path, into a set.

    The folder that holds a file names its class, which is made where there is none; a file without one is of the class
    `called`. Raises DataError where nothing can be taken at all; what is wrong with one file is among the refused.
    """
    found = Taken()
    if not is_zip(content):
        _take_one(sets, name, called, path, content, found)
        return found
    for inside, read in unpack(content):
        _take_one(sets, name, called, inside, read, found)
    if not (found.taken or found.known or found.refused):
        found.refused.append((path, "the zip holds no file"))
    return found


def _take_one(sets: PictureSets, name: str, called: str, path: str, content: bytes | DataError, found: Taken) -> None:
    try:
        if isinstance(content, DataError):
            raise content
        if len(content) > LARGEST_UPLOAD:
            raise DataError(f"it has more than {LARGEST_UPLOAD // 1_000_000} MB")
        folder, file = _placed(path)
        if not (folder or called):
            raise DataError("it belongs to no class yet: add a class, or send a folder that is called as its class is")
        decode(content, size=(_SIDE, _SIDE), channels=None)
        kept = file_name(file, content, _ending(content))
        new = sets.add(name, _class_of(sets, name, folder) if folder else called, kept, content)
    except DataError as error:
        found.refused.append((path, str(error)))
        return
    found.taken += new
    found.known += not new


def _placed(path: str) -> tuple[str, str]:
    """The folder that holds a file, "" for none, and its name; raises DataError for a path that leads elsewhere."""
    parts = path.replace("\\", "/").split("/")
    if ".." in parts or path.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", path) or "\0" in path:
        raise DataError("its path leads out of the zip or folder")
    parts = [part for part in parts if part not in ("", ".")]
    if not parts:
        raise DataError("it has no name")
    return (parts[-2] if len(parts) > 1 else ""), parts[-1]


def _class_of(sets: PictureSets, name: str, folder: str) -> str:
    """The class that a folder is called after, made where none is called so."""
    called = class_name(folder)
    for attempt in (1, 2):
        known = {look(one): one for one in sets.class_names(name)}
        if look(called) in known:
            return known[look(called)]
        try:
            return sets.add_class(name, called)
        except DataError:  # another page may have made it just now
            if attempt == 2:
                raise
    raise AssertionError("the second attempt returns or raises")


def _ending(content: bytes) -> str:
    kind = format_of(content[:HEAD])
    return next(ending for ending, promised in PICTURES.items() if promised == kind)
