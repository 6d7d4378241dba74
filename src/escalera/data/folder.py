"""A folder with a folder for each class, as the listing of a split."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from escalera.data.formats import PICTURES
from escalera.data.listing import Labels, Raw, left_by_system, many_files_state, read_files, shown
from escalera.data.natural import natural
from escalera.data.options import NOTHING_SAID, ReadOptions
from escalera.data.split_folders import entries, folders, is_picture, split_folders
from escalera.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa


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


def class_folders(folder: Path, options: ReadOptions = NOTHING_SAID) -> list[ClassFolder]:
    """The splits of `folder`: train/<class>/ with validation and test beside it, or <class>/, which are train alone.

    Raises DataError where there are no classes at all.
    """
    if options.label_pattern is not None:
        return [flat_folder(folder, options.label_pattern)]
    found = split_folders(folder, options)
    listings = [_class_folder(split, path) for split, path in found.folders.items()]
    listings[0].notes[:0] = found.notes
    return listings


def pictures_below(folder: Path) -> tuple[list[str], list[str]]:
    """The pictures in a folder and in its folders, and the other files; what systems leave behind is neither."""
    files: list[str] = []
    others: list[str] = []
    _collect(folder, ".", files, others)
    return [name.removeprefix("./") for name in files], [name.removeprefix("./") for name in others]


def _class_folder(split: str, path: Path) -> ClassFolder:
    found: dict[str, list[str]] = {}
    others: list[str] = []
    nested: dict[str, list[str]] = {}
    for name in folders(path):
        if shown(name) != name:
            raise DataError(f"{path}: '{shown(name)}' cannot be the name of a class. Give its folder another one.")
        files = found.setdefault(unicodedata.normalize("NFC", name), [])
        below = _collect(path, name, files, others)
        if below:
            nested[name] = below
    loose = [entry.name for entry in entries(path) if entry.is_file() and is_picture(path, entry.name)]
    loose = [name for name in loose if not left_by_system(name)]
    if not any(found.values()):
        raise DataError(
            f"{path} has no folders of classes with pictures; expected <class>/<picture>.jpg"
            + (f", found {len(loose)} pictures without a class" if loose else "")
            + f". Pictures end in {', '.join(PICTURES)}.{suggestion(loose)}"
        )
    classes = sorted(found, key=natural)
    empty = [name for name in classes if not found[name]]
    notes = _nested(path, nested)
    if empty and split != "train":
        notes.append(f"{path}: no picture of {', '.join(repr(name) for name in empty)}.")
    for some, what in ((loose, "in no class"), (others, "no pictures")):
        if some:
            notes.append(
                f"{path}: left out, since they are {what}: {', '.join(map(shown, some[:3]))}"
                + (f", and {len(some) - 3} more." if len(some) > 3 else ".")
            )
    kept = [name for name in classes if found[name]]
    files = [file for name in kept for file in found[name]]
    return ClassFolder(split, path, files, {name: len(found[name]) for name in kept}, notes, empty)


def flat_folder(folder: Path, pattern: str) -> ClassFolder:
    """The images of one folder whose names hold their class; raises DataError for names that do not fit."""
    expression = _expression(pattern)
    names = [entry.name for entry in entries(folder) if entry.is_file() and is_picture(folder, entry.name)]
    names = [name for name in names if not left_by_system(name)]
    labels = {name: match["label"] for name in names if (match := expression.fullmatch(name)) and match["label"]}
    wrong = [name for name in names if name not in labels]
    if wrong or not names:
        listed = ", ".join(map(shown, wrong[:3])) + (", ..." if len(wrong) > 3 else "")
        raise DataError(
            f"data.label_pattern: {len(wrong)} of {len(names)} names in {folder} do not fit '{pattern}': {listed}."
            f"{suggestion(names)}"
            if wrong
            else f"data.label_pattern: {folder} has no pictures of its own; the pattern is for one without classes."
        )
    composed = {name: unicodedata.normalize("NFC", label) for name, label in labels.items()}
    classes = sorted(set(composed.values()), key=natural)
    files = [name for one in classes for name in names if composed[name] == one]
    counts = Counter(composed.values())
    return ClassFolder("train", folder, files, {name: counts[name] for name in classes})


def suggestion(names: Sequence[str]) -> str:
    """The pattern that takes a class out of names such as cat.0.jpg, where all have one; else nothing."""
    if len(names) < 2:
        return ""
    numbered = _labels(names, _NUMBERED)
    for pattern in ("{label}.*", "{label}_*", "{label}-*", "{label} *"):
        labels = _labels(names, pattern)
        if labels and (labels == numbered or numbered is None):
            return f" Where the names say the class, write data.label_pattern: '{pattern}'."
    return f" Where the names say the class, write data.label_pattern: '{_NUMBERED}'." if numbered else ""


_NUMBERED = r"(?P<label>.*[^\d ._-])[ ._-]*\(?\d+\)?\.\w+"


def _labels(names: Sequence[str], pattern: str) -> list[str] | None:
    """The class of each name, where these are words, two at least, and each comes more than once on average."""
    found = [_expression(pattern).fullmatch(name) for name in names]
    labels = [match["label"] for match in found if match]
    distinct = set(labels)
    sound = len(labels) == len(names) and 2 <= len(distinct) <= len(names) / 2 and not any(map(str.isdecimal, distinct))
    return labels if sound else None


def _expression(pattern: str) -> re.Pattern[str]:
    """A pattern such as `{label}.*`, or a regular expression with a group called label."""
    if "(?P<label>" not in pattern:
        if pattern.count("{label}") != 1:
            raise DataError(
                f"data.label_pattern: expected {{label}} once, as in '{{label}}.*', or a regular expression with "
                f"(?P<label>...), received '{pattern}'."
            )
        escaped = re.escape(pattern).replace(re.escape("{label}"), "(?P<label>.+?)")
        return re.compile(escaped.replace(re.escape("*"), ".*").replace(re.escape("?"), "."))
    try:
        return re.compile(pattern)
    except re.error as error:
        raise DataError(f"data.label_pattern: '{pattern}' is no regular expression: {error}.") from error


def _nested(path: Path, nested: dict[str, list[str]]) -> list[str]:
    """What is said of folders within the folders of classes."""
    if not nested:
        return []
    name, below = next(iter(nested.items()))
    some = ", ".join(map(shown, below[:3])) + (", ..." if len(below) > 3 else "")
    more = f" (and {len(nested) - 1} more classes)" if len(nested) > 1 else ""
    return [
        f"{path}: '{name}'{more} holds the folders {some}, whose pictures count as '{name}'; name {path / name} as the "
        "source, or move them up, to make them classes."
    ]


def _collect(root: Path, below: str, files: list[str], others: list[str]) -> list[str]:
    """Add the pictures below a folder, by name, those of its own folders after them; the folders that have some."""
    deeper = []
    for entry in entries(root / below):
        name = f"{below}/{entry.name}"
        if left_by_system(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            deeper.append(name)
        elif is_picture(root, name):
            files.append(name)
        else:
            others.append(name)
    nested = []
    for name in deeper:
        before = len(files)
        _collect(root, name, files, others)
        if len(files) > before:
            nested.append(name.rpartition("/")[2])
    return nested
