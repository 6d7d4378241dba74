"""Which arrays are images, which labels, and of which split, by what they are called."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from escalera.core.errors import DataError
from escalera.data.readers.listing import SPLITS, USUAL, left_by_system

_SPLIT = USUAL | {"t10k": "test"}
_IMAGES = ("x", "images", "image", "imgs", "img", "pictures", "pixels", "inputs", "data")
_LABELS = ("y", "labels", "label", "targets", "target", "t")
"""What arrays are called, the likelier first."""
_ABOUT = {"names", "name", "ids", "id", "paths", "files", "mean", "std", "shape", "count"}
"""Words of arrays that say something about images or labels, and are none."""


@dataclass(frozen=True)
class Named:
    """The arrays of each split, train first, labels None where they are absent; `unread` are all the others."""

    splits: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


def by_name(names: Iterable[str]) -> Named:
    """Find x_train, y_train, train_images, trainLabels, X, y, ...; what says no split is train's.

    Raises DataError for two arrays that have equal claims.
    """
    found: dict[tuple[str, str], dict[int, list[str]]] = {}
    names = list(names)
    for name in names:
        if (meant := _meaning(name)) is not None:
            split, what, rank = meant
            found.setdefault((split, what), {}).setdefault(rank, []).append(name)
    chosen: dict[tuple[str, str], str] = {}
    for (split, what), ranked in found.items():
        best = ranked[min(ranked)]
        if len(best) > 1:
            raise DataError(f"expected one array of {what} of {split}, found {', '.join(best)}. Take one out")
        chosen[split, what] = best[0]
    splits = {
        split: (images, chosen.get((split, "labels")))
        for split in SPLITS
        if (images := chosen.get((split, "images"))) is not None
    }
    read = {name for pair in splits.values() for name in pair}
    return Named(splits, [name for name in names if name not in read])


def array_names(path: Path) -> dict[str, tuple[Path, str | None]]:
    """The arrays of an archive, or of a folder, by name: the file of each, and its member where that is an archive.

    In a folder a .npy file is called by its name, and so is an archive of one array; others have their own names behind
    that of their archive. Raises OSError and zipfile.BadZipFile for archives that cannot be read.
    """
    if path.is_file():
        return {member: (path, member) for member in _members(path)}
    archives = archive_files(path)
    if len(archives) == 1 and not _are_pairs(file.stem for file in array_files(path)):
        return array_names(archives[0])
    found: dict[str, tuple[Path, str | None]] = {file.stem: (file, None) for file in array_files(path)}
    for archive in archives:
        members = _members(archive)
        for member in members:
            found[archive.stem if len(members) == 1 else f"{archive.stem}_{member}"] = (archive, member)
    return found


def holds_arrays(folder: Path) -> bool:
    """Whether a folder has one archive, or arrays whose names say what they are."""
    archives = archive_files(folder)
    if len(archives) == 1:
        return True
    try:
        return (len(archives) > 1 or bool(array_files(folder))) and _are_pairs(array_names(folder))
    except (OSError, zipfile.BadZipFile):
        return False


def archive_files(folder: Path) -> list[Path]:
    """The .npz files in a folder, by name."""
    return _files(folder, ".npz")


def array_files(folder: Path) -> list[Path]:
    """The .npy files in a folder, by name."""
    return _files(folder, ".npy")


def _files(folder: Path, suffix: str) -> list[Path]:
    try:
        found = [path for path in folder.iterdir() if path.suffix.lower() == suffix and path.is_file()]
    except OSError:
        return []
    return sorted(path for path in found if not left_by_system(path.name))


def _members(archive: Path) -> list[str]:
    with zipfile.ZipFile(archive) as file:
        return [name.removesuffix(".npy") for name in file.namelist() if name.endswith(".npy")]


def _are_pairs(names: Iterable[str]) -> bool:
    try:
        _, labels = by_name(names).splits["train"]
    except (DataError, KeyError):
        return False
    return labels is not None


def _meaning(name: str) -> tuple[str, str, int] | None:
    """The split, whether images or labels, and how likely by its name; None for any other array."""
    words = re.findall(r"[a-z]+\d+k|[a-z]+", re.sub(r"(?<=[a-z\d])(?=[A-Z])", "_", name).casefold())
    words = [part for word in words for part in _parts(word)]
    splits = {_SPLIT[word] for word in words if word in _SPLIT}
    labels = [_LABELS.index(word) for word in words if word in _LABELS]
    images = [_IMAGES.index(word) for word in words if word in _IMAGES and not (labels and word == "data")]
    if len(splits) > 1 or bool(images) == bool(labels) or _ABOUT & set(words):
        return None
    split = next(iter(splits), "train")
    return (split, "images", min(images)) if images else (split, "labels", min(labels))


def _parts(word: str) -> list[str]:
    """xtrain and trainx are two words."""
    for end in ("x", "y"):
        if word.startswith(end) and word[1:] in _SPLIT:
            return [end, word[1:]]
        if word.endswith(end) and word[:-1] in _SPLIT:
            return [end, word[:-1]]
    return [word]
