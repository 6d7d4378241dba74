"""`data`: which pictures and attributes, at which size, and how they are split."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from escalera.ladder.schema.section import Count, Section, Share, at_odds
from escalera.ladder.schema.source import Source


class Attributes(Section):
    """Columns of a table, and what they hold."""

    numeric: Annotated[list[str], Field(description="columns of numbers")] = []
    categorical: Annotated[list[str], Field(description="columns of names or codes")] = []

    @model_validator(mode="after")
    def _once(self) -> Self:
        twice = [name for name in self.numeric if name in self.categorical]
        if twice:
            raise at_odds(f"expected each column once, received '{twice[0]}' in both", "numeric", "categorical")
        return self


class Best(Section):
    """Attributes chosen by their mutual information with the class, measured on train."""

    best: Annotated[Count, Field(description="how many to keep")]


class Labels(Section):
    """Labels that somebody corrected, or rows whose labels nobody trusts; a CSV file names them by split and row."""

    corrections: Annotated[
        str | None, Field(description="a CSV file with the columns split, row and label, or suggested")
    ] = None
    drop: Annotated[str | None, Field(description="a CSV file with the columns split and row")] = None
    test: Annotated[
        Literal["keep", "change"],
        Field(description="rows of the file that are in test: keep them as they are, or change them too"),
    ] = "keep"

    @model_validator(mode="after")
    def _one_file(self) -> Self:
        if (self.corrections is None) == (self.drop is None):
            received = "neither" if self.drop is None else "both"
            raise at_odds(f"expected either corrections or drop, received {received}", "corrections", "drop")
        return self


class Data(Source):
    """Which images, at which size, and how they are split."""

    group: Annotated[
        str | None, Field(description="of a table: rows with the same value here are never in two splits")
    ] = None
    validation: Annotated[Share, Field(description="share kept for validation where the source has none")] = 0.1
    test: Annotated[Share, Field(description="share kept for test where the source has no test split")] = 0.2
    folds: Annotated[
        int | None,
        Field(
            ge=2,
            description="train so many times, each time without another part of the rows, so that each row is answered "
            "by a network that has not seen it; instead of test",
        ),
    ] = None
    repeats: Annotated[Count, Field(description="of folds: train all of them so often, each time with other folds")] = 1
    rare_classes: Annotated[
        Literal["refuse", "train"],
        Field(description="classes with too few images to be in every split: refuse them, or keep them in train alone"),
    ] = "refuse"
    image_size: Annotated[Count | list[Count] | None, Field(description="pixels: one number, or [height, width]")] = (
        None
    )
    resize: Annotated[
        Literal["squash", "pad", "crop"],
        Field(description="to image_size: squash both sides, pad the shorter with black, or crop the longer"),
    ] = "squash"
    channels: Annotated[
        Literal[1, 3] | None, Field(description="1 grey, 3 colour; as the source is, when not given")
    ] = None
    normalize: Annotated[
        Literal["unit", "standard"],
        Field(description="unit: pixels in [0, 1]; standard: mean 0 and deviation 1 per channel, measured on train"),
    ] = "unit"
    duplicates: Annotated[
        Literal["report", "drop"],
        Field(description="pictures of test or validation that are in train too: report them, or drop them from train"),
    ] = "report"
    labels: Annotated[Labels | None, Field(description="a file of corrected labels, or of rows to drop")] = None
    attributes: Annotated[
        list[str] | Attributes | None,
        Field(description="columns of the table to learn from, as a list or as {numeric: [...], categorical: [...]}"),
    ] = None
    select: Annotated[list[str] | Best | None, Field(description="of the attributes those in a list, or {best: n}")] = (
        None
    )
    target: Annotated[str | None, Field(description="a column of numbers whose bands are the classes")] = None
    bands: Annotated[int | None, Field(ge=2, description="how many, each with as many rows of train")] = None

    @model_validator(mode="after")
    def _a_target_has_bands(self) -> Self:
        if (self.target is None) != (self.bands is None):
            absent = "target" if self.target is None else "bands"
            raise at_odds(f"expected target and bands together, received no {absent}", "target", "bands")
        if self.target is not None and self.label_column is not None:
            raise at_odds("expected either the column of the classes or a target to cut", "label_column", "target")
        if self.target is not None and self.labels is not None:
            raise at_odds("bands of a target have no labels to correct: expected either of the two", "target", "labels")
        return self

    @model_validator(mode="after")
    def _folds_are_repeated(self) -> Self:
        if self.repeats > 1 and self.folds is None:
            raise at_odds("expected folds to repeat, received no data.folds", "folds", "repeats")
        return self

    @model_validator(mode="after")
    def _two_sides(self) -> Self:
        if isinstance(self.image_size, list) and len(self.image_size) != 2:
            raise at_odds(f"expected one number or [height, width], received {self.image_size}", "image_size")
        return self
