"""`train.loss`: one of its kinds."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from escalera.ladder.schema.section import Section


class CrossEntropy(Section):
    """The mean negative log likelihood of the true class."""

    name: Literal["cross_entropy"]


class Focal(Section):
    """Cross-entropy that counts easy rows for little (Lin et al. 2017)."""

    name: Literal["focal"]
    gamma: Annotated[float, Field(ge=0, description="how little: 0 is cross-entropy")] = 2.0


Loss = Annotated[CrossEntropy | Focal, Field(discriminator="name")]
