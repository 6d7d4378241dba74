"""The rows that a person asks a model about: pictures one by one, those of folders, or the rows of a table.

names       what each row's answer is called: its file or files
attributes  {column: value} of each row; none for a model that reads none
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalera.core.errors import DataError
from escalera.data.input_spec import Learned
from escalera.data.options import ReadOptions
from escalera.data.query.images import no_such_file, read_picture
from escalera.data.readers.class_folders import pictures_below
from escalera.data.readers.listing import Raw, Several, in_parts, shown
from escalera.data.readers.paths import fault
from escalera.data.readers.table_files import TABLES

if TYPE_CHECKING:
    from escalera.data.readers.image_table import PicturedTable
    from escalera.data.readers.some_rows import Table

_IN_NOTE = 3
_NEXT = re.compile(r",(?=[^,=]*=)")
"""A comma that a name and = follow: that of 1,5 stays in its value."""


@dataclass(frozen=True)
class Query:
    """Rows in order; `pictures` reads the files of some at a time, None where the model looks at no pictures.

    `numbers` counts the rows of a table from 0; None for files. `notes` is what a person should know.
    """

    names: Sequence[str]
    pictures: Callable[[], Iterator[list[Raw]]] | None
    attributes: Sequence[Mapping[str, Any]] = ()
    numbers: Sequence[int] | None = None
    notes: list[str] = field(default_factory=list)


def about_files(paths: Sequence[Path], attributes: Sequence[str], learned: Learned) -> Query:
    """Pictures, and all that lie in folders among them; attributes as they are typed, once for each row in order.

    Raises DataError for numbers that do not go together, folders without pictures, and attributes that are none.
    """
    rows = [parse_attributes(text) for text in attributes]
    files: list[Path] = []
    notes: list[str] = []
    for path in paths:
        if path.suffix.lower() in TABLES and not path.is_dir():
            raise DataError(f"{path}: a table is asked about alone: expected nothing beside it")
        files += _in_folder(path, learned, notes) if path.is_dir() else [path]
    each = learned.together
    count = learned.rows_of(len(files)) if files else len(rows)
    if rows and len(rows) != count:
        raise DataError(f"expected --attributes once for each of {count:,} rows, received {len(rows):,}")
    together = [files[n * each : (n + 1) * each] for n in range(count)]
    names = [", ".join(map(str, some)) if some else attributes[n] for n, some in enumerate(together)]
    return Query(names, (lambda: _read(together, learned)) if files else None, rows, notes=notes)


def about_table(path: Path, learned: Learned, options: ReadOptions, *, reads_pictures: bool) -> Query:
    """The rows of a CSV or parquet file: paths, encoding and decimal commas are read as in training.

    Raises DataError for one that cannot be read, and for columns that are absent.
    """
    from escalera.data.readers.tables import open_table, unlabelled_table

    if not path.exists():
        raise DataError(f"{path}: {no_such_file(path)}")
    if not reads_pictures:
        table = open_table("test", [path], options)
        return Query([str(path)] * table.rows, None, _values(table, learned), range(table.rows), list(table.notes))
    folder = options.image_folder
    understood = replace(
        options,
        image_column=learned.image_columns or options.image_column,
        # The new table may lie beside its pictures, whatever the old one did.
        image_folder=folder if folder and not fault(folder) and (path.parent / folder).is_dir() else None,
    )
    listing = unlabelled_table(path, understood)
    names = [_name(listing, row) for row in range(listing.rows)]
    attributes = _values(listing.source, learned) if learned.columns else []
    return Query(names, listing.pictures, attributes, range(listing.rows), listing.notes)


def parse_attributes(text: str) -> dict[str, Any]:
    """`bedrooms=3, area=, zipcode=92880`, or a JSON object -> {column: value}; nothing after = is a missing value.

    A value may hold a comma, as 1,5 does. Raises DataError for anything else.
    """
    if text.lstrip().startswith("{"):
        try:
            return dict(json.loads(text))
        except (ValueError, RecursionError) as error:
            raise DataError(f"--attributes: expected a JSON object, received {text!r:.80}: {error}") from error
    pairs = [part.partition("=") for part in _NEXT.split(text)]
    names = [name.strip() for name, _, _ in pairs]
    if not all(name and equals for name, (_, equals, _) in zip(names, pairs, strict=True)):
        raise DataError(f"--attributes: expected column=value, column=value, received {text!r:.80}")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f"--attributes: '{twice[0]}' is given twice in {text!r:.80}")
    return {name: value.strip() or None for name, (_, _, value) in zip(names, pairs, strict=True)}


def _in_folder(folder: Path, learned: Learned, notes: list[str]) -> list[Path]:
    if learned.several:
        raise DataError(
            f"{folder}: this run sees {learned.together} pictures of each row together ({', '.join(learned.several)}), "
            "and a folder does not say which belong together: give a CSV with these columns, or the pictures in order"
        )
    files, others = pictures_below(folder)
    if not files:
        tables = [name for name in others if Path(name).suffix.lower() in TABLES]
        hint = f"; there is a table, {folder / tables[0]}" if tables else ""
        raise DataError(f"{folder}: there is no picture in this folder{hint}")
    if others:
        more = f", and {len(others) - _IN_NOTE:,} more" if len(others) > _IN_NOTE else ""
        listed = ", ".join(map(shown, others[:_IN_NOTE]))
        notes.append(f"{folder}: left out, since they are no pictures: {listed}{more}.")
    return [folder / name for name in files]


def _read(rows: Sequence[Sequence[Path]], learned: Learned) -> Iterator[list[Raw]]:
    return in_parts(_raw(row, learned) for row in rows)


def _raw(row: Sequence[Path], learned: Learned) -> Raw:
    found = [_content(path) for path in row]
    if len(found) == 1:
        return found[0]
    return Several(
        {f"{name} ({shown(str(path))})": raw for name, path, raw in zip(learned.several, row, found, strict=True)}
    )


def _content(path: Path) -> Raw:
    try:
        return read_picture(path)
    except DataError as error:
        return error


def _name(listing: PicturedTable, row: int) -> str:
    """The file or files of a row as the table has them; the table itself where it holds the pictures."""
    return ", ".join(listing.file_names(row)) or str(listing.path)


def _values(table: Table, learned: Learned) -> list[dict[str, Any]]:
    """The attributes of the rows that the table has; which are absent is told where they are needed."""
    rows: list[dict[str, Any]] = table.read(
        [name for name in learned.columns or [] if name in table.schema.names]
    ).to_pylist()
    return rows if rows else [{}] * table.rows
