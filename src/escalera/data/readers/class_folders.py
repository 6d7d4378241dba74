"""A folder with a folder for each class, as the listing of a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from escalera.core.errors import DataError
from escalera.core.names import composed
from escalera.data.options import NOTHING_SAID, ReadOptions
from escalera.data.readers import masks, readings, sidecars
from escalera.data.readers.formats import PICTURES
from escalera.data.readers.listing import Labels, Raw, left_by_system, many_files_state, read_files, shown
from escalera.data.readers.name_pattern import expression, is_of_paths, suggestion
from escalera.data.readers.natural import natural
from escalera.data.readers.split_folders import entries, folders, is_picture, split_folders

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class ClassFolder:
    """The pictures below one folder.

    `files` are relative to it; `counts` says how many each class has, in order; `empty` are classes without any.
    `doubt` says why its folders are hardly what a person means by classes.
    """

    split: str
    path: Path
    files: list[str]
    counts: dict[str, int]
    notes: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    doubt: str = ""
    names: None = None
    label: None = None

    @property
    def rows(self) -> int:
        """How many pictures it lists."""
        return len(self.files)

    def check(self) -> None:
        """Raise DataError for folders that are hardly classes, and for a class without a picture in train."""
        if self.doubt:
            raise DataError(f"{self.path}: {self.doubt}")
        if self.empty and self.split == "train":
            raise DataError(
                f"{self.path}: no picture in the folder{'s' if len(self.empty) > 1 else ''} of "
                f"{', '.join(repr(name) for name in self.empty)}. Put pictures of it there, or remove the folder."
            )

    def state(self) -> str:
        """A hash that changes when a picture does, or a class comes without any."""
        # Of a folder the name alone: it is changed, too, by what comes and goes again.
        return f"{list(self.counts)} {many_files_state(self.path, self.files)}"

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

    A pattern with a slash is for the paths in each of them; one without is for the names in `folder`. Raises DataError
    where there are no classes at all.
    """
    pattern = options.label_pattern
    if pattern is not None and not is_of_paths(pattern):
        return [_by_names("train", folder, pattern)]
    found = split_folders(folder, options)
    listings = [
        _class_folder(split, path, options) if pattern is None else _by_names(split, path, pattern)
        for split, path in found.folders.items()
    ]
    listings[0].notes[:0] = found.notes
    return listings


def pictures_below(folder: Path) -> tuple[list[str], list[str]]:
    """The pictures in a folder and in its folders, and the other files; what systems leave behind is neither."""
    files: list[str] = []
    others: list[str] = []
    _collect(folder, ".", files, others)
    return [name.removeprefix("./") for name in files], [name.removeprefix("./") for name in others]


def _class_folder(split: str, path: Path, options: ReadOptions) -> ClassFolder:
    found: dict[str, list[str]] = {}
    others: list[str] = []
    nested: dict[str, list[str]] = {}
    for name in folders(path):
        if shown(name) != name:
            raise DataError(f"{path}: '{shown(name)}' cannot be the name of a class. Give its folder another one.")
        called = composed(name)
        files = found.setdefault(called, [])
        below = _collect(path, name, files, others)
        if below:
            nested[called] = below
    loose = _pictures_in(path)
    if not any(found.values()):
        raise DataError(
            f"{path} has no folders of classes with pictures; expected <class>/<picture>.jpg"
            + (f", found {len(loose):,} picture{'s' if len(loose) > 1 else ''} without a class" if loose else "")
            + f". Pictures end in {', '.join(PICTURES)}.{sidecars.of_one_folder(path) if loose else ''}"
        )
    classes = sorted(found, key=natural)
    kept = [name for name in classes if found[name]]
    empty = [name for name in classes if not found[name]]
    files = [file for name in kept for file in found[name]]
    doubt = _doubt(path, {name: found[name] for name in classes}, others, nested, options) if split == "train" else ""
    notes = [] if doubt else [*readings.notes(path, nested), *_masks(path, files)]
    if empty and split != "train":
        notes.append(f"{path}: no picture of {', '.join(repr(name) for name in empty)}.")
    notes += _left_out(path, loose, "in no class") + _left_out(path, others, "no pictures")
    return ClassFolder(split, path, files, {name: len(found[name]) for name in kept}, notes, empty, doubt)


def _doubt(
    path: Path,
    found: dict[str, list[str]],
    others: list[str],
    nested: dict[str, list[str]],
    options: ReadOptions,
) -> str:
    """Why folders are hardly what a person means by classes; nothing where they are, or somebody says so."""
    if options.form == "folders":
        return ""
    files = [file for some in found.values() for file in some]
    if about := sidecars.own_texts(path, files, others):
        kept = [name for name, some in found.items() if some]
        listed = ", ".join(map(shown, kept[:3])) + (", ..." if len(kept) > 3 else "")
        return f"{about} To take the names of the folders for the classes, {listed}, write data.form: folders."
    return (
        sidecars.annotated(path, found, others)
        or sidecars.lists(path, found)
        or masks.beside_pictures(path, found)
        or masks.refused(path, files)
        # Who says that no folder is a split has said which folders are the classes.
        or ("" if options.splits is False else readings.refused(path, found, nested))
    )


def _masks(path: Path, files: list[str]) -> list[str]:
    about = masks.about_named(files)
    return [f"{path}: {about}"] if about else []


def _left_out(path: Path, names: list[str], what: str) -> list[str]:
    if not names:
        return []
    more = f", and {len(names) - 3:,} more." if len(names) > 3 else "."
    return [f"{path}: left out, since they are {what}: {', '.join(map(shown, names[:3]))}{more}"]


def _pictures_in(path: Path) -> list[str]:
    """The names of the pictures that a folder holds itself."""
    names = [entry.name for entry in entries(path) if entry.is_file() and is_picture(path, entry.name)]
    return [name for name in names if not left_by_system(name)]


def _by_names(split: str, folder: Path, pattern: str) -> ClassFolder:
    """The images whose names, or paths in a folder, hold their class; raises DataError for those that do not fit."""
    fits = expression(pattern)
    names, others = pictures_below(folder) if is_of_paths(pattern) else (_pictures_in(folder), [])
    labels = {name: match["label"] for name in names if (match := fits.fullmatch(name)) and match["label"]}
    wrong = [name for name in names if name not in labels]
    if not names:
        raise DataError(
            f"data.label_pattern: {folder} has no pictures in it or in its folders."
            if is_of_paths(pattern)
            else f"data.label_pattern: {folder} has no pictures of its own; the pattern is for one without classes. "
            "One for paths has a slash, as '*/{label}/*'."
        )
    if wrong:
        listed = ", ".join(map(shown, wrong[:3])) + (", ..." if len(wrong) > 3 else "")
        raise DataError(
            f"data.label_pattern: {len(wrong):,} of {len(names):,} names in {folder} "
            f"{'does' if len(wrong) == 1 else 'do'} not fit '{pattern}': {listed}."
            f"{'' if is_of_paths(pattern) else suggestion(names)}"
        )
    labels = {name: composed(label) for name, label in labels.items()}
    classes = sorted(set(labels.values()), key=natural)
    files = [name for one in classes for name in names if labels[name] == one]
    counts = Counter(labels.values())
    notes = [*_masks(folder, files), *_left_out(folder, others, "no pictures")]
    return ClassFolder(split, folder, files, {name: counts[name] for name in classes}, notes)


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
