"""The sets below a data root that are made and changed in the browser: `<root>/<set>/<class>/<picture>`.

Whatever a page names is looked up among what is there, so that no name leads elsewhere; links are not followed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

from escalera.core.errors import DataError, RunError, nearest
from escalera.core.files import write_aside
from escalera.data.options import NOTHING_SAID
from escalera.data.readers.listing import left_by_system, many_files_state
from escalera.data.readers.natural import natural
from escalera.data.readers.split_folders import entries, is_picture, split_folders
from escalera.data.sources.registry import KNOWN
from escalera.studio.i18n import HintError
from escalera.studio.pictures.names import class_name, look, set_name

MOST = 20_000
"""Pictures of a set; a folder by hand may hold more."""
MOST_CLASSES = 1_000


class PictureSets:
    """The sets of one data root. One change at a time: two pages may be open."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = Lock()

    def names(self) -> list[str]:
        """The folders that hold folders alone, and no splits: those that can be changed here."""
        if not self.root.is_dir():
            return []
        return [entry.name for entry in entries(self.root) if _is_folder(entry) and self._is_set(entry)]

    def make(self, text: str) -> str:
        """Make an empty set; its name. Raises HintError for a name that cannot be, or is taken."""
        name = set_name(text)
        with self._lock:
            taken = [entry.name for entry in entries(self.root)] if self.root.is_dir() else []
            for other in taken:
                if look(other) == look(name) or look(other.rsplit(".", 1)[0]) == look(name):
                    raise HintError(f"there is a '{other}' in {self.root} already; take another name, or choose it")
            _making(self.root / name)
        return name

    def remove(self, name: str) -> None:
        """Remove a set with all its pictures."""
        with self._lock:
            shutil.rmtree(self._set(name))

    def classes(self, name: str) -> dict[str, list[str]]:
        """The classes of a set, in order, and the pictures of each, the newest first."""
        folder = self._set(name)
        found = {}
        for called in self.class_names(name):
            found[called] = [one.name for one in sorted(_pictures(folder / called), key=_age)]
        return found

    def class_names(self, name: str) -> list[str]:
        """The classes of a set, in order."""
        return sorted((entry.name for entry in entries(self._set(name)) if _is_folder(entry)), key=natural)

    def state(self, name: str) -> str:
        """A hash that changes when the pictures do."""
        files = [f"{called}/{file}" for called, files in self.classes(name).items() for file in sorted(files)]
        return many_files_state(self._set(name), files)

    def add_class(self, name: str, text: str) -> str:
        """Add a class; its name. Raises HintError for a name that cannot be, or that another class looks like."""
        called = class_name(text)
        with self._lock:
            self._check_free(name, called)
            _making(self._set(name) / called)
        return called

    def rename_class(self, name: str, old: str, text: str) -> str:
        """Give a class another name, which may differ in capitals alone."""
        called = class_name(text)
        with self._lock:
            folder = self._class(name, old)
            self._check_free(name, called, but=old)
            try:
                folder.rename(folder.parent / called)
            except OSError as error:
                raise DataError(f"'{old}' could not be called '{called}': {error.strerror}") from error
        return called

    def remove_class(self, name: str, called: str) -> None:
        """Remove a class with its pictures."""
        with self._lock:
            shutil.rmtree(self._class(name, called))

    def add(self, name: str, called: str, file: str, content: bytes) -> bool:
        """Put a picture into a class; False where it is there already.

        Raises DataError where the class is gone, the set is full, or the disk: then nothing has changed.
        """
        with self._lock:
            path = self._class(name, called) / file
            if path.exists():
                return False
            if sum(len(_pictures(path.parents[1] / one)) for one in self.class_names(name)) >= MOST:
                raise DataError(f"the set is full: {MOST:,} pictures are the most that are taken here")
            try:
                write_aside(path, lambda stream: stream.write(content), sync=False)
            except RunError as error:
                why = getattr(error.__cause__, "strerror", None) or "it cannot be written"
                raise DataError(f"the picture was not kept: {why}; free some space, and send it again") from error
        return True

    def files(self, name: str, called: str, files: Iterable[str]) -> list[Path]:
        """Those of some files that are pictures of a class, where they lie."""
        folder = self._class(name, called)
        there = {entry.name for entry in _pictures(folder)}
        return [folder / file for file in dict.fromkeys(files) if file in there]

    def move(self, name: str, called: str, files: Iterable[str], to: str) -> int:
        """Move pictures into another class, under a free name where theirs is taken; how many there were."""
        with self._lock:
            target, found = self._class(name, to), self.files(name, called, files)
            for path in found if to != called else []:
                path.rename(_free(target / path.name))
        return len(found)

    def remove_files(self, name: str, called: str, files: Iterable[str]) -> int:
        """Remove pictures of a class; how many there were."""
        with self._lock:
            found = self.files(name, called, files)
            for path in found:
                path.unlink(missing_ok=True)
        return len(found)

    def _set(self, name: str) -> Path:
        there = entries(self.root) if self.root.is_dir() else ()
        if not any(entry.name == name and _is_folder(entry) and self._is_set(entry) for entry in there):
            raise HintError(f"there is no set '{name[:60]}' in {self.root}; {nearest(name[:60], self.names())}")
        return self.root / name

    def _class(self, name: str, called: str) -> Path:
        folder = self._set(name)
        names = self.class_names(name)
        if called not in names:
            raise HintError(f"there is no class '{called[:60]}' in '{name}'; {nearest(called[:60], names)}")
        return folder / called

    def _check_free(self, name: str, called: str, but: str | None = None) -> None:
        names = [entry.name for entry in entries(self._set(name))]
        if len(names) >= MOST_CLASSES:
            raise HintError(f"expected {MOST_CLASSES:,} classes at most, and there are as many")
        for other in names:
            if other != but and look(other) == look(called):
                same = "is there already" if other == called else f"looks like '{other}', which is there already"
                raise HintError(f"the class '{called}' {same}; take another name")

    def _is_set(self, entry: os.DirEntry[str]) -> bool:
        if entry.name.casefold() in KNOWN:
            return False
        with contextlib.suppress(DataError):  # a folder that cannot be read, or has splits that are not whole
            inside = [one for one in entries(Path(entry.path)) if not left_by_system(one.name)]
            return all(map(_is_folder, inside)) and not split_folders(Path(entry.path), NOTHING_SAID).are_given
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) and not left_by_system(entry.name)


def _pictures(folder: Path) -> list[os.DirEntry[str]]:
    """The pictures that lie in a folder."""
    files = (one for one in entries(folder) if one.is_file(follow_symlinks=False) and not left_by_system(one.name))
    return [one for one in files if is_picture(folder, one.name)]


def _age(entry: os.DirEntry[str]) -> tuple[int, str]:
    with contextlib.suppress(OSError):  # it was removed just now
        return -entry.stat(follow_symlinks=False).st_mtime_ns, entry.name
    return 0, entry.name


def _making(folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise HintError(f"there is a '{folder.name}' already; take another name") from None
    except OSError as error:
        raise DataError(f"the folder {folder} could not be made: {error.strerror}") from error


def _free(path: Path) -> Path:
    number, found = 2, path
    while found.exists():
        found = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return found
