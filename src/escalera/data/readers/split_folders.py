"""Which folders of a source are its splits, and which are classes that happen to be called so."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from escalera.core.errors import DataError, nearest
from escalera.core.names import composed
from escalera.data.options import ReadOptions
from escalera.data.readers.formats import HEAD, format_of, promised
from escalera.data.readers.listing import SPLITS, USUAL, left_by_system, shown
from escalera.data.readers.paths import fault
from escalera.data.readers.split_words import WORDS


@dataclass(frozen=True)
class SplitFolders:
    """The folder of each split, train first; `notes` say what was guessed."""

    folders: dict[str, Path]
    notes: list[str] = field(default_factory=list)

    @property
    def are_given(self) -> bool:
        """Whether the source has splits of its own."""
        return len(self.folders) > 1


def split_folders(folder: Path, options: ReadOptions) -> SplitFolders:
    """The folders of the splits, or the folder itself as train, where its folders are classes.

    A folder called train that holds pictures itself, among others that do, is a class. A split whose folders of classes
    are a folder further in, as in seg_train/seg_train, is read from there. Raises DataError for two folders of one
    split, for a test split without train, and for folders that are named and are none.
    """
    found = _found(folder, options)
    if not found.are_given:
        return found
    inner = {split: _inner(path) for split, path in found.folders.items()}
    classes = [set(folders(path)) for path in inner.values()]
    if not all(classes[0] & other for other in classes[1:]):
        return found
    notes = [
        f"{path}: read from {inner[split]}, the only folder in it that holds anything to read."
        for split, path in found.folders.items()
        if inner[split] != path
    ]
    return SplitFolders(inner, [*found.notes, *notes])


def _found(folder: Path, options: ReadOptions) -> SplitFolders:
    if options.splits is False:
        return SplitFolders({"train": folder})
    if options.splits is not None:
        return SplitFolders(_named(folder, options.splits))
    names = folders(folder)
    called = {name: USUAL[name.casefold()] for name in names if name.casefold() in USUAL}
    holding = [name for name in called if _has_classes(folder / name)]
    if not any(called[name] == "train" for name in holding):
        bare = [name for name in names if has_pictures(folder / name)]
        if called and not holding and set(called) <= set(bare) and set(bare) - set(called):
            return SplitFolders({"train": folder}, [_classes_called(folder, list(called))])
        if "train" in called.values():  # it has no classes, and says so itself
            return SplitFolders(_ordered(folder, called))
        spoken = _by_words(folder, names)
        if called and not spoken.are_given:
            raise _no_train(folder, (holding or list(called))[0])
        return spoken
    notes = []
    for name in [name for name in called if name not in holding and has_pictures(folder / name)]:
        split = called.pop(name)
        notes.append(
            f"{folder / name}: left out, since its pictures are in no class; {split} is cut out of train. "
            "`escalera predict` answers for them."
        )
    ignored = [name for name in names if name not in called and not any(str(folder / name) in note for note in notes)]
    if also := _also(folder, ignored, called):
        called |= also
        ignored = [name for name in ignored if name not in also]
        notes.append(_guessed(folder, _ordered(folder, called)))
    if ignored:
        notes.append(f"{folder}: not read: {', '.join(map(shown, ignored))}, beside train.")
    return SplitFolders(_ordered(folder, called), notes)


def _named(folder: Path, splits: Mapping[str, str]) -> dict[str, Path]:
    for split, name in splits.items():
        if fault(name) or not (folder / name).is_dir():
            known = nearest(name, folders(folder))
            raise DataError(f"data.splits: {split}: expected a folder in {folder}, received '{name}'; {known}")
    if "train" not in splits:
        raise DataError(f"data.splits: expected a folder for train, received {', '.join(splits)} alone.")
    return {split: folder / splits[split] for split in SPLITS if split in splits}


def _ordered(folder: Path, called: Mapping[str, str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for split in SPLITS:
        names = [name for name, what in called.items() if what == split]
        if len(names) > 1:
            raise DataError(
                f"{folder} has {len(names)} folders for {split}: {', '.join(names)}. Leave one of them, or say which "
                "folder is which split with data.splits: {train: ..., test: ...}."
            )
        if names:
            found[split] = folder / names[0]
    return found


def _no_train(folder: Path, name: str) -> DataError:
    return DataError(
        f"{folder} has a folder '{name}' but none called 'train'. Put the pictures to learn from in train/<class>/, or "
        "only folders of classes in it."
    )


def _also(folder: Path, names: list[str], called: Mapping[str, str]) -> dict[str, str]:
    """Folders of other splits, as test_set, beside train: with a split's name in theirs, and of the same classes."""
    train = next(name for name, split in called.items() if split == "train")
    splits = {name: split for name in names if (split := _split_in(name)) and split not in called.values()}
    classes = set(folders(_inner(folder / train)))
    alike = {
        name: split
        for name, split in splits.items()
        if _has_classes(folder / name) and classes & set(folders(_inner(folder / name)))
    }
    return {name: split for name, split in alike.items() if [*alike.values()].count(split) == 1}


