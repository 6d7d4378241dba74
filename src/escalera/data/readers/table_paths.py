"""The files that a column of a table names: beside the table, or in a folder below it, with or without their ending.

What was guessed to find them is said in a line each, with the key of `data` that overrules it.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from escalera.core.errors import DataError, nearest
from escalera.core.names import composed, same
from escalera.data.home import is_there
from escalera.data.options import NOTHING_SAID, ReadOptions
from escalera.data.readers.listing import shown
from escalera.data.readers.paths import ABSOLUTE, Tree, fault

_TRIED = 100
"""Names of a column that say in which folder all of them are."""
_NEARLY = 0.9
"""The share of a column's names that have to be those of images for it to be taken for their column."""
_LISTED = 3
_HINTS = 10
"""Files that are not there of which it is said where one of the same name is: as many as a message lists."""
_ABSENT = "cannot be read: No such file or directory"

Way = Literal["windows", "accents", "capitals", "ending"]
"""How a path that is no file was understood all the same."""
_TEXTS: dict[Way, tuple[str, str]] = {
    "windows": (
        "path has backslashes, as on Windows, and is read with slashes",
        "paths have backslashes, as on Windows, and are read with slashes",
    ),
    "accents": (
        "path writes its accents otherwise than the file",
        "paths write their accents otherwise than the files",
    ),
    "capitals": ("path has other capitals than the file", "paths have other capitals than the files"),
}
"""What is said of one path that was understood so, and of several."""


class OutsideError(DataError):
    """A path that is not opened, whatever is there: it leads out of the folder of its table."""


Named = str | DataError | None
"""A file, from the folder of the table; why there is none; or nothing, where the row names none."""


@dataclass(frozen=True)
class Found:
    """The files of a column of paths, in order, and what was guessed to find them."""

    files: list[Named]
    notes: list[str] = field(default_factory=list)


def find_files(table: Path, column: str, names: Sequence[str | None], options: ReadOptions = NOTHING_SAID) -> Found:
    """The file of each path in a column, in `options.image_folder` and with `image_ending`, or where they are.

    Nothing outside the folder of the table is a file of it. Raises DataError for settings that name no folder in it or
    no ending, and where several folders have all that is named.
    """
    tree, ending = Tree(table.parent), _named_ending(options)
    named = _named_folder(tree, options)
    folders = [named] if named is not None else _guessed_folders(tree, table, column, names, ending)
    ways = Counter[Way]()
    endings: set[str] = set()
    files: list[Named] = []
    hints = _HINTS
    for name in names:
        found, how = _file(tree, folders, name, ending) if name else (None, [])
        if name and hints and isinstance(found, DataError) and str(found) in (_ABSENT, ABSOLUTE):
            hints -= 1
            found = _with_hint(tree, table.absolute().parent, name, found)
        files.append(found)
        ways.update(how)
        if isinstance(found, str) and "ending" in how:
            endings.add(posixpath.splitext(found)[1])
    return Found(files, _notes(table, folders, sorted(endings), ways, options))


def names_files(table: Path, names: Sequence[str | None], options: ReadOptions = NOTHING_SAID) -> bool:
    """Whether some names of a column are those of images, each of another, beside the table or below its folder."""
    tree, ending, named = Tree(table.parent), _named_ending(options), _named_folder(Tree(table.parent), options)
    known = [name for name in names[:_TRIED] if name]
    hits = {name for name in known if _places(tree, name, ending, None if named is None else [named], exact=True)}
    return bool(hits) and len(hits) >= _NEARLY * len(known)


def _file(tree: Tree, folders: Sequence[str], name: str, ending: str | None) -> tuple[Named, list[Way]]:
    """The file that a path means, and how it was understood."""
    if wrong := fault(name):
        within = tree.inside(name) if wrong == ABSOLUTE else None
        if within is None:
            return OutsideError(wrong), []
        name, folders = within, [""]
    bare = name.strip()
    slashes: tuple[Way, ...] = ("windows",) if "\\" in bare else ()
    tried: dict[str, tuple[Way, ...]] = {bare.replace("\\", "/"): slashes, bare: (), name: ()}
    for path, how in reversed(tried.items()):
        whole = [posixpath.normpath(posixpath.join(folder, path)) for folder in folders]
        found = {file: one for one in whole for file in tree.files(one, ending)}
        if len(found) > 1:
            return DataError(f"{len(found)} files fit: {', '.join(map(shown, list(found)[:_LISTED]))}"), []
        for file, one in found.items():
            if not tree.holds(file):
                return OutsideError("it is a link that leads out of the folder"), []
            return file, [*how, *_other(file, one)]
    return DataError(_ABSENT), []


