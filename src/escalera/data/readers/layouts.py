"""What a folder holds: tables, arrays, or folders of classes, perhaps a few folders further in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from escalera.core.errors import DataError
from escalera.data.options import OF_TABLES, Form, ReadOptions
from escalera.data.readers.array_names import holds_arrays
from escalera.data.readers.formats import promised
from escalera.data.readers.listing import Listing, shown
from escalera.data.readers.split_folders import folders, has_pictures, holds_pictures, split_folders
from escalera.data.readers.table_files import TABLES, table_files, tables, unread_tables

_DEEPEST, _LISTED = 4, 5
_SHEETS = (".xlsx", ".xls", ".xlsm", ".ods", ".numbers", ".feather", ".json", ".txt", ".dat")
"""Endings of tables that are not read."""
_PACKED = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar")
CALLED = {"folders": "folders of classes", "table": "a table", "arrays": "arrays"}


@dataclass(frozen=True)
class Layout:
    """Where a source lies and what of it is read; `notes` say what was guessed."""

    form: Form
    path: Path
    notes: list[str] = field(default_factory=list)


def find_layout(path: Path, options: ReadOptions) -> Layout:
    """What is read of a file or folder: as `options.form` says, else what is there, a table with images first.

    Raises DataError where there is nothing that is known.
    """
    if path.is_file():
        ending = path.suffix.lower()
        form: Form | None = "table" if ending in TABLES else "arrays" if ending in (".npz", ".npy") else None
        if form is None or (options.form or form) != form:
            raise _unknown(path, options)
        return Layout(form, path.parent if ending == ".npy" else path)
    place = path
    for _ in range(_DEEPEST):
        forms, below = _forms(place, options), _only_folder(place)
        # A folder that holds one folder of folders is no set of a single class: somebody unpacked an archive.
        if below is None or (forms and not (forms == ["folders"] and _classes(place, options) < 2)):
            break
        place = below
    if not forms and folders(path) and not _sources_below(path):
        return Layout("folders", path)  # which says what it lacks
    some = tables(place, *TABLES) if options.form is None and (not forms or "folders" in forms) else []
    if not forms:
        raise _several(place, some) if len(some) > 1 else _unknown(path, options)
    notes = [] if place == path else [f"{path}: read from {place}, the only folder in it that holds anything to read."]
    form = options.form or _preferred(place, forms, options)
    if some and form == "folders" and _classes(place, options) < 2:
        raise _several(place, some)
    if form not in forms:
        raise _unknown(path, options)
    if len(forms) > 1 and options.form is None:
        others = [other for other in forms if other != form]
        also = " and ".join(CALLED[other] for other in others)
        notes.append(f"{place} holds {CALLED[form]}, to be read, and {also}; data.form: {others[0]} reads the other.")
    return Layout(form, place, notes)


def _forms(path: Path, options: ReadOptions) -> list[Form]:
    """What a folder holds itself."""
    if options.splits:
        return [_named_form(path, options.splits.values())]
    found: list[Form] = []
    if table_files(path):
        found.append("table")
    if holds_arrays(path):
        found.append("arrays")
    classes = _classes(path, options)
    # One folder of pictures beside a table is where its pictures are.
    if options.label_pattern is not None or classes > 1 or (classes and not found):
        found.append("folders")
    return found


def _named_form(path: Path, names: Iterable[str]) -> Form:
    """What the splits that the user names are, there or not: tables and archives by their endings, else folders."""
    endings = {"" if (path / name).is_dir() else Path(name).suffix.lower() for name in names}
    return "table" if endings <= {*TABLES} else "arrays" if endings == {".npz"} else "folders"


def _classes(path: Path, options: ReadOptions) -> int:
    """How many folders of classes there are to learn from."""
    try:
        train = split_folders(path, options).folders["train"]
    except DataError:  # several folders for one split, or test without train: it says so when it is read
        return 2
    return sum(holds_pictures(train / name) for name in folders(train))


def _preferred(path: Path, forms: Sequence[Form], options: ReadOptions) -> Form:
    """Of several forms the one that says most: splits in folders, then a table with images, then folders of classes."""
    if len(forms) == 1:
        return forms[0]
    if "table" in forms and not options.given().keys().isdisjoint(OF_TABLES):
        return "table"  # and what is wrong with what was said of it is told
    if "folders" in forms and split_folders(path, options).are_given:
        return "folders"
    if "table" in forms:
        return "table" if "folders" not in forms or _has_images(path, options) else "folders"
    return "folders"


def _has_images(path: Path, options: ReadOptions) -> bool:
    """Whether the table of a folder has images."""
    from escalera.data.readers.tables import has_images

    return has_images(table_files(path), options)


def no_shape(path: Path, options: ReadOptions) -> None:
    """Raise DataError for a shape that is said of images which are files and have their own."""
    if options.shape is not None:
        raise DataError(
            f"data.shape: the images of {path} have sizes of their own; {list(options.shape)} is for images in rows of "
            "numbers. Take it out; data.image_size says what they are resized to."
        )


def read_table(path: Path, options: ReadOptions, faults: list[str] | None) -> Sequence[Listing]:
    """The splits of a table, or of the tables of a folder."""
    from escalera.data.readers.pixel_columns import pixel_columns
    from escalera.data.readers.tables import pictured_tables

    listings: Sequence[Listing]
    files = {"train": [path]} if path.is_file() else table_files(path, options.splits)
    if "train" not in files:
        raise DataError(f"{path} has {', '.join(files)} but no train. Name the file to learn from train.")
    listings = pixel_columns(files, options) or []
    if not listings:
        no_shape(path, options)
        listings = pictured_tables(files, options, faults)
    if path.is_dir() and (others := unread_tables(files)):
        listings[0].notes.append(f"{path}: not read: {', '.join(others)}, beside {listings[0].path.name}.")
    return listings


def _only_folder(path: Path) -> Path | None:
    """The one folder of a folder, where it holds no pictures and no other folder."""
    names = folders(path)
    return path / names[0] if len(names) == 1 and not has_pictures(path / names[0]) else None


def _sources_below(path: Path) -> list[Path]:
    """The folders in a folder that hold a table or arrays."""
    return [place for name in folders(path) if table_files(place := path / name) or holds_arrays(place)]


def _several(place: Path, some: Sequence[Path]) -> DataError:
    """Of tables none of which is called train, beside images in no folders of classes."""
    listed = ", ".join(shown(path.name) for path in some[:_LISTED]) + (", ..." if len(some) > _LISTED else "")
    return DataError(
        f"{place}: expected one table with the images, found {len(some)}: {listed}. Name it as the source, as "
        f"{some[0]}."
    )


def _unknown(path: Path, options: ReadOptions) -> DataError:
    what = "a folder with none of them" if path.is_dir() else "another kind of file"
    expected = (
        "a folder of classes, a parquet or CSV file (or a folder with train.parquet or one CSV), or a .npz"
        if options.form is None
        else f"{CALLED[options.form]} (data.form: {options.form})"
    )
    return DataError(f"{path}: expected {expected}; found {what}.{_hints(path)}")


def _hints(path: Path) -> str:
    """Where below a folder there is something to read, and how names that say the class are read."""
    from escalera.data.readers.sidecars import of_one_folder

    if not path.is_dir():
        ending = path.suffix.lower()
        if ending in _PACKED:
            return " Unpack it, and name the folder."
        if promised(path.name):
            return " It is one picture: name the folder that holds a folder of pictures for each class."
        return f" Save {shown(path.name)} as CSV." if ending in _SHEETS else ""
    if sources := _sources_below(path):
        return f" There are tables or arrays in {', '.join(shown(str(place)) for place in sources[:3])}: name one."
    return of_one_folder(path) + _of_one_class(path)


def _of_one_class(path: Path) -> str:
    """What is said of a folder of pictures that has others beside it, which are perhaps the other classes."""
    above = path.absolute().parent
    beside = [name for name in folders(above) if has_pictures(above / name)] if has_pictures(path) else []
    return f" If its pictures are those of one class, name {above}, which holds the others." if len(beside) > 1 else ""
