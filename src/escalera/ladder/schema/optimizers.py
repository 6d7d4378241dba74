"""`train.optimizer`: one of its kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from escalera.ladder.schema.section import Count, Fraction, Positive, Section, Share, at_odds

Rate = Annotated[Positive | None, Field(description="learning rate of the body; the head keeps lr")]
Decay = Annotated[
    Share | None,
    Field(description="from the head down, the rate of each stage of the body is that of the one above it times this"),
]

BiasDecay = Annotated[float, Field(ge=0, description="weight decay of biases and of batch norm")]
BiasScaler = Annotated[
    Positive | None, Field(description="the rate of biases and of batch norm is lr times this (hlb-CIFAR10: 64)")
]


class Rates(Section):
    """What all of them have: whether the body learns at other rates than the head."""

    if TYPE_CHECKING:
        backbone_lr: Rate = None
        layer_decay: Decay = None
        bias_scaler: BiasScaler = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.backbone_lr is not None and self.layer_decay is not None:
            raise at_odds(
                f"expected one of backbone_lr and layer_decay, received {self.backbone_lr} beside {self.layer_decay}",
                "backbone_lr",
                "layer_decay",
            )
        return self


class Adam(Rates):
    """Adam (Kingma and Ba 2015), with Keras's epsilon."""

    name: Literal["adam"]
    lr: Positive = 1e-3
    backbone_lr: Rate = None
    layer_decay: Decay = None
    bias_scaler: BiasScaler = None
    betas: Annotated[list[Fraction], Field(min_length=2, max_length=2)] = [0.9, 0.999]
    epsilon: Positive = 1e-7


class AdamW(Rates):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    name: Literal["adamw"]
    lr: Positive = 1e-3
    backbone_lr: Rate = None
    layer_decay: Decay = None
    bias_scaler: BiasScaler = None
    betas: Annotated[list[Fraction], Field(min_length=2, max_length=2)] = [0.9, 0.999]
    epsilon: Positive = 1e-7
    weight_decay: Annotated[float, Field(ge=0)] = 0.01


class Sgd(Rates):
    """Stochastic gradient descent, with momentum and Nesterov's look ahead."""

    name: Literal["sgd"]
    lr: Positive = 1e-2
    backbone_lr: Rate = None
    layer_decay: Decay = None
    bias_scaler: BiasScaler = None
    momentum: Fraction = 0.0
    nesterov: bool = False
    weight_decay: Annotated[float, Field(ge=0, description="of kernels")] = 0.0
    bias_decay: BiasDecay = 0.0

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise at_odds("expected a momentum above 0 beside nesterov, received momentum 0", "nesterov", "momentum")
        return self


class Muon(Section):
    """Momentum made orthogonal (Jordan et al. 2024) for the kernels of the body; SGD for biases and the head."""

    name: Literal["muon"]
    lr: Annotated[Positive, Field(description="of the kernels of the body")] = 0.02
    momentum: Fraction = 0.95
    nesterov: bool = True
    steps: Annotated[Count, Field(description="of the Newton-Schulz iteration")] = 5
    normalize: Annotated[
        bool, Field(description="bring each kernel to the norm of its number of filters' root before a step")
    ] = False
    sgd_lr: Annotated[Positive, Field(description="of the head, of biases and of batch norm")] = 0.01
    sgd_momentum: Annotated[Fraction, Field(description="of the head, of biases and of batch norm")] = 0.9
    bias_scaler: Annotated[
        Positive | None, Field(description="the rate of biases and of batch norm is sgd_lr times this")
    ] = None
    weight_decay: Annotated[float, Field(ge=0, description="of the kernels that are not normalised")] = 0.0
    bias_decay: BiasDecay = 0.0

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise at_odds("expected a momentum above 0 beside nesterov, received momentum 0", "nesterov", "momentum")
        return self


Optimizer = Annotated[Adam | AdamW | Sgd | Muon, Field(discriminator="name")]
