"""The splits that tables list: a file for each, or one whose column says which rows are which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from escalera.core.errors import DataError
from escalera.data.column import guess
from escalera.data.options import NOTHING_SAID, ReadOptions
from escalera.data.readers.columns import (
    LOOKED_AT,
    Columns,
    choose,
    image_columns,
    is_path,
    looks_like_label,
    picture_columns,
)
from escalera.data.readers.csv_file import csv_table, no_names, two_tables
from escalera.data.readers.image_table import PicturedTable
from escalera.data.readers.json_lines import json_lines
from escalera.data.readers.listing import SPLITS
from escalera.data.readers.parquet import parquet_table
from escalera.data.readers.some_rows import SomeRows, Table
from escalera.data.readers.split_column import split_column
from escalera.data.readers.table_paths import Named, find_files, names_files
from escalera.data.readers.written_labels import one_hot_columns, some, without_other_classes

_ENOUGH = 20
"""Rows from which a column with one value is no column of classes."""
_NAMES_OF_IMAGES = ("id", "image_id", "img_id", "image", "img", "filename", "file", "name", "imagen", "foto")
"""Columns that may hold the names of images without their ending, the likeliest first."""


def pictured_tables(
    files: dict[str, list[Path]], options: ReadOptions = NOTHING_SAID, faults: list[str] | None = None
) -> list[PicturedTable]:
    """The splits that tables list, train first.

    With `faults`, what cannot be guessed is noted there, and a choice is made all the same. A split whose table has no
    labels is left out with a note. Raises DataError for files that cannot be read, columns that cannot be had, and for
    a split that two tables have.
    """
    if options.shape is not None:
        raise DataError(
            f"data.shape: {files['train'][0]} has no columns of pixels; {list(options.shape)} needs a CSV file of "
            "them. Write data.image_size to resize images."
        )
    tables = {split: open_table(split, files[split], options) for split in SPLITS if split in files}
    _check_no_csv(tables.values(), options)
    found: dict[str, PicturedTable] = {}
    for split, table in tables.items():
        train = found.get("train")
        if train is not None and split != "train" and _unlabelled(table, train, options):
            train.notes.append(
                f"{table.path}: left out, since it has no labels; {split} is cut out of train. `escalera predict` "
                "answers for its images."
            )
            continue
        for listing in _listings(split, table, _as_in_train(options, table, train), faults):
            if listing.split in found:
                raise DataError(
                    f"rows of {listing.split} are in {found[listing.split].path} and in {listing.path}, by a column of "
                    "splits. Take them out of one, or write data.split_column: false to go by the files."
                )
            found[listing.split] = listing
    if "train" not in found:
        raise DataError(f"{next(iter(tables.values())).path} has no rows of train.")
    return [found[split] for split in SPLITS if split in found]


def has_images(files: dict[str, list[Path]], options: ReadOptions) -> bool:
    """Whether the table of train has images and labels; not where it cannot be read, nor tell which images they are.

    Two folders of train with a table each have some: these are no classes, and reading them says what is wrong.
    """
    if len({path.parent for path in files["train"]}) > 1:
        return True
    try:
        source = open_table("train", files["train"], options)
        images = [options.image_column] if isinstance(options.image_column, str) else options.image_column
        found = list(images or _pictures(source))
        if not found and (named := _named_images(source, options, None)):
            find_files(source.path, named, source.texts(named), options)
            found = [named]
        others = [part for part in source.schema if part.name not in found]
        return bool(found) and (options.target is not None or any(map(looks_like_label, others)))
    except (DataError, KeyError):
        return False


def _pictures(source: Table) -> list[str]:
    return picture_columns(source.schema, source.read(_texts(source), LOOKED_AT))


def _texts(source: Table) -> list[str]:
    return [part.name for part in source.schema if is_path(part.type)]


def open_table(split: str, files: list[Path], options: ReadOptions = NOTHING_SAID) -> Table:
    """A CSV file, or the parquet files of a split; raises DataError for what cannot be read."""
    if files[0].suffix.lower() == ".parquet":
        return parquet_table(files)
    if len(files) > 1:
        raise two_tables(split, files)
    return json_lines(files[0]) if files[0].suffix.lower() == ".jsonl" else csv_table(files[0], options)


def _listings(split: str, source: Table, options: ReadOptions, faults: list[str] | None) -> list[PicturedTable]:
    """The listings of one table: several where a column says which rows are which."""
    column, rows, notes = split_column(split, source, options, faults)
    named, of_images = _with_images(source, options, column)
    named, of_classes = _with_classes(source, named, column)
    head = source.read(_texts(source), LOOKED_AT)
    columns = choose(source.path, source.schema, head, named, faults, [column], lambda names: _no_labels(source, names))
    columns, of_others = without_other_classes(source, columns)
    written, files, found = _files(source, columns.images, options)
    notes = [*source.notes, *notes, *of_images, *of_classes, *of_others, *found, *_repeated(source, columns, files)]
    if not rows:
        return [PicturedTable(split, source, columns, written, files, notes)]
    return [
        PicturedTable(
            part,
            SomeRows(source, chosen),
            columns,
            {image: [names[row] for row in chosen] for image, names in written.items()},
            {image: [some[row] for row in chosen] for image, some in files.items()},
            notes if number == 0 else [],
        )
        for number, (part, chosen) in enumerate(rows.items())
    ]


def unlabelled_table(path: Path, options: ReadOptions = NOTHING_SAID) -> PicturedTable:
    """A table whose images are asked about: which column holds labels, where one does, says nothing here.

    Raises DataError as `pictured_tables` does.
    """
    source = open_table("test", [path], options)
    named, notes = _with_images(source, options)
    images = image_columns(source.path, source.schema, _pictures(source), named)
    written, files, found = _files(source, images, options)
    return PicturedTable("test", source, Columns(images, None, []), written, files, [*source.notes, *notes, *found])


def _files(
    source: Table, images: Sequence[str], options: ReadOptions
) -> tuple[dict[str, list[str | None]], dict[str, list[Named]], list[str]]:
    """What the columns of paths say, the files that these mean, and what was guessed to find them."""
    written: dict[str, list[str | None]] = {}
    files: dict[str, list[Named]] = {}
    notes: list[str] = []
    for image in images:
        names = source.texts(image)
        if any(names) or is_path(source.schema.field(image).type):
            found = find_files(source.path, image, names, options)
            written[image], files[image] = names, found.files
            notes += [note for note in found.notes if note not in notes]
    if not files:
        check_no_paths(source.path, options)
    return written, files, notes


def _no_labels(source: Table, names: Sequence[str]) -> list[str]:
    """The columns that number the rows, or hold one value or none; a few rows say nothing of that."""
    if source.rows < _ENOUGH:
        return []
    table = source.read(list(names))
    return [name for name in names if guess(table, name)[1] in ("row_number", "constant", "empty")]


def _repeated(source: Table, columns: Columns, files: Mapping[str, Sequence[Named]]) -> list[str]:
    """How many files are in several rows, and how many of these have different labels."""
    if len(columns.images) > 1 or not files:
        return []
    labels = source.texts(columns.label) if columns.label else [None] * source.rows
    by_file: dict[str, list[str | None]] = {}
    for file, label in zip(files[columns.images[0]], labels, strict=True):
        if isinstance(file, str):
            by_file.setdefault(file, []).append(label)
    several = [some for some in by_file.values() if len(some) > 1]
    if not several:
        return []
    at_odds = sum(len(set(some)) > 1 for some in several)
    if len(several) == 1:
        return [f"{source.path.name}: 1 image is in several rows{', with different labels' if at_odds else ''}."]
    more = f", {at_odds:,} of them with different labels" if at_odds else ""
    return [f"{source.path.name}: {len(several):,} images are in several rows{more}."]


def _with_images(source: Table, options: ReadOptions, aside: str | None = None) -> tuple[ReadOptions, list[str]]:
    """The options with the column of names of images without their ending, where no other holds images; a note."""
    if options.image_column is not None or _pictures(source):
        return options, []
    image = _named_images(source, options, aside)
    if image is None:
        return options, []
    note = f"{source.path.name}: column '{image}' names the images (data.image_column)."
    return replace(options, image_column=image), [note]


def _with_classes(source: Table, options: ReadOptions, aside: str | None) -> tuple[ReadOptions, list[str]]:
    """The options with the columns of 0 and 1 for each class, where these are the labels; a note."""
    if options.label_column is not None or options.target is not None:
        return options, []
    images = [options.image_column] if isinstance(options.image_column, str) else options.image_column or []
    taken = {*_pictures(source), *images, aside, options.group}
    ones = one_hot_columns(source, [name for name in source.schema.names if name not in taken])
    if not ones:
        return options, []
    note = (
        f"{source.path.name}: each of the columns {some(ones)} is a class, being 0 and 1; data.label_column names "
        "another column of labels."
    )
    empty = [name for name in ones if not pc.any(source.read([name]).column(0).cast(pa.bool_())).as_py()]
    none = [f"{source.path.name}: no row is {some(empty)}."] if empty else []
    return replace(options, label_column=ones), [note, *none]


def _named_images(source: Table, options: ReadOptions, aside: str | None) -> str | None:
    """The column whose values are the names of images without their folder or ending; None where there is none."""
    names: list[str] = source.schema.names
    for name in sorted(names, key=_likely):
        kind = source.schema.field(name).type
        if name in (options.label_column, options.group, options.target, aside):
            continue
        if (is_path(kind) or pa.types.is_integer(kind)) and names_files(source.path, source.texts(name), options):
            if names_files(source.path, [name], options):
                raise no_names(source.path, name)
            return name
    return None


def _likely(name: str) -> int:
    folded = name.casefold()
    return _NAMES_OF_IMAGES.index(folded) if folded in _NAMES_OF_IMAGES else len(_NAMES_OF_IMAGES)


def _as_in_train(options: ReadOptions, table: Table, train: PicturedTable | None) -> ReadOptions:
    """The options with the columns of train, where a table of another split has them too."""
    if train is None:
        return options
    names, columns = set(table.schema.names), train.columns
    if options.image_column is None and names.issuperset(columns.images):
        options = replace(options, image_column=columns.images if len(columns.images) > 1 else columns.images[0])
    label = columns.one_hot or columns.label
    if options.label_column is None and label and names.issuperset([label] if isinstance(label, str) else label):
        options = replace(options, label_column=label)
    return options


def _unlabelled(table: Table, train: PicturedTable, options: ReadOptions) -> bool:
    """Whether a table lacks the labels that train has, as a competition's test does."""
    wanted = [name for name in (options.target or train.columns.label, *train.columns.one_hot) if name]
    there = [name for name in wanted if name in table.schema.names]
    if wanted and not there:
        # Another column may hold them, where this table has one that train has not.
        others = set(table.schema.names) - set(train.source.schema.names)
        return options.target is not None or not any(looks_like_label(table.schema.field(name)) for name in others)
    return bool(there) and all(_says_nothing(table.written(name)) for name in there)


