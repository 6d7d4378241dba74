"""Which column of a table holds the pictures, which the labels, and which the rest: guessed where it is unambiguous."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from escalera.core.errors import DataError, nearest, refuse
from escalera.data.options import ReadOptions
from escalera.data.readers.formats import promised

_IMAGE = (
    "image", "img", "picture", "photo", "file", "filename", "path", "filepath", "filepaths", "imagepath", "imagefile",
    "imagename", "imagen", "foto", "archivo", "ruta",
)  # fmt: skip
LABEL = (
    "label", "labels", "class", "category", "target", "classname", "labelname", "classlabel", "labelclass",
    "imagelabel", "imageclass", "classid", "labelid", "groundtruth", "clase", "etiqueta", "etiquetas",
    "categoria", "categoría",
)  # fmt: skip
_BASE64 = ("data:image/", "/9j/", "iVBORw0KGgo", "R0lGOD", "UklGR")
"""How JPEG, PNG, GIF and WebP begin in base64, or an address that holds them."""
LOOKED_AT = 100
"""Rows of a table that are looked at to guess its columns."""
_SHOWN = 20
"""Columns that a message lists."""


@dataclass(frozen=True)
class Columns:
    """The columns of a table: of images, of labels (None: a target takes their place), and the others.

    `one_hot` are columns of 0 and 1, one for each class, where these are the labels; `group` is one of the others.
    """

    images: list[str]
    label: str | None
    others: list[str]
    one_hot: list[str] = field(default_factory=list)
    group: str | None = None


def choose(
    path: Path,
    schema: pa.Schema,
    head: pa.Table,
    options: ReadOptions,
    faults: list[str] | None = None,
    aside: Sequence[str | None] = (),
    unlikely: Callable[[Sequence[str]], Sequence[str]] = lambda names: (),
) -> Columns:
    """Choose the columns of a table; `head` are its first rows, `aside` columns that are taken for something else.

    `unlikely` gives, of several columns that could be the labels, those that hold none by what is in them.

    With `faults`, what cannot be guessed is noted there: of several columns of images the first is taken, and of
    several that could be labels none. Raises DataError for columns that are absent, of another type, or cannot be
    guessed.
    """
    pictures = [name for name in picture_columns(schema, head) if name not in aside]
    _no_base64(path, head, pictures, options)
    images = image_columns(path, schema, pictures, options, faults)
    for key, name in (("data.group", options.group), ("data.target", options.target)):
        if name is not None and name not in schema.names:
            raise _no_column(path, schema, name, key)
    taken = {*pictures, *images, *aside, options.group}
    label, one_hot = None, _one_hot(path, schema, options)
    if options.target is None and not one_hot:
        fitting = [field.name for field in schema if field.name not in taken and looks_like_label(field)]
        fitting = [name for name in fitting if not is_called_index(name)] or fitting
        named = options.label_column if isinstance(options.label_column, str) else None
        if named is None and len(fitting) > 1 and not any(map(is_called_label, fitting)):
            none = unlikely(fitting)
            fitting = [name for name in fitting if name not in none] or fitting
        label = _column(path, schema, named, "label", LABEL, fitting, _is_number_or_label, faults)
    others = [
        field.name
        for field in schema
        if field.name in (options.group, options.target)
        or (field.name not in {*pictures, *images, *aside, label, *one_hot} and _is_attribute(field))
    ]
    return Columns(images, label, others, one_hot, options.group)


def image_columns(
    path: Path, schema: pa.Schema, pictures: Sequence[str], options: ReadOptions, faults: list[str] | None = None
) -> list[str]:
    """The columns of the images among those that hold some: as they are said, or one called so, or the only one."""
    named = options.image_column
    return [
        _column(path, schema, name, "image", _IMAGE, pictures, _may_be_picture, faults) or pictures[0]
        for name in ([named] if named is None or isinstance(named, str) else named)
    ]


def _one_hot(path: Path, schema: pa.Schema, options: ReadOptions) -> list[str]:
    """The columns of 0 and 1 that are said to be the labels."""
    named = [] if options.label_column is None or isinstance(options.label_column, str) else list(options.label_column)
    for name in named:
        if name not in schema.names:
            raise _no_column(path, schema, name, "data.label_column")
    if len(named) == 1:
        raise DataError(
            f"data.label_column: expected one column by its name, or a list of two or more, received {named}."
        )
    return named


def picture_columns(schema: pa.Schema, head: pa.Table) -> list[str]:
    """The columns that hold pictures, or paths to them; `head` are the first rows."""
    found = [field.name for field in schema if _is_picture(field.type) or _holds_paths(head, field)]
    # Beside paths, addresses of the web only say where they come from.
    return [name for name in found if not _holds_addresses(head, schema.field(name))] or found


def _no_base64(path: Path, head: pa.Table, pictures: Sequence[str], options: ReadOptions) -> None:
    """Raise DataError for pictures that are written as text into a column, the one that is named or the only ones."""
    named = [options.image_column] if isinstance(options.image_column, str) else options.image_column
    for name in head.column_names if named is None and not pictures else named or ():
        if name in head.column_names and is_path(head.schema.field(name).type):
            values = [value for value in head[name].to_pylist() if value]
            if values and all(value.strip().startswith(_BASE64) for value in values):
                raise DataError(
                    f"{path}: column '{name}' holds pictures written as text (base64), which are not read. Write each "
                    "into a file beside the table and its path into the column, or the bytes into parquet."
                )


def is_path(kind: pa.DataType) -> bool:
    """Whether a column of pictures holds the names of files, and not their bytes."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def folded(name: str) -> str:
    """A column's name to compare: Image_Path, image path and imagePath are the same."""
    return re.sub(r"[\W_]", "", name).casefold()


