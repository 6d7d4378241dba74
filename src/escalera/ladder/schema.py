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
BlockNorm = Literal["none", "conv", "block"]
Pool = Literal["max", "max_same", "none"]
DropoutPlace = Literal["after_pool", "before_pool"]
Monitor = Literal["val_loss", "val_accuracy"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
"""A name becomes a folder, so it holds no separator and does not start with a dot."""


class Section(BaseModel):
    """A part of a ladder: unknown keys and other types than those stated are mistakes."""

    # A validator is built at its first use, and defaults are constructed unchecked, which needs none: the import of
    # this module, and with it every start of the command line, is then three times shorter.
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True, serialize_by_alias=True
    )


def at_odds(message: str, *keys: str) -> PydanticCustomError:
    """The mistake of a section whose `keys` do not go together; it is shown at the one that was typed last."""
    return PydanticCustomError("at_odds", "{message}", {"message": message, "keys": keys})


class Text(Section):
    """A sentence in both languages."""

    en: str
    es: str

    def __getitem__(self, language: str) -> str:
        return self.es if language == "es" else self.en


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


class Data(Section):
    """Which pictures, at which size, and how they are split."""

    source: Annotated[
        str,
        Field(min_length=1, description="digits, mnist, cifar10, ...; a folder, a file, or owner/name on the hub"),
    ]
    image_column: Annotated[str | None, Field(description="of a table: the pictures, or the paths to them")] = None
    label_column: Annotated[str | None, Field(description="of a table: the classes")] = None
    group: Annotated[
        str | None, Field(description="of a table: rows with the same value here are never in two splits")
    ] = None
    validation: Annotated[Share, Field(description="share kept for validation where the source has none")] = 0.1
    test: Annotated[Share, Field(description="share kept for test where the source has no test split")] = 0.2
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
        return self

    @model_validator(mode="after")
    def _two_sides(self) -> Self:
        if isinstance(self.image_size, list) and len(self.image_size) != 2:
            raise at_odds(f"expected one number or [height, width], received {self.image_size}", "image_size")
        return self


class Augment(Section):
    """Random changes of the training pictures, drawn anew for each picture and epoch, in the order of these keys."""

    rotation: Annotated[float, Field(ge=0, le=180, description="degrees, to either side")] = 0.0
    shift: Annotated[Fraction, Field(description="share of the height and of the width, to either side")] = 0.0
    zoom: Annotated[Fraction, Field(description="the scale is drawn from [1 - zoom, 1 + zoom]")] = 0.0
    horizontal_flip: Annotated[bool, Field(description="mirror one picture in two")] = False
    fill: Annotated[Literal["nearest", "reflect"], Field(description="what stands beyond the border")] = "nearest"
    random_ops: Annotated[
        int, Field(ge=0, le=8, description="operations of the RandAugment policy on each picture, one after the other")
    ] = 0
    magnitude: Annotated[float, Field(ge=0, le=1, description="their strength; 1 is RandAugment's 10")] = 0.5
    erasing: Annotated[
        float, Field(ge=0, le=1, description="chance that a rectangle of a picture takes the picture's mean colour")
    ] = 0.0
    mixup: Annotated[
        float, Field(ge=0, description="blend pictures and labels by a share drawn from Beta(mixup, mixup)")
    ] = 0.0
    cutmix: Annotated[
        float, Field(ge=0, description="paste a rectangle of another picture; its share is from Beta(cutmix, cutmix)")
    ] = 0.0


def _same_length(key: str, value: Any, other: str, layers: list[Any]) -> None:
    if isinstance(value, list) and len(value) != len(layers):
        count = f"{len(layers)} value{'' if len(layers) == 1 else 's'}"
        raise at_odds(
            f"expected one value alone or a list of {count}, one for each of '{other}', received {value}", key, other
        )


L2 = Annotated[float, Field(ge=0, description="times the sum of the squared kernels is added to the loss, as in Keras")]


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
    l2: L2 = 0.0

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
    l2: L2 = 0.0
    head: Head = Head.model_construct()

    @model_validator(mode="after")
    def _one_dropout_per_layer(self) -> Self:
        _same_length("dropout", self.dropout, "dense", self.dense)
        return self


class Cnn(Section):
    """Blocks of 3x3 convolutions, each block closed by a 2x2 pooling unless it says otherwise."""

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
    l2: L2 = 0.0
    head: Head = Head.model_construct()

    @model_validator(mode="after")
    def _one_per_block(self) -> Self:
        for key in ("batch_norm", "activation", "pool", "dropout", "dropout_place"):
            _same_length(key, getattr(self, key), "blocks", self.blocks)
        return self


class Weights(Section):
    """The weights that another run learned: of an earlier rung of this ladder, or in a run directory."""

    rung: Annotated[str | None, Field(alias="from", description="an earlier rung of this ladder, same seed")] = None
    run: Annotated[str | None, Field(description="a run directory such as runs/cifar100/base/seed-0")] = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.rung is None) == (self.run is None):
            raise at_odds("expected one of {from: <rung>} and {run: <directory>}", "from", "run")
        return self


class Trainable(Section):
    """A body of which a part learns: its last layers, or all of it from an epoch on."""

    last: Annotated[Count | None, Field(description="layers with weights that learn, counted from the end")] = None
    from_epoch: Annotated[
        int | None, Field(ge=2, description="the first epoch in which the body learns; until then the head alone does")
    ] = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.last is None) == (self.from_epoch is None):
            raise at_odds("expected one of {last: <layers>} and {from_epoch: <epoch>}", "last", "from_epoch")
        return self


