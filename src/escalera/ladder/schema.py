"""What a ladder may say: the sections of a rung, their keys, types and limits."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from escalera.errors import EscaleraError, nearest

Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Activation = Literal["relu", "leaky_relu", "gelu", "silu", "tanh"]
Monitor = Literal["val_loss", "val_accuracy"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
"""A name becomes a folder, so it holds no separator and does not start with a dot."""


class Section(BaseModel):
    """A part of a ladder: unknown keys and other types than those stated are mistakes."""

    # A validator is built at its first use, and defaults are constructed unchecked, which needs none: the import of
    # this module, and with it every start of the command line, is then three times shorter.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True)


def at_odds(message: str, *keys: str) -> PydanticCustomError:
    """The mistake of a section whose `keys` do not go together; it is shown at the one that was typed last."""
    return PydanticCustomError("at_odds", "{message}", {"message": message, "keys": keys})


class Text(Section):
    """A sentence in both languages."""

    en: str
    es: str

    def __getitem__(self, language: str) -> str:
        return self.es if language == "es" else self.en


class Data(Section):
    """Which pictures, at which size, and how they are split."""

    source: Annotated[
        str, Field(min_length=1, description="a source by name: digits, mnist, fashion_mnist, cifar10, ...")
    ]
    validation: Annotated[Share, Field(description="share of train that is kept for validation")] = 0.1
    test: Annotated[Share, Field(description="share kept for test where the source has no test split")] = 0.2
    image_size: Annotated[Count | list[Count] | None, Field(description="pixels: one number, or [height, width]")] = (
        None
    )
    channels: Annotated[
        Literal[1, 3] | None, Field(description="1 grey, 3 colour; as the source is, when not given")
    ] = None
    normalize: Annotated[
        Literal["unit", "standard"],
        Field(description="unit: pixels in [0, 1]; standard: mean 0 and deviation 1 per channel, measured on train"),
    ] = "unit"

    @model_validator(mode="after")
    def _two_sides(self) -> Self:
        if isinstance(self.image_size, list) and len(self.image_size) != 2:
            raise at_odds(f"expected one number or [height, width], received {self.image_size}", "image_size")
        return self


class Augment(Section):
    """Random changes of the training pictures, drawn anew for each picture and epoch."""

    rotation: Annotated[float, Field(ge=0, le=180, description="degrees, to either side")] = 0.0
    shift: Annotated[Fraction, Field(description="share of the height and of the width, to either side")] = 0.0
    zoom: Annotated[Fraction, Field(description="the scale is drawn from [1 - zoom, 1 + zoom]")] = 0.0
    horizontal_flip: Annotated[bool, Field(description="mirror one picture in two")] = False
    fill: Annotated[Literal["nearest", "reflect"], Field(description="what stands beyond the border")] = "nearest"


def _same_length(key: str, value: Any, other: str, layers: list[Any]) -> None:
    if isinstance(value, list) and len(value) != len(layers):
        count = f"{len(layers)} value{'' if len(layers) == 1 else 's'}"
        raise at_odds(
            f"expected one value alone or a list of {count}, one for each of '{other}', received {value}", key, other
        )


class Head(Section):
    """The dense layers between the features and the classes."""

    pool: Annotated[Literal["flatten", "average"], Field(description="how the feature map becomes a vector")] = (
        "flatten"
    )
    dense: Annotated[list[Count], Field(description="widths of the hidden layers")] = []
    batch_norm: Annotated[bool, Field(description="batch norm after every hidden layer")] = False
    dropout: Annotated[
        Fraction | list[Fraction],
        Field(description="a number: once, before the output layer; a list: after each hidden layer"),
    ] = 0.0
    activation: Activation = "relu"

    @model_validator(mode="after")
    def _one_dropout_per_layer(self) -> Self:
        _same_length("dropout", self.dropout, "dense", self.dense)
        return self


class Mlp(Section):
    """Dense layers over the flattened pixels."""

    kind: Literal["mlp"]
    dense: Annotated[list[Count], Field(min_length=1, description="widths of the layers")]
    batch_norm: Annotated[bool, Field(description="batch norm after every layer")] = False
    dropout: Annotated[Fraction | list[Fraction], Field(description="after every layer, or one number per layer")] = 0.0
    activation: Activation = "relu"
    head: Head = Head.model_construct()

    @model_validator(mode="after")
    def _one_dropout_per_layer(self) -> Self:
        _same_length("dropout", self.dropout, "dense", self.dense)
        return self


class Cnn(Section):
    """Blocks of 3x3 convolutions, each block closed by a 2x2 pooling."""

    kind: Literal["cnn"]
    blocks: Annotated[
        list[Annotated[list[Count], Field(min_length=1)]],
        Field(min_length=1, description="widths of the convolutions, a list per block"),
    ]
    batch_norm: Annotated[
        Literal["none", "conv", "block"],
        Field(description="after every convolution, or once per block before its pooling"),
    ] = "none"
    activation: Annotated[Activation | list[Activation], Field(description="of all blocks, or one per block")] = "relu"
    dropout: Annotated[Fraction | list[Fraction], Field(description="after every pooling, or one number per block")] = (
        0.0
    )
    head: Head = Head.model_construct()

    @model_validator(mode="after")
    def _one_per_block(self) -> Self:
        _same_length("dropout", self.dropout, "blocks", self.blocks)
        _same_length("activation", self.activation, "blocks", self.blocks)
        return self


Model = Annotated[Mlp | Cnn, Field(discriminator="kind")]


class Adam(Section):
    """Adam (Kingma and Ba 2015), with Keras's epsilon."""

    name: Literal["adam"]
    lr: Positive = 1e-3
    betas: Annotated[list[Fraction], Field(min_length=2, max_length=2)] = [0.9, 0.999]
    epsilon: Positive = 1e-7


