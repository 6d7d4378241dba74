"""`train`: how the weights are found."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from escalera.ladder.schema.losses import CrossEntropy, Loss
from escalera.ladder.schema.optimizers import Adam, Optimizer
from escalera.ladder.schema.schedules import Constant, Monitor, Schedule
from escalera.ladder.schema.section import Count, Fraction, Positive, Section, Share, at_odds

_MOST_EPOCHS = 100_000
"""No training comes near so many; each has a number of its own in memory before the first begins."""


def _bounded(epochs: int) -> int:
    if epochs > _MOST_EPOCHS:
        raise ValueError(f"expected a whole number of at most {_MOST_EPOCHS}, received {epochs}")
    return epochs


Epochs = Annotated[Count, AfterValidator(_bounded)]


def _by_name(value: Any) -> Any:
    """A class that is called 7 is a number in YAML."""
    if not isinstance(value, dict):
        return value
    return {str(key) if isinstance(key, int) and not isinstance(key, bool) else key: of for key, of in value.items()}


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
            known = ", ".join(f"'{name}'" for name in get_args(Monitor))
            raise at_odds(f"expected at least one of {known}, received []", "monitor")
        return self


class Lookahead(Section):
    """Slow weights that follow those of the optimiser every few steps (Zhang et al. 2019)."""

    every: Annotated[Count, Field(description="steps between two such moves")] = 5
    alpha: Annotated[Share, Field(description="how far the slow weights go towards the others")] = 0.5
    schedule: Annotated[
        Literal["constant", "cubic"],
        Field(description="cubic: alpha falls from 1, by the cube of the share of the steps that are done"),
    ] = "constant"


class Stage(Section):
    """A part of a training in which pictures are smaller."""

    share: Annotated[Share, Field(description="share of the epochs")]
    scale: Annotated[Share, Field(description="share of the height and of the width that is left")]


class Train(Section):
    """How the weights are found."""

    epochs: Annotated[Epochs, Field(description="passes over the rows of train, at the most")] = 20
    batch_size: Annotated[int, Field(ge=2, description="rows that the network sees at once")] = 256
    drop_last: Annotated[bool, Field(description="leave out a last batch with fewer rows than the others")] = False
    optimizer: Annotated[
        Optimizer, Field(description="how gradients become steps, and the learning rate: adam, adamw, sgd or muon")
    ] = Adam.model_construct(name="adam")
    schedule: Annotated[
        Schedule,
        Field(description="how the learning rate changes: constant, exponential, cosine, linear, one_cycle or plateau"),
    ] = Constant.model_construct(name="constant")
    accumulate: Annotated[
        Count, Field(description="batches whose gradients make one step: larger steps than memory has room for")
    ] = 1
    shards: Annotated[
        Count,
        Field(
            description="parts of a batch, a power of two, each with its own draws and batch-norm statistics; up to so "
            "many processes (--devices) then compute a training with the same bits"
        ),
    ] = 1
    exact: Annotated[
        bool,
        Field(
            description="false: several GPUs share each batch evenly, at full speed, with batch norm over all of it; "
            "the last bits then depend on their number"
        ),
    ] = True
    clip_norm: Annotated[Positive | None, Field(description="upper limit of the gradient's norm")] = None
    loss: Annotated[
        Loss, Field(description="what training makes smaller: cross_entropy, or focal, where easy rows count less")
    ] = CrossEntropy.model_construct(name="cross_entropy")
    label_smoothing: Annotated[
        Fraction, Field(description="share of each label that is spread evenly over all classes, such as 0.1")
    ] = 0.0
    class_weights: Annotated[
        Literal["balanced"] | dict[str, Positive] | None,
        BeforeValidator(_by_name),
        Field(
            description="balanced: each class counts as much as any other, however few its rows; or {class: weight}, 1 "
            "for those that are not named"
        ),
    ] = None
    sampler: Annotated[
        Literal["shuffled", "balanced"],
        Field(description="balanced: an epoch has as many rows of each class, those of rare ones several times"),
    ] = "shuffled"
    ema: Annotated[
        Share | None,
        Field(description="decay of a running average of the weights, such as 0.999; the run stands by the average"),
    ] = None
    lookahead: Annotated[
        Lookahead | None,
        Field(description="every few steps the weights go back part of the way to where they were (Zhang et al. 2019)"),
    ] = None
    progressive: Annotated[
        list[Stage],
        Field(
            description="progressive resizing: the first epochs see smaller pictures, as [{share: 0.3, scale: 0.5}]; "
            "what is left of the epochs, and all evaluation, sees them whole"
        ),
    ] = []
    early_stopping: EarlyStopping | None = None
    precision: Annotated[
        Literal["auto", "fp32", "bf16"],
        Field(description="auto: bf16 where the machine computes it natively, else fp32"),
    ] = "auto"

    @model_validator(mode="after")
    def _ends_whole(self) -> Self:
        shares = sum(stage.share for stage in self.progressive)
        if shares > 1 - 1e-9:
            raise at_odds(
                f"expected shares that leave some epochs to whole pictures, together less than 1, received {shares:g}",
                "progressive",
            )
        return self

    @model_validator(mode="after")
    def _whole_shards(self) -> Self:
        if self.shards & (self.shards - 1):
            raise at_odds(f"expected a power of two (1, 2, 4, 8, ...), received {self.shards}", "shards")
        if self.batch_size % self.shards or self.batch_size < 2 * self.shards:
            raise at_odds(
                f"expected shards of equal size, of two rows or more each, since batch norm learns nothing from a "
                f"single row; received {self.shards} shards of a batch of {self.batch_size}",
                "shards",
                "batch_size",
            )
        if not self.exact and self.shards > 1:
            raise at_odds(
                f"expected shards: 1 beside exact: false, where processes share a batch evenly; received {self.shards}",
                "shards",
                "exact",
            )
        return self