def _by_words(folder: Path, names: list[str]) -> SplitFolders:
    """Folders with a split's name in theirs, as training_set and test_set, that hold folders of the same classes."""
    splits = {name: split for name in names if (split := _split_in(name))}
    classes = {name: set(folders(_inner(folder / name))) for name in splits if _has_classes(folder / name)}
    train = [name for name in classes if splits[name] == "train"]
    others = [name for name in classes if splits[name] != "train" and train and classes[name] & classes[train[0]]]
    if len(train) != 1 or not others:
        return SplitFolders({"train": folder})
    found = _ordered(folder, {name: splits[name] for name in (*train, *others)})
    rest = [name for name in names if name not in (*train, *others)]
    ignored = [f"{folder}: not read: {', '.join(map(shown, rest))}, beside {train[0]}."] if rest else []
    return SplitFolders(found, [_guessed(folder, found), *ignored])


def _guessed(folder: Path, found: Mapping[str, Path]) -> str:
    pairs = ", ".join(f"{split}: {path.name}" for split, path in found.items())
    return (
        f"{folder}: read as splits, since they hold the same folders: {pairs}; data.splits: false makes them classes."
    )


def _inner(path: Path) -> Path:
    """The folder of the classes of a split: of an archive that was unpacked a folder too high, one further in."""
    while len(names := folders(path)) == 1 and not has_pictures(path) and _has_classes(path / names[0]):
        if has_pictures(path / names[0]):
            break
        path /= names[0]
    return path


def _split_in(name: str) -> str | None:
    """The one split that a folder's name speaks of: training_set, x_train, train1, TRAIN-data, entrenamiento.

    The usual words come first: test_evaluation is a test.
    """
    words = re.findall(r"[^\W\d_]+", composed(name).casefold())
    found = {USUAL[word] for word in words if word in USUAL} or {WORDS[word] for word in words if word in WORDS}
    return next(iter(found)) if len(found) == 1 else None


def _classes_called(folder: Path, names: list[str]) -> str:
    listed = ", ".join(map(repr, names))
    one = len(names) == 1
    return (
        f"{folder}: {listed} {'is taken for a class' if one else 'are taken for classes'}, since "
        f"{'it holds' if one else 'they hold'} pictures and no folders of classes; to make a split of train, put all "
        "folders of classes into it."
    )


def _has_classes(path: Path) -> bool:
    """Whether a folder holds folders with pictures, at any depth."""
    return any(holds_pictures(path / name) for name in folders(path))


def has_pictures(path: Path) -> bool:
    """Whether a folder holds pictures itself."""
    return any(entry.is_file() and promised(entry.name) and not left_by_system(entry.name) for entry in entries(path))


def holds_pictures(path: Path) -> bool:
    """Whether a folder holds pictures, at any depth."""
    return has_pictures(path) or any(
        holds_pictures(Path(entry.path)) for entry in entries(path)
        if entry.is_dir(follow_symlinks=False) and not left_by_system(entry.name)
    )  # fmt: skip


def entries(path: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder, by name."""
    try:
        with os.scandir(path) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"could not read {path}: {error.strerror}.") from error


def folders(path: Path) -> list[str]:
    """The names of the folders in a folder, without those that systems leave behind."""
    return [entry.name for entry in entries(path) if entry.is_dir() and not left_by_system(entry.name)]


def is_picture(root: Path, name: str) -> bool:
    """By its ending; a file with another ending is looked into, since its content decides."""
    if promised(name):
        return True
    try:
        with (root / name).open("rb") as file:
            return format_of(file.read(HEAD)) is not None
    except OSError:
        return False
