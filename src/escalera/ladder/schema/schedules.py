"""`train.schedule`: one of its kinds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from escalera.ladder.schema.section import Count, Positive, Section, Share

Monitor = Literal["val_loss", "val_accuracy", "val_balanced_accuracy", "val_macro_f1"]


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
    warmup: Annotated[float, Field(ge=0, description="epochs of the way up, which begins at a rate of 0")] = 0.0


class Linear(Section):
    """A linear warm-up, then a line down to zero."""

    name: Literal["linear"]
    warmup: Annotated[float, Field(ge=0, description="epochs of the way up, which begins at a rate of 0")] = 0.0


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


Schedule = Annotated[Constant | Exponential | Cosine | Linear | OneCycle | Plateau, Field(discriminator="name")]
