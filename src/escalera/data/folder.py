"""A folder with a folder for each class, as the listing of a split."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from escalera.data.decode import format_of
from escalera.data.listing import PICTURES, SPLITS, Labels, Raw, many_files_state, promised, read_files, shown
from escalera.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

_JUNK = {"thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class ClassFolder:
    """The pictures below one folder.

    `files` are relative to it; `counts` says how many each class has, in order; `empty` are classes without any.
    """

    split: str
    path: Path
    files: list[str]
    counts: dict[str, int]
    notes: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    names: None = None
    label: None = None

    @property
    def rows(self) -> int:
        """How many pictures it lists."""
        return len(self.files)

    def check(self) -> None:
        """Raise DataError for a class without a picture in train."""
        if self.empty and self.split == "train":
            raise DataError(
                f"{self.path}: no picture in the folder{'s' if len(self.empty) > 1 else ''} of "
                f"{', '.join(repr(name) for name in self.empty)}. Put pictures of it there, or remove the folder."
            )

    def state(self) -> str:
        """A hash that changes when a picture does, or a class comes without any."""
        return many_files_state(self.path, [*self.counts, *self.files])

    def labels(self) -> Labels:
        """The classes in order, and each picture's."""
        return list(self.counts), np.repeat(np.arange(len(self.counts)), list(self.counts.values()))

    def pictures(self) -> Iterator[list[Raw]]:
        """The bytes of the files in order."""
        return read_files(self.path, self.files)

    def table(self) -> pa.Table | None:
        """None: a folder says nothing else of its pictures."""
        return None

    def where(self, row: int) -> str:
        """The file."""
        return shown(str(self.path / self.files[row]))

    def file_name(self, row: int) -> str:
        """The file, from the folder."""
        return self.files[row]


def class_folders(folder: Path) -> list[ClassFolder]:
    """The splits of `folder`: train/<class>/ with validation and test beside it, or <class>/, which are train alone.

    Raises DataError where there are no classes at all.
    """
    below = _folders(folder)
    found = {
        split: [name for name in below if name.casefold() in usual]
        for split, usual in SPLITS.items()
        if any(name.casefold() in usual for name in below)
    }
    if found and "train" not in found:
        raise DataError(
            f"{folder} has a folder '{next(iter(found.values()))[0]}' but none called 'train'. Put the pictures to "
            "learn from in train/<class>/, or only folders of classes in it."
        )
    for split, names in found.items():
        if len(names) > 1:
            raise DataError(f"{folder} has {len(names)} folders for {split}: {', '.join(names)}. Leave one of them.")
    if not found:
        return [_class_folder("train", folder)]
    listings = [_class_folder(split, folder / names[0]) for split, names in found.items()]
    ignored = sorted(set(below) - {name for names in found.values() for name in names})
    if ignored:
        listings[0].notes.append(f"{folder}: not read: {', '.join(map(shown, ignored))}, beside train.")
    return listings


def _class_folder(split: str, path: Path) -> ClassFolder:
    counts: dict[str, int] = {}
    files: list[str] = []
    others: list[str] = []
    for name in _folders(path):
        if shown(name) != name:
            raise DataError(f"{path}: '{shown(name)}' cannot be the name of a class. Give its folder another one.")
        before = len(files)
        _collect(path, name, files, others)
        counts[name] = len(files) - before
    loose = [entry.name for entry in _entries(path) if entry.is_file() and _is_picture(path, entry.name)]
    if not files:
        raise DataError(
            f"{path} has no folders of classes with pictures; expected <class>/<picture>.jpg"
            + (f", found {len(loose)} pictures without a class" if loose else "")
            + f". Pictures end in {', '.join(PICTURES)}."
        )
    empty = [name for name, count in counts.items() if not count]
    notes = []
    if empty and split != "train":
        notes.append(f"{path}: no picture of {', '.join(repr(name) for name in empty)}.")
    hidden = [name for name in others if name.rpartition("/")[2].startswith(".")]
    others = [name for name in others if not name.rpartition("/")[2].startswith(".")]
    for found, what in ((loose, "in no class"), (others, "no pictures"), (hidden, "hidden")):
        if found:
            notes.append(
                f"{path}: left out, since they are {what}: {', '.join(map(shown, found[:3]))}"
                + (f", and {len(found) - 3} more." if len(found) > 3 else ".")
            )
    counts = {name: count for name, count in counts.items() if count}
    return ClassFolder(split, path, files, counts, notes, empty)


def _collect(root: Path, below: str, files: list[str], others: list[str]) -> None:
    """Add the pictures below a folder, by name, those of its own folders after them."""
    deeper = []
    for entry in _entries(root / below):
        name = f"{below}/{entry.name}"
        if entry.name.startswith("."):
            if promised(entry.name):
                others.append(name)
        elif entry.is_dir(follow_symlinks=False):
            deeper.append(name)
        elif _is_picture(root, name):
            files.append(name)
        elif entry.name.casefold() not in _JUNK:
            others.append(name)
    for name in deeper:
        _collect(root, name, files, others)


def _entries(path: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, by name."""
    try:
        with os.scandir(path) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror}.") from error


def _folders(path: Path) -> list[str]:
    return [entry.name for entry in _entries(path) if entry.is_dir() and not entry.name.startswith(".")]


def _is_picture(root: Path, name: str) -> bool:
    """By its ending; a file with another ending is looked into, since its content decides."""
    if promised(name):
        return True
    try:
        with (root / name).open("rb") as file:
            return format_of(file.read(16)) is not None
    except OSError:
        return False
