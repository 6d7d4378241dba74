"""A path that somebody wrote elsewhere, as the file that it means: inside one folder, and never outside.

It is taken as it is written where that is a file. Else it may have been written on Windows, with accents composed
otherwise (a Mac's file system takes them apart), in other capitals, or without the ending.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath

from escalera.core.names import composed, same
from escalera.data.readers.formats import promised
from escalera.data.readers.listing import left_by_system

_DEEPEST, _MOST = 6, 500_000
"""Folders within folders, and files, that are looked through for a name that is not where it should be."""

_LOOKED_AT = 100
"""Names in a folder that are looked at for files without an ending."""

Names = dict[str, list[str]]


ABSOLUTE = "it is absolute"


def fault(name: str) -> str | None:
    """Why a path is not opened, whatever the system it was written on."""
    if "://" in name:
        return "it is an address, and nothing is fetched"
    windows = PureWindowsPath(name)
    if PurePosixPath(name).is_absolute() or windows.is_absolute() or windows.drive or windows.root:
        return ABSOLUTE
    depth = 0
    for part in name.replace("\\", "/").split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        if depth < 0:
            return "it leaves the folder"
    return None


class Tree:
    """The files below a folder, looked up by their paths from it, with slashes; each folder is read once at most."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = root.resolve()
        self._reals: dict[str, Path] = {}
        self._listed: dict[str, tuple[Names, Names]] = {}
        self._below: list[str] | None = None

    def files(self, path: str, ending: str | None = None) -> list[str]:
        """The files that a path may mean, the likeliest alone where one is likelier; ask `fault` before.

        `ending` is put behind a path that lacks it; None finds it out, for a path that ends as no image does.
        """
        wanted = path if ending is None or path.lower().endswith(ending.lower()) else path + ending
        wanted = posixpath.normpath(wanted)
        if self._is_file(wanted):
            return [wanted]
        above, _, last = wanted.rpartition("/")
        folders = [""]
        for part in filter(None, above.split("/")):
            folders = [posixpath.join(folder, name) for folder in folders for name in self._fitting(folder, part)]
        found = self._files_in(folders, lambda folder: self._fitting(folder, last))
        if not found and ending is None and not promised(last):
            found = self._files_in(folders, lambda folder: self._list(folder)[1].get(same(last), []))
        return found

    def holds(self, path: str) -> bool:
        """Whether a file or folder really lies here, and is no link that leads elsewhere."""
        above, _, name = path.rpartition("/")
        if above not in self._reals:
            self._reals[above] = (self.root / above).resolve()
        whole = self._reals[above] / name
        return (whole.resolve() if whole.is_symlink() else whole).is_relative_to(self._real)

    def folders(self) -> list[str]:
        """The folders with images, itself as ""; where they are too many or too deep, not all."""
        if self._below is None:
            self._below = sorted(self._walk("", 0, [_MOST]))
        return self._below

    def inside(self, path: str) -> str | None:
        """An absolute path from here; None for one that is elsewhere."""
        given = Path(os.path.normpath(path))
        roots = (self.root.absolute(), self._real)
        return next((given.relative_to(root).as_posix() for root in roots if given.is_relative_to(root)), None)

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder."""
        try:
            return (self.root / path).is_dir()
        except (OSError, ValueError):
            return False

    def _is_file(self, path: str) -> bool:
        try:
            return (self.root / path).is_file()
        except (OSError, ValueError):  # a name that is too long, or with a null character
            return False

    def _files_in(self, folders: list[str], names: Callable[[str], list[str]]) -> list[str]:
        found = [posixpath.join(folder, name) for folder in folders for name in names(folder)]
        return [path for path in found if self._is_file(path)]

    def _fitting(self, folder: str, part: str) -> list[str]:
        """The names in a folder that a part of a path may mean: the same, else with other accents, else capitals."""
        names = self._list(folder)[0].get(same(part), [])
        written = [name for name in names if name == part]
        return written or [name for name in names if composed(name) == composed(part)] or names

    def _list(self, folder: str) -> tuple[Names, Names]:
        """The names in a folder, and those of images without their ending, by what is the `same` in them."""
        if folder not in self._listed:
            names: Names = {}
            stems: Names = {}
            for name in _names(self.root / folder):
                names.setdefault(same(name), []).append(name)
                if promised(name) and not left_by_system(name):
                    stems.setdefault(same(posixpath.splitext(name)[0]), []).append(name)
            self._listed[folder] = names, stems
        return self._listed[folder]

    def _walk(self, folder: str, depth: int, left: list[int]) -> Iterator[str]:
        """The folders with images, or with files that have no ending, from one on; links are not followed."""
        names = [name for alike in self._list(folder)[0].values() for name in alike if not left_by_system(name)]
        left[0] -= len(names)
        bare = (name for name in names[:_LOOKED_AT] if "." not in name)
        if any(map(promised, names)) or any(self._is_file(posixpath.join(folder, name)) for name in bare):
            yield folder
        for path in (posixpath.join(folder, name) for name in names if not promised(name)):
            deeper = depth < _DEEPEST and left[0] > 0 and self.is_folder(path)
            if deeper and not (self.root / path).is_symlink():
                yield from self._walk(path, depth + 1, left)


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as found:
            return sorted(entry.name for entry in found)
    except (OSError, ValueError):
        return []
