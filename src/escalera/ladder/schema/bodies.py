"""Models that are made anew, layer by layer: `mlp`, `cnn`, `alexnet`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from escalera.ladder.schema.head import L2, Activation, Head
from escalera.ladder.schema.kind import Body
from escalera.ladder.schema.section import Count, Fraction, Positive, Section, same_length

BlockNorm = Literal["none", "conv", "block"]
Pool = Literal["max", "max_same", "none"]
DropoutPlace = Literal["after_pool", "before_pool"]
Order = Literal["activation_first", "norm_first", "pool_first"]


class BatchNorm(Section):
    """The batch norms of a network, where they differ from Keras's."""

    momentum: Annotated[Fraction, Field(description="of the running statistics, as Keras says it")] = 0.99
    epsilon: Positive = 1e-3
    scale: Annotated[bool, Field(description="false: the scale stays 1, and the shift alone learns")] = True


class Whitening(Section):
    """A first convolution whose filters are the principal axes of patches of train; its bias alone learns."""

    kernel: Annotated[int, Field(ge=2, le=7, description="side of the patches, in pixels")] = 2
    bias_epochs: Annotated[Count, Field(description="the bias learns in the first so many")] = 3


class Mlp(Body):
    """Dense layers over the flattened pixels."""

    also_called = ("dense", "perceptron")

    kind: Literal["mlp"]
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


class Cnn(Body):
    """Blocks of 3x3 convolutions, each block closed by a 2x2 pooling unless it says otherwise."""

    also_called = ("conv", "conv2d", "convnet")
    in_two_dimensions = True

    kind: Literal["cnn"]
    blocks: Annotated[
        list[Annotated[list[Count], Field(min_length=1)]],
        Field(min_length=1, description="widths of the convolutions, a list per block"),
    ]
    batch_norm: Annotated[
        BlockNorm | list[BlockNorm],
        Field(description="after every convolution, or once before the pooling; one for all blocks, or one per block"),
    ] = "none"
    activation: Annotated[Activation | list[Activation], Field(description="of all blocks, or one per block")] = "relu"
    pool: Annotated[
        Pool | list[Pool],
        Field(description="max_same keeps the last row and column of an odd map; one for all, or one per block"),
    ] = "max"
    dropout: Annotated[Fraction | list[Fraction], Field(description="at the end of a block, or one per block")] = 0.0
    dropout_place: Annotated[
        DropoutPlace | list[DropoutPlace], Field(description="on which side of the pooling, or one per block")
    ] = "after_pool"
    order: Annotated[
        Order,
        Field(
            description="what follows a convolution: its activation, or its batch norm; pool_first: in each block the "
            "pooling follows the first convolution, then norm and activation"
        ),
    ] = "activation_first"
    init: Annotated[
        Literal["glorot", "dirac"],
        Field(description="dirac: the first filters of a convolution pass their channel on (identity initialisation)"),
    ] = "glorot"
    norm: Annotated[
        BatchNorm | None,
        Field(description="momentum (0.99), epsilon (0.001) and scale of its batch norms; scale: false: it stays 1"),
    ] = None
    whitening: Annotated[
        Whitening | None,
        Field(
            description="a first convolution with filters of kernel pixels, the principal axes of patches of train; "
            "its bias alone learns, for bias_epochs"
        ),
    ] = None
    l2: L2 = 0.0
    head: Head = Head.model_construct()

    @model_validator(mode="after")
    def _one_per_block(self) -> Self:
        for key in ("batch_norm", "activation", "pool", "dropout", "dropout_place"):
            same_length(key, getattr(self, key), "blocks", self.blocks)
        return self


class AlexNet(Body):
    """The five convolutions of AlexNet, fitted to small pictures, and its two wide dense layers."""

    in_two_dimensions = True

    kind: Literal["alexnet"]
    head: Head = Head.model_construct(dense=[4096, 4096], dropout=[0.5, 0.5])
