"""Which source, and how it is to be read where that is not found out, or found out wrongly."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from escalera.ladder.schema.section import Count, Section, at_odds

SplitName = Literal["train", "validation", "test"]


class Source(Section):
    """A source, and how it is read."""

    source: Annotated[
        str,
        Field(min_length=1, description="digits, mnist, cifar10, ...; a folder, a file, or owner/name on the hub"),
    ]
    form: Annotated[
        Literal["folders", "table", "arrays"] | None,
        Field(description="what to read where a folder holds several: folders of classes, a table, or arrays"),
    ] = None
    splits: Annotated[
        dict[SplitName, str] | Literal[False] | None,
        Field(description="which folder or file is which split, as {train: a, test: b}; false: none of them is one"),
    ] = None
    split_column: Annotated[
        str | Literal[False] | None,
        Field(description="of a table: the column that says train, validation or test; false: no column says so"),
    ] = None
    image_column: Annotated[
        str | list[str] | None,
        Field(description="of a table: the images, or the paths to them; of several columns, laid side by side"),
    ] = None
    label_column: Annotated[
        str | list[str] | None,
        Field(description="of a table: the classes; a list of columns of 0 and 1 is a column for each class"),
    ] = None
    image_folder: Annotated[str | None, Field(description="of a table: the folder that its paths begin in")] = None
    image_ending: Annotated[str | None, Field(description="of a table: what its paths lack, as .jpg")] = None
    label_pattern: Annotated[
        str | None,
        Field(description="of a folder: where the class stands in a file's name, '{label}.*', or path, '*/{label}/*'"),
    ] = None
    encoding: Annotated[str | None, Field(description="of a CSV file, as utf-8 or cp1252")] = None
    decimal: Annotated[Literal[".", ","] | None, Field(description="of a CSV file: the sign in its numbers")] = None
    shape: Annotated[
        list[Count] | None, Field(description="of images in columns of numbers: [height, width] or with channels")
    ] = None
    range: Annotated[
        list[float] | None, Field(description="of images with more than 8 bits: the values of black and of white")
    ] = None
    max_megapixels: Annotated[Count | None, Field(description="the largest image that is decoded")] = None

    @model_validator(mode="after")
    def _lengths(self) -> Self:
        if self.shape is not None and len(self.shape) not in (2, 3):
            raise at_odds(f"expected [height, width] or [height, width, channels], received {self.shape}", "shape")
        if self.range is not None and not (len(self.range) == 2 and self.range[0] < self.range[1]):
            raise at_odds(f"expected [low, high] with low below high, received {self.range}", "range")
        return self
