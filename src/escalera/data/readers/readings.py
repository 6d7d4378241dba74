"""Folders within folders of classes: which of the two are the classes, where both may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

from escalera.core.names import same
from escalera.data.readers.listing import SPLITS, shown
from escalera.data.readers.masks import are_kinds, folders_of_masks
from escalera.data.readers.sidecars import NEARLY_ALL
from escalera.data.readers.split_words import meant

_MOST, _LISTED = 0.5, 5

Nested = Mapping[str, Sequence[str]]
"""The folders with pictures in each folder of a class, for those that have some."""


def refused(path: Path, found: Mapping[str, Sequence[str]], nested: Nested) -> str:
    """Why folders are no classes: they hold the same folders as one another, or as the folder that they are in."""
    if hint := _unpacked_inside(path, found, nested):
        return hint
    kept = [name for name, files in found.items() if files]
    spelt: dict[str, str] = {}
    times = Counter(spelt.setdefault(same(one), one) for below in nested.values() for one in below)
    shared = sorted(one for one, count in times.items() if count > 1)
    alike = sum(times[one] for one in shared) >= _MOST * times.total()
    if len(shared) < 2 or len(nested) < max(2, NEARLY_ALL * len(kept)) or not alike:
        return ""
    inner, outer = _listed(sorted(times)), _listed(sorted(nested))
    if masks := folders_of_masks(times):
        return (
            f"each class holds the folders {inner}, and the pictures in {_listed(masks)} would be learned from as "
            f"pictures of the class. Move the folders of masks out of {path}; to learn from them as well, write "
            "data.form: folders."
        )
    if splits := meant(sorted(times)):
        return (
            f"each of the folders {outer} holds the splits {inner}, and a split has to hold the classes. Move the "
            f"pictures into folders such as {splits['train']}/{min(nested)}; to have other splits cut out of all "
            "pictures, write data.form: folders."
        )
    return _unpacked_beside(path, found, nested) or (
        f"the same folders, {_listed(shared)}, are in each of the folders {outer}, and either may be the classes. "
        f"For the classes {inner}, write data.label_pattern: '{_pattern(found)}'. "
        f"For the classes {outer}, write data.form: folders.{_as_splits(meant(list(nested)))}"
    )


def _as_splits(splits: Mapping[str, str]) -> str:
    if not splits:
        return ""
    pairs = ", ".join(f"{split}: {shown(splits[split])}" for split in SPLITS if split in splits)
    return f" If they are splits, write data.splits: {{{pairs}}}."


def notes(path: Path, nested: Nested) -> list[str]:
    """What is said of folders within the folders of classes, where these are the classes."""
    if not nested:
        return []
    name, below = next(iter(nested.items()))
    others = len(nested) - 1
    more = f" (and {others} more {'classes' if others > 1 else 'class'})" if others else ""
    if len(below) == 1:
        return [f"{path}: '{name}'{more} holds the folder {shown(below[0])}, whose pictures count as '{name}'."]
    if are_kinds(below):
        return [f"{path}: '{name}'{more} holds the folders {_listed(below)}, whose pictures count as '{name}'."]
    some = ", ".join(map(shown, below[:3])) + (", ..." if len(below) > 3 else "")
    return [
        f"{path}: '{name}'{more} holds the folders {some}, whose pictures count as '{name}'; name {path / name} as the "
        "source, or move them up, to make them classes."
    ]


def _unpacked_inside(path: Path, found: Mapping[str, Sequence[str]], nested: Nested) -> str:
    """Of photos/cat and photos/photos/cat."""
    known = set(map(same, found))
    for name, below in nested.items():
        twice = [one for one in below if same(one) in known]
        if len(twice) >= max(2, _MOST * len(below)):
            return (
                f"'{name}' holds folders of the same names as lie beside it, {_listed(twice)}; the archive may have "
                f"been unpacked twice. Name {path / name} as the source, or move it away; to make '{name}' a class, "
                "write data.form: folders."
            )
    return ""


def _unpacked_beside(path: Path, found: Mapping[str, Sequence[str]], nested: Nested) -> str:
    """Of photos/cat and 'photos (1)/cat' with the same files."""
    files = {name: Counter(_sizes(path, found[name])) for name in nested}
    for one, other in combinations(sorted(nested, key=lambda name: (len(name), name)), 2):
        if files[one] == files[other]:
            return (
                f"'{one}' and '{other}' hold the same files, by name and size; the archive may have been unpacked "
                f"twice. Name {path / one} as the source; to make classes of the two, write data.form: folders."
            )
    return ""


def _sizes(path: Path, files: Sequence[str]) -> list[tuple[str, int]]:
    """The files of a class from its folder, with their sizes; -1 for one that is not there any more."""
    found = []
    for file in files:
        try:
            size = (path / file).stat().st_size
        except OSError:
            size = -1
        found.append((file.partition("/")[2], size))
    return found


def _pattern(found: Mapping[str, Sequence[str]]) -> str:
    """What makes the folders within folders the classes."""
    alike = all(file.count("/") == 2 for files in found.values() for file in files)
    return "*/{label}/*" if alike else "[^/]+/(?P<label>[^/]+)/.+"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(shown, names[:_LISTED])) + (", ..." if len(names) > _LISTED else "")