def _with_hint(tree: Tree, root: Path, name: str, error: DataError) -> DataError:
    """Why a file is none, and where one of its name is, in `root` or from the folder above."""
    last = name.strip().replace("\\", "/").rpartition("/")[2]
    found = [file for folder in tree.folders() for file in tree.files(posixpath.join(folder, last))] if last else []
    if found or fault(name) or not is_there(root.parent / name.strip()):
        return type(error)(f"{error}; there is {shown(found[0])}") if len(found) == 1 else error
    return type(error)(f"{error}; it is there from {root.parent}: move the table to that folder")


def _other(file: str, path: str) -> list[Way]:
    """What a file has other than the path that it was found by."""
    if file == path:
        return []
    if same(file) != same(path):
        return ["ending"]
    return ["accents"] if composed(file) == composed(path) else ["capitals"]


def _guessed_folders(
    tree: Tree, table: Path, column: str, names: Sequence[str | None], ending: str | None
) -> list[str]:
    """Where the images lie: beside the table where one of the first names is a file there, else where each is found.

    Raises DataError where several folders have all of them.
    """
    some = [name for name in names if name and not fault(name)][:_TRIED]
    if not some or any(_places(tree, name, ending, [""]) for name in some):
        return [""]
    places = [found for name in some if (found := _places(tree, name, ending))]
    common = sorted(set.intersection(*map(set, places))) if places else []
    if len(common) > 1:
        raise DataError(
            f"{table}: {len(common)} folders hold the files that column '{column}' names: "
            f"{', '.join(map(shown, common[:_LISTED]))}{', ...' if len(common) > _LISTED else ''}. Say which one with "
            f"data.image_folder: {shown(common[0])}."
        )
    # Else as HAM10000 has them: each in one of several folders.
    each = sorted({found[0] for found in places}) if all(len(found) == 1 for found in places) else []
    return common or each or [""]


def _places(
    tree: Tree, name: str, ending: str | None, folders: Iterable[str] | None = None, *, exact: bool = False
) -> list[str]:
    """The folders in which a name is that of an image; `exact`: not by another way to write its capitals."""
    if fault(name):
        return []
    path = name.strip().replace("\\", "/")
    found = []
    for folder in tree.folders() if folders is None else folders:
        whole = posixpath.normpath(posixpath.join(folder, path))
        files = tree.files(whole, ending)
        if any(not exact or composed(file).startswith(composed(whole)) for file in files):
            found.append(folder)
    return found


def _named_folder(tree: Tree, options: ReadOptions) -> str | None:
    """`data.image_folder`, from the table's folder; raises DataError where it is not inside, or not there."""
    given = options.image_folder
    if given is None:
        return None
    within = tree.inside(given) if fault(given) == ABSOLUTE else given
    folder = posixpath.normpath((within or "..").replace("\\", "/"))
    folder = "" if folder == "." else folder
    if within is None or fault(within) or not tree.holds(folder):
        raise DataError(
            f"data.image_folder: expected a folder inside {tree.root}, received '{given}'. Nothing outside the folder "
            "of a table is opened: put the images there, or the table beside them."
        )
    if not tree.is_folder(folder):
        known = [name for name in tree.folders() if name]
        raise DataError(f"data.image_folder: {tree.root} has no folder '{given}'; {nearest(given, known)}")
    return folder


def _named_ending(options: ReadOptions) -> str | None:
    """`data.image_ending` with its point; raises DataError for what is a path."""
    given = options.image_ending
    if given and ("/" in given or "\\" in given):
        raise DataError(f"data.image_ending: expected the end of the files' names, as .jpg, received '{given}'.")
    return f".{given}" if given and "." not in given else given


def _notes(
    table: Path, folders: Sequence[str], endings: Sequence[str], ways: Counter[Way], options: ReadOptions
) -> list[str]:
    """What was guessed, a line each."""
    completed = []
    if options.image_folder is None and list(folders) != [""]:
        some = ", ".join(shown(folder) or "." for folder in folders[:_LISTED])
        more = f", and {len(folders) - _LISTED:,} more" if len(folders) > _LISTED else ""
        completed.append(f"in the folder{'s' if len(folders) > 1 else ''} {some}{more} (data.image_folder)")
    if options.image_ending is None and endings:
        completed.append(f"with the ending {', '.join(endings)} (data.image_ending)")
    return [
        *([f"{table.name}: the images are looked for {' and '.join(completed)}."] if completed else []),
        *(f"{table.name}: {ways[way]:,} {texts[ways[way] > 1]}." for way, texts in _TEXTS.items() if ways[way]),
    ]