def stated_names(schema: pa.Schema, label: str | None) -> list[str] | None:
    """The class names that the `datasets` library writes into a file, in the order of the labels."""
    with contextlib.suppress(KeyError, TypeError, ValueError):
        feature = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][label]
        return [str(name) for name in feature["names"]]
    return None


def _column(
    path: Path,
    schema: pa.Schema,
    given: str | None,
    what: str,
    usual: tuple[str, ...],
    fitting: Sequence[str],
    fits: Callable[[pa.DataType], bool],
    faults: list[str] | None,
) -> str | None:
    """The name of a column: the one given, else one that fits by name, else the only one that fits.

    None where it cannot be guessed and `faults` has taken note of that.
    """
    if given is not None:
        if given not in schema.names:
            raise _no_column(path, schema, given)
        if not fits(schema.field(given).type):
            raise DataError(f"{path}: column '{given}' holds no {what}s; its columns: {_listed(schema)}.")
        return given
    called = {folded(name): name for name in reversed(fitting)}
    chosen = [called[name] for name in usual if name in called][:1] or fitting
    if len(chosen) == 1:
        return chosen[0]
    expected = (
        "binary, bytes and path as the hub writes them, or paths to files" if what == "image" else "integers or text"
    )
    some = ", ".join(fitting[:_SHOWN]) + (", ..." if len(fitting) > _SHOWN else "")
    found = f"{len(fitting)} ({some})" if fitting else "none"
    ambiguous = DataError(
        f"{path}: expected one column of {what}s ({expected}), found {found}; its columns: {_listed(schema)}. "
        f"Say which one with data.{what}_column{_or_several(what, schema, fitting)}.{_or_bands(what, schema, fitting)}"
    )
    refuse(ambiguous, faults if fitting or what == "label" else None)
    return None


def _or_several(what: str, schema: pa.Schema, fitting: Sequence[str]) -> str:
    numbers = [name for name in fitting if not is_path(schema.field(name).type)]
    if what == "image" or len(numbers) < 2 or len(numbers) > _SHOWN:
        return ""
    return f", or, where each holds 0 and 1 for one class, write data.label_column: [{', '.join(numbers)}]"


def _or_bands(what: str, schema: pa.Schema, fitting: Sequence[str]) -> str:
    number = next((field.name for field in schema if pa.types.is_floating(field.type)), None)
    if what == "image" or fitting or number is None:
        return ""
    return f" A number is cut into bands, which are then the classes, with data.target: {number} and data.bands: 4."


def _no_column(path: Path, schema: pa.Schema, name: str, key: str = "") -> DataError:
    close = nearest(name, schema.names)
    return DataError(
        f"{key + ': ' if key else ''}{path} has no column '{name}'; its columns: {_listed(schema)}. "
        f"{close[0].upper()}{close[1:]}"
    )


def _listed(schema: pa.Schema) -> str:
    shown = [f"{field.name} ({_type(field.type)})" for field in schema]
    more = [f"and {len(shown) - _SHOWN:,} more"] if len(shown) > _SHOWN else []
    return ", ".join([*shown[:_SHOWN], *more]) or "none"


def _is_picture(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        return bool(kind.get_field_index("bytes") >= 0)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _may_be_picture(kind: pa.DataType) -> bool:
    """Bytes, paths, or whole numbers that are the names of files without their ending."""
    return _is_picture(kind) or is_path(kind) or bool(pa.types.is_integer(kind))


def _holds_paths(head: pa.Table, field: pa.Field) -> bool:
    """Whether the first values of a column of texts end as pictures' names do."""
    if not is_path(field.type):
        return False
    values = [value for value in head[field.name].to_pylist() if value]
    ends = sum(promised(value.strip()) is not None for value in values)
    return bool(values) and ends >= 0.9 * len(values)


def _holds_addresses(head: pa.Table, column: pa.Field) -> bool:
    return is_path(column.type) and any("://" in value for value in head[column.name].to_pylist() if value)


def _is_label(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_integer(kind) or pa.types.is_boolean(kind) or is_path(kind))


def looks_like_label(field: pa.Field) -> bool:
    """Whether a column may be one of labels; floats, which may be whole numbers, where it is called so."""
    return _is_label(field.type) or (bool(pa.types.is_floating(field.type)) and is_called_label(field.name))


def is_called_index(name: str) -> bool:
    """Whether a column is called as those that number the rows, which pandas writes without a name."""
    return re.fullmatch(r"unnamed\d*|index|row(number|id)?", folded(name)) is not None


def is_called_label(name: str) -> bool:
    """Whether a column is called as those of labels are."""
    return folded(name) in LABEL


def _is_number_or_label(kind: pa.DataType) -> bool:
    return _is_label(kind) or bool(pa.types.is_floating(kind))


def _is_attribute(field: pa.Field) -> bool:
    kind = field.type
    return not (pa.types.is_nested(kind) or _is_picture(kind)) and not field.name.startswith("__index_level_")


def _type(kind: pa.DataType) -> str:
    return "bytes and path" if pa.types.is_struct(kind) and _is_picture(kind) else str(kind)