class AdamW(Section):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    name: Literal["adamw"]
    lr: Positive = 1e-3
    betas: Annotated[list[Fraction], Field(min_length=2, max_length=2)] = [0.9, 0.999]
    epsilon: Positive = 1e-7
    weight_decay: Annotated[float, Field(ge=0)] = 0.01


class Sgd(Section):
    """Stochastic gradient descent, with momentum and Nesterov's look ahead."""

    name: Literal["sgd"]
    lr: Positive = 1e-2
    momentum: Fraction = 0.0
    nesterov: bool = False
    weight_decay: Annotated[float, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise at_odds("expected a momentum above 0 beside nesterov, received momentum 0", "nesterov", "momentum")
        return self


Optimizer = Annotated[Adam | AdamW | Sgd, Field(discriminator="name")]


class Constant(Section):
    """The learning rate stays."""

    name: Literal["constant"]


class Exponential(Section):
    """lr * factor ** (epoch / every), changed at the start of each epoch."""

    name: Literal["exponential"]
    factor: Share = 0.1
    every: Annotated[Positive, Field(description="epochs in which the rate falls by the factor")] = 10.0


class Cosine(Section):
    """A linear warm-up, then half a cosine down to zero."""

    name: Literal["cosine"]
    warmup: Annotated[float, Field(ge=0, description="epochs")] = 0.0


class OneCycle(Section):
    """Up from lr / 25 and down to lr / 250,000 along cosines (Smith 2018)."""

    name: Literal["one_cycle"]
    warmup: Annotated[Share, Field(description="share of the steps on the way up")] = 0.3


Schedule = Annotated[Constant | Exponential | Cosine | OneCycle, Field(discriminator="name")]


class EarlyStopping(Section):
    """Stop when none of the monitors has improved for `patience` epochs."""

    monitor: Annotated[
        Monitor | list[Monitor], Field(description="one, or several; the first chooses the best epoch")
    ] = "val_loss"
    patience: Count = 5
    restore_best: Annotated[bool, Field(description="the run stands by its best epoch, not by its last")] = True

    @model_validator(mode="after")
    def _at_least_one(self) -> Self:
        if not self.monitor:
            raise at_odds("expected at least one of 'val_loss', 'val_accuracy', received []", "monitor")
        return self


class Train(Section):
    """How the weights are found."""

    epochs: Count = 20
    batch_size: Annotated[int, Field(ge=2)] = 256
    optimizer: Optimizer = Adam.model_construct(name="adam")
    schedule: Schedule = Constant.model_construct(name="constant")
    clip_norm: Annotated[Positive | None, Field(description="upper limit of the gradient's norm")] = None
    label_smoothing: Fraction = 0.0
    early_stopping: EarlyStopping | None = None
    precision: Annotated[
        Literal["auto", "fp32", "bf16"],
        Field(description="auto: bf16 where the machine computes it natively, else fp32"),
    ] = "auto"


class Evaluate(Section):
    """What is counted beside the accuracy."""

    price_per_hour: Annotated[float | None, Field(ge=0, description="of the machine, to print what a run cost")] = None
    currency: str = "USD"


class RungConfig(Section):
    """All that one rung says once its parents' settings are filled in."""

    data: Data
    augment: Augment = Augment.model_construct()
    model: Model
    train: Train = Train.model_construct()
    evaluate: Evaluate = Evaluate.model_construct()


class Rung(Section):
    """One step of a ladder, resolved."""

    name: str
    why: Text | None = None
    parent: str | None = None
    config: RungConfig


class Ladder(Section):
    """A resolved ladder: its rungs in the order of the file."""

    name: str
    title: Text | None = None
    seed: int = 0
    rungs: list[Rung]

    def __getitem__(self, name: str) -> Rung:
        rungs = {rung.name: rung for rung in self.rungs}
        if name not in rungs:
            raise EscaleraError(f"the ladder '{self.name}' has no rung '{name}'; {nearest(name, rungs)}")
        return rungs[name]


FROM = "the rung it changes; the one above when not given; null for a rung that begins anew"


class RungEntry(Section):
    """A rung as a file has it: the first says everything, the others what they change."""

    name: Name
    why: Annotated[
        Text | str | None, Field(description="what to expect and why, as {en: ..., es: ...} or one text")
    ] = None
    parent: Annotated[str | None, Field(alias="from", description=FROM)] = None
    change: Annotated[dict[str, Any], Field(description="dotted path: new value")] = {}
    data: Data | None = None
    augment: Augment | None = None
    model: Model | None = None
    train: Train | None = None
    evaluate: Evaluate | None = None


class LadderEntry(Section):
    """A ladder as a file has it; the sections given here are those of the first rung unless it says otherwise."""

    name: Name
    title: Annotated[Text | str | None, Field(description="as {en: ..., es: ...} or one text")] = None
    seed: Annotated[int, Field(ge=0, description="of the splits and their order")] = 0
    data: Data | None = None
    augment: Augment | None = None
    train: Train | None = None
    evaluate: Evaluate | None = None
    rungs: Annotated[list[RungEntry], Field(min_length=1)]