Learns = Annotated[
    Literal["all", "none"] | Trainable, Field(description="which layers of the body learn; the head always does")
]


def _weights_in_a_file(value: str | Weights, *words: str) -> None:
    if isinstance(value, str) and value not in words and not value.endswith(".safetensors"):
        guess = nearest(value, words)
        raise at_odds(
            f"expected {''.join(f'{word!r}, ' for word in words)}the path of a .safetensors file, or "
            f"{{from: <rung>}}, received '{value}'{f'; {guess}' if guess.startswith('did') else ''}",
            "weights",
        )


class AlexNet(Section):
    """The five convolutions of AlexNet, fitted to small pictures, and its two wide dense layers."""

    kind: Literal["alexnet"]
    head: Head = Head.model_construct(dense=[4096, 4096], dropout=[0.5, 0.5])


class Backbone(Section):
    """A network of timm, whole or cut after a stage, under our head."""

    kind: Literal["backbone"]
    name: Annotated[str, Field(min_length=1, description="timm's name: vgg16, resnet50, densenet121, ...")]
    until: Annotated[str | None, Field(description="its last stage, such as block3 of a VGG; all when null")] = None
    weights: Annotated[
        str | Weights, Field(description="imagenet, none, the path of a .safetensors file, or {from: <rung>}")
    ]
    trainable: Learns = "all"
    head: Head = Head.model_construct()

    @model_validator(mode="after")
    def _known_weights(self) -> Self:
        _weights_in_a_file(self.weights, "imagenet", "none")
        return self


Body = Annotated[Cnn | AlexNet | Backbone, Field(discriminator="kind")]


class Transfer(Section):
    """The convolutions of a run that is finished, under a new head; grey and colour are adapted to one another."""

    kind: Literal["transfer"]
    weights: Annotated[
        str | Weights, Field(description="{from: <rung>}, {run: <directory>}, or the path of a .safetensors file")
    ]
    trainable: Learns = "all"
    like: Annotated[
        Body | None, Field(description="the model that a bare file of weights belongs to; read from the run otherwise")
    ] = None
    head: Head = Head.model_construct()

    @model_validator(mode="after")
    def _known_weights(self) -> Self:
        _weights_in_a_file(self.weights)
        if isinstance(self.weights, str) and self.like is None:
            raise at_odds(
                "expected like: {kind: cnn, ...}, the model that the file belongs to, beside a path", "weights", "like"
            )
        return self


Model = Annotated[Mlp | Cnn | AlexNet | Backbone | Transfer, Field(discriminator="kind")]


Rate = Annotated[Positive | None, Field(description="learning rate of the body; the head keeps lr")]


class Adam(Section):
    """Adam (Kingma and Ba 2015), with Keras's epsilon."""

    name: Literal["adam"]
    lr: Positive = 1e-3
    backbone_lr: Rate = None
    betas: Annotated[list[Fraction], Field(min_length=2, max_length=2)] = [0.9, 0.999]
    epsilon: Positive = 1e-7


class AdamW(Section):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    name: Literal["adamw"]
    lr: Positive = 1e-3
    backbone_lr: Rate = None
    betas: Annotated[list[Fraction], Field(min_length=2, max_length=2)] = [0.9, 0.999]
    epsilon: Positive = 1e-7
    weight_decay: Annotated[float, Field(ge=0)] = 0.01


class Sgd(Section):
    """Stochastic gradient descent, with momentum and Nesterov's look ahead."""

    name: Literal["sgd"]
    lr: Positive = 1e-2
    backbone_lr: Rate = None
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


class Plateau(Section):
    """The learning rate falls by the factor when the monitor has not improved for `patience` epochs."""

    name: Literal["plateau"]
    monitor: Monitor = "val_loss"
    factor: Share = 0.1
    patience: Annotated[Count, Field(description="epochs without an improvement")] = 10
    min_lr: Annotated[float, Field(ge=0, description="the rate does not fall below it")] = 0.0


Schedule = Annotated[Constant | Exponential | Cosine | OneCycle | Plateau, Field(discriminator="name")]


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
    ema: Annotated[
        Share | None,
        Field(description="decay of a running average of the weights, such as 0.999; the run stands by the average"),
    ] = None
    early_stopping: EarlyStopping | None = None
    precision: Annotated[
        Literal["auto", "fp32", "bf16"],
        Field(description="auto: bf16 where the machine computes it natively, else fp32"),
    ] = "auto"


class Evaluate(Section):
    """How the finished network is judged, and what is counted beside its accuracy."""

    tta: Annotated[
        Literal["none", "flip", "flip_shift"],
        Field(description="test-time augmentation: the mean over a picture, its mirror image, and both shifted"),
    ] = "none"
    price_per_hour: Annotated[float | None, Field(ge=0, description="of the machine, to print what a run cost")] = None
    currency: str = "USD"


class RungConfig(Section):
    """All that one rung says once its parents' settings are filled in."""

    data: Data
    augment: Augment = Augment.model_construct()
    model: Model
    train: Train = Train.model_construct()
    evaluate: Evaluate = Evaluate.model_construct()

    @model_validator(mode="after")
    def _fitting_together(self) -> Self:
        if self.data.normalize != "unit" and isinstance(self.model, Backbone):
            message = f"a backbone normalises its pictures itself: expected unit, received {self.data.normalize}"
            raise at_odds(message, "data.normalize", "model")
        return self


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
