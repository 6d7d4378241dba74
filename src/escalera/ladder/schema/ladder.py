"""A rung and a ladder: as the file has them, and resolved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from escalera.core.errors import EscaleraError, nearest
from escalera.ladder.schema.augment import Augment
from escalera.ladder.schema.data import Data
from escalera.ladder.schema.kind import Model
from escalera.ladder.schema.search import Search
from escalera.ladder.schema.section import NameOfLadder, NameOfRung, Section, Share, Text, at_odds
from escalera.ladder.schema.train import Train

NO_BLEND = "mixup and cutmix blend pictures, and two rows of attributes have no blend: expected 0 of both"


class Evaluate(Section):
    """How the finished network is judged, and what is counted beside its accuracy."""

    metric: Annotated[
        Literal["accuracy", "balanced_accuracy", "macro_f1"],
        Field(description="what the verdicts are about; of all rungs of a ladder the same"),
    ] = "accuracy"
    tta: Annotated[
        Literal["none", "flip", "flip_shift"],
        Field(description="test-time augmentation: the mean over a picture, its mirror image, and both shifted"),
    ] = "none"
    coverage: Annotated[
        Share | None,
        Field(description="of sets of classes: the share of rows whose set is to hold the true class, as 0.9"),
    ] = None
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
        if twice := self.normalised_twice:
            raise at_odds(twice, "data.normalize", "model")
        if (self.augment.mixup or self.augment.cutmix) and self.model.reads_attributes:
            raise at_odds(NO_BLEND, "model", "augment")
        return self

    @property
    def normalised_twice(self) -> str:
        """What is wrong where the pictures are normalised for a model that does so itself; "" where they are not."""
        if self.data.normalize == "unit" or not self.model.normalises:
            return ""
        return f"a backbone normalises its pictures itself: expected unit, received {self.data.normalize}"


class Rung(Section):
    """One step of a ladder, resolved."""

    name: str
    why: Text | None = None
    parent: str | None = None
    search: Search | None = None
    config: RungConfig


def seeds_of(rungs: Iterable[Rung], wanted: int = 1) -> int:
    """How many seeds each of some rungs is trained with: as many as are asked for, or as its folds are repeated."""
    return max([wanted, *(rung.config.data.repeats for rung in rungs)])


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

    name: NameOfRung
    why: Annotated[
        Text | str | None, Field(description="what to expect and why, as {en: ..., es: ...} or one text")
    ] = None
    parent: Annotated[str | None, Field(alias="from", description=FROM)] = None
    change: Annotated[dict[str, Any], Field(description="dotted path: new value")] = {}
    search: Annotated[
        Search | None, Field(description="settings to try on top of that; the best of them becomes the rung's")
    ] = None
    data: Data | None = None
    augment: Augment | None = None
    model: Model | None = None
    train: Train | None = None
    evaluate: Evaluate | None = None


class LadderEntry(Section):
    """A ladder as a file has it; the sections given here are those of the first rung unless it says otherwise."""

    name: NameOfLadder
    title: Annotated[Text | str | None, Field(description="as {en: ..., es: ...} or one text")] = None
    seed: Annotated[int, Field(ge=0, description="of the splits and their order")] = 0
    data: Data | None = None
    augment: Augment | None = None
    train: Train | None = None
    evaluate: Evaluate | None = None
    rungs: Annotated[list[RungEntry], Field(min_length=1)]
