"""`search`: over which changes a rung looks for the best one, and how long."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from escalera.ladder.schema.schedules import Monitor
from escalera.ladder.schema.section import Count, Positive, Section, at_odds
from escalera.ladder.schema.train import Epochs

TRIALS = 20
"""How many settings are tried where neither trials nor minutes are given."""


class Search(Section):
    """Which settings of a rung are tried, in which way, and by which figure of validation they are chosen."""

    over: Annotated[
        dict[str, Any],
        Field(
            min_length=1,
            description="dotted path: a list of values, {choice: [...]}, {log: [low, high]}, {uniform: [low, high]} or "
            "{int: [low, high]}",
        ),
    ]
    method: Annotated[
        Literal["tpe", "random", "grid"],
        Field(description="tpe learns from what it has tried; grid tries every combination"),
    ] = "tpe"
    trials: Annotated[
        Count | None,
        Field(description="settings to try; 20 where neither trials nor minutes are given; a grid tries all"),
    ] = None
    minutes: Annotated[Positive | None, Field(description="no trial begins that would end later")] = None
    epochs: Annotated[Epochs | None, Field(description="of a trial; those of the rung where not given")] = None
    prune: Annotated[
        bool, Field(description="successive halving: only the better third goes on after 1, 3, 9, ... epochs")
    ] = False
    monitor: Annotated[Monitor, Field(description="the figure of validation that chooses the winner")] = "val_accuracy"

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.method == "grid" and self.trials is not None:
            message = f"a grid tries every combination; leave trials out, or use random. Received trials: {self.trials}"
            raise at_odds(message, "trials", "method")
        if self.epochs is not None and "train.epochs" in self.over:
            raise at_odds("trials differ in train.epochs, or all have so many epochs; leave one out", "epochs", "over")
        return self

    @property
    def limit(self) -> int | None:
        """The number of settings that are tried at the most; None where something else limits it."""
        bounded = self.method == "grid" or self.minutes is not None
        return self.trials if bounded or self.trials is not None else TRIALS
