"""`augment`: random changes of the training pictures."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from escalera.ladder.schema.section import Fraction, Section, at_odds


class Augment(Section):
    """Random changes of the training pictures, drawn anew for each picture and epoch, in the order of these keys."""

    rotation: Annotated[float, Field(ge=0, le=180, description="degrees, to either side")] = 0.0
    shift: Annotated[Fraction, Field(description="share of the height and of the width, to either side")] = 0.0
    zoom: Annotated[Fraction, Field(description="the scale is drawn from [1 - zoom, 1 + zoom]")] = 0.0
    horizontal_flip: Annotated[bool, Field(description="mirror one picture in two")] = False
    fill: Annotated[Literal["nearest", "reflect"], Field(description="what stands beyond the border")] = "nearest"
    alternating_flip: Annotated[
        bool, Field(description="mirror each picture in every other epoch, half of them in the first (Jordan 2024)")
    ] = False
    translate: Annotated[
        int,
        Field(ge=0, description="pixels, to either side, whole ones; the picture is padded by reflection"),
    ] = 0
    random_ops: Annotated[
        int, Field(ge=0, le=8, description="operations of the RandAugment policy on each picture, one after the other")
    ] = 0
    magnitude: Annotated[float, Field(ge=0, le=1, description="their strength; 1 is RandAugment's 10")] = 0.5
    erasing: Annotated[
        float, Field(ge=0, le=1, description="chance that a rectangle of a picture takes the picture's mean colour")
    ] = 0.0
    cutout: Annotated[
        int,
        Field(ge=0, description="pixels: side of a square of every picture that becomes 0"),
    ] = 0
    mixup: Annotated[
        float, Field(ge=0, description="blend pictures and labels by a share drawn from Beta(mixup, mixup)")
    ] = 0.0
    cutmix: Annotated[
        float, Field(ge=0, description="paste a rectangle of another picture; its share is from Beta(cutmix, cutmix)")
    ] = 0.0

    @model_validator(mode="after")
    def _one_flip(self) -> Self:
        if self.horizontal_flip and self.alternating_flip:
            raise at_odds(
                "expected one of horizontal_flip and alternating_flip, received both",
                "horizontal_flip",
                "alternating_flip",
            )
        return self
