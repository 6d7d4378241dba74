"""The paths of images in a table: which file each means, inside the folder of the table and never outside.

A path is taken as it is written where that is a file. Where it is none, it may have been written on Windows, with
accents composed otherwise (a Mac's file system takes them apart), or without its folder or ending.
"""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath

from escalera.data.listing import PICTURES
from escalera.data.options import NOTHING_SAID, ReadOptions
from escalera.errors import DataError

_TRIED = 50
"""Names that are looked for in folders and with endings before these are taken for all."""


@dataclass(frozen=True)
class Paths:
    """How the paths of one column become files below `folder`: what is put before and behind each."""

    folder: Path
    before: str = ""
    behind: str = ""
    changed: Counter[str] = field(default_factory=Counter, compare=False)
    """How many were found only by another way of writing them."""

    def file(self, name: str) -> str:
        """The path of a name from the folder: as it is written, or as it would have been written here."""
        written = self._inside(name)
        whole = f"{self.before}{written}{self.behind}"
        if self._is_file(whole):
            return whole
        for what, other in _otherwise(whole):
            if self._is_file(other):
                self.changed[what] += 1
                return other
        return whole

    def notes(self, where: str) -> list[str]:
        """What was done to find the files."""
        words = {
            "windows": "have backslashes, as on Windows, and are read with slashes",
            "accents": "write their accents otherwise than the files",
        }
        said = [f"{where}: {count} paths {words[what]}." for what, count in self.changed.items()]
        completed = [
            *([f"in the folder {self.before.rstrip('/')} (data.image_folder)"] if self.before else []),
            *([f"with the ending {self.behind} (data.image_ending)"] if self.behind else []),
        ]
        return [*([f"{where}: the images are looked for {' and '.join(completed)}."] if completed else []), *said]

    def _inside(self, name: str) -> str:
        """An absolute path that lies in the folder, from there."""
        if not PurePosixPath(name).is_absolute():
            return name
        path = Path(os.path.normpath(name))
        roots = (self.folder.absolute(), self._resolved)
        return next((path.relative_to(root).as_posix() for root in roots if path.is_relative_to(root)), name)

    @cached_property
    def _resolved(self) -> Path:
        return self.folder.resolve()

    def _is_file(self, name: str) -> bool:
        if fault(name):
            return False
        try:
            return (self.folder / name).is_file()
        except (OSError, ValueError):  # ValueError: a name with a null character
            return False


def fault(name: str) -> str | None:
    """Why a path is not opened, whatever the system it was written on."""
    windows = PureWindowsPath(name)
    if PurePosixPath(name).is_absolute() or windows.is_absolute() or windows.drive or windows.root:
        return "it is absolute"
    depth = 0
    for part in name.replace("\\", "/").split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth < 0:
            return "it leaves the folder"
    return None


def complete(folder: Path, names: Sequence[str], options: ReadOptions = NOTHING_SAID) -> Paths:
    """How the names in a column become files: as said, or as one folder and one ending fit the first of them all.

    Raises DataError for a folder that is absent or outside.
    """
    before, behind = _folder(folder, options.image_folder), options.image_ending or ""
    plain = Paths(folder, before, behind)
    some = list(names[:_TRIED])
    if not some or any(plain._is_file(plain.file(name)) for name in some):
        return Paths(folder, before, behind)
    folders = [before] if options.image_folder is not None else ["", *_folders_below(folder)]
    endings = [behind] if options.image_ending is not None else ["", *PICTURES, *(end.upper() for end in PICTURES)]
    fitting = [
        (place, ending) for place in folders for ending in endings
        if all(plain._is_file(f"{place}{name}{ending}") for name in some)
    ]  # fmt: skip
    if len(fitting) == 1:
        return Paths(folder, *fitting[0])
    return Paths(folder, before, behind)


def _folder(folder: Path, said: str | None) -> str:
    if said is None:
        return ""
    if fault(said) or not (folder / said).is_dir():
        raise DataError(f"data.image_folder: expected a folder inside {folder}, received '{said}'.")
    return f"{said.strip('/')}/" if said.strip("./") else ""


def _folders_below(folder: Path) -> Iterator[str]:
    """The folders in a folder and in these, from it, each with a slash at its end."""
    for path in _directories(folder):
        yield f"{path.name}/"
        for deeper in _directories(path):
            yield f"{path.name}/{deeper.name}/"


def _directories(folder: Path) -> Iterable[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
    except OSError:
        return []


def _otherwise(name: str) -> Iterator[tuple[str, str]]:
    """Other ways to write a path, and what is other about each."""
    slashes = name.replace("\\", "/")
    if slashes != name:
        yield "windows", slashes
    for form in ("NFC", "NFD"):
        other = unicodedata.normalize(form, slashes)
        if other != slashes:
            yield "accents", other