def _says_nothing(column: pa.ChunkedArray) -> bool:
    """Whether a column is empty, or holds -1 in every row, as the hub and Kaggle write what is kept secret."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts = pc.utf8_trim_whitespace(column)
        return bool(pc.all(pc.match_substring_regex(texts.fill_null(""), r"^(-1(\.0*)?)?$")).as_py())
    if column.null_count == len(column):
        return True
    number = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    return bool(number and pc.all(pc.equal(column, -1)).as_py() and column.null_count == 0)


def _check_no_csv(tables: Iterable[Table], options: ReadOptions) -> None:
    """Raise DataError for what is said of how a CSV file is written, where none is read."""
    for key, value in (("encoding", options.encoding), ("decimal", options.decimal)):
        for table in tables:
            kind = {".parquet": "parquet", ".jsonl": "JSON"}.get(table.path.suffix.lower())
            if value is not None and kind:
                raise DataError(
                    f"data.{key}: {table.path} is {kind}, which says itself how it is written; '{value}' needs a CSV "
                    "file. Take it out."
                )


def check_no_paths(path: Path, options: ReadOptions) -> None:
    """Raise DataError for what is said of paths, of a table that has none."""
    for key, value in (("image_folder", options.image_folder), ("image_ending", options.image_ending)):
        if value is not None:
            raise DataError(f"data.{key}: the images of {path} are in it, without paths. Take '{value}' out.")
