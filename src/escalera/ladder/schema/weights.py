"""Whose weights a model starts from, and which of its layers learn."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from escalera.ladder.schema.section import Count, RungName, Section, at_odds


class Weights(Section):
    """The weights that another run learned: of an earlier rung of this ladder, or in a run directory."""

    rung: Annotated[RungName | None, Field(alias="from", description="an earlier rung of this ladder, same seed")] = (
        None
    )
    run: Annotated[str | None, Field(description="a run directory such as runs/cifar100/cnn/seed-0")] = None

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
