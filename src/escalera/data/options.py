"""How a source is to be read, as far as the user says; the names are those of the keys under `data` in a ladder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

Form = Literal["folders", "table", "arrays"]


@dataclass(frozen=True)
class ReadOptions:
    """What the user says of a source; None is found out.

    `form` is what to read where a folder holds several; `splits` says which folder or file is which split, and False
    that none is one; `split_column` names the column that says so, False that no column does, and `split_words` are
    its values, by split. Several
    `image_column`s are the images of one thing; several `label_column`s hold 0 and 1, one column a class. `target` is a
    column that becomes the label later on: it stays in the table, and there are no labels yet. `image_folder` and
    `image_ending` complete the paths in a table, `label_pattern` takes the class out of a file's name, or out of its
    path where it has a slash, `encoding` and `decimal` are those of a CSV file, `shape` is that of images written as
    columns of numbers, and `range` the lowest and highest value of images with more than eight bits.
    """

    form: Form | None = None
    splits: Mapping[str, str] | Literal[False] | None = None
    split_column: str | Literal[False] | None = None
    split_words: Mapping[str, str] | None = None
    image_column: str | Sequence[str] | None = None
    label_column: str | Sequence[str] | None = None
    group: str | None = None
    target: str | None = None
    image_folder: str | None = None
    image_ending: str | None = None
    label_pattern: str | None = None
    encoding: str | None = None
    decimal: Literal[".", ","] | None = None
    shape: Sequence[int] | None = None
    range: Sequence[float] | None = None
    max_megapixels: int | None = None

    @classmethod
    def of(cls, section: Any) -> ReadOptions:
        """What the section `data` of a ladder says of it."""
        return cls(**{field.name: getattr(section, field.name, None) for field in fields(cls)})

    def given(self) -> dict[str, Any]:
        """What was given, by key."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


OF_TABLES = (
    "split_column", "image_column", "label_column", "group", "target", "image_folder", "image_ending", "encoding",
    "decimal",
)  # fmt: skip
"""What can be said of tables alone."""

NOTHING_SAID = ReadOptions()
"""Everything is found out."""
