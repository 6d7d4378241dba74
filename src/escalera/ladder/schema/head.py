"""`head`: from the features to the classes, the same section under every body."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from escalera.ladder.schema.section import Count, Fraction, Positive, Section, same_length

Activation = Literal["relu", "leaky_relu", "gelu", "silu", "tanh"]
L2 = Annotated[float, Field(ge=0, description="times the sum of the squared kernels is added to the loss, as in Keras")]


class Head(Section):
    """The dense layers between the features and the classes."""

    pool: Annotated[Literal["flatten", "average", "max"], Field(description="how the feature map becomes a vector")] = (
        "flatten"
    )
    dense: Annotated[list[Count], Field(description="widths of the hidden layers")] = []
    batch_norm: Annotated[bool, Field(description="batch norm after every hidden layer")] = False
    dropout: Annotated[
        Fraction | list[Fraction],
        Field(description="a number: once, before the output layer; a list: after each hidden layer"),
    ] = 0.0
    activation: Activation = "relu"
    l2: L2 = 0.0
    bias: Annotated[bool, Field(description="false: the output layer has none")] = True
    scale: Annotated[Positive, Field(description="the logits are multiplied by it (airbench's scaling_factor)")] = 1.0

    @model_validator(mode="after")
    def _one_dropout_per_layer(self) -> Self:
        same_length("dropout", self.dropout, "dense", self.dense)
        return self
