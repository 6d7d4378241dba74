"""Models over what stands in a row of numbers: `table` over its attributes, `conv1d` over a picture as a vector."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from escalera.ladder.schema.head import L2, Activation, Head
from escalera.ladder.schema.kind import Body
from escalera.ladder.schema.section import Count, Fraction, same_length


class Table(Body):
    """Dense layers over the attributes of the row: the source's other columns, as numbers."""

    also_called = ("tabular",)
    reads_pictures: ClassVar[bool] = False
    reads_attributes: ClassVar[bool] = True

    kind: Literal["table"]
    dense: Annotated[list[Count], Field(min_length=1, description="widths of the layers")]
    batch_norm: Annotated[bool, Field(description="batch norm after every layer")] = False
    dropout: Annotated[Fraction | list[Fraction], Field(description="after every layer, or one number per layer")] = 0.0
    activation: Activation = "relu"
    l2: L2 = 0.0
    head: Head = Head.model_construct()

    @model_validator(mode="after")
    def _one_dropout_per_layer(self) -> Self:
        same_length("dropout", self.dropout, "dense", self.dense)
        return self


class Conv1d(Body):
    """1-D convolutions over the picture as a vector, pixel by pixel, each closed by a pooling."""

    kind: Literal["conv1d"]
    widths: Annotated[list[Count], Field(min_length=1, description="widths of the convolutions")]
    kernel: Annotated[int, Field(ge=2, description="pixels that a convolution sees together")] = 9
    pool: Annotated[int, Field(ge=1, description="pixels of which the largest is kept; 1 keeps all")] = 4
    batch_norm: Annotated[bool, Field(description="batch norm after every convolution")] = False
    dropout: Annotated[Fraction | list[Fraction], Field(description="after every pooling, or one number each")] = 0.0
    activation: Activation = "relu"
    l2: L2 = 0.0
    head: Head = Head.model_construct()

    @model_validator(mode="after")
    def _one_dropout_per_convolution(self) -> Self:
        same_length("dropout", self.dropout, "widths", self.widths)
        return self
