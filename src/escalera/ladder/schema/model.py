"""`model`: one of its kinds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from escalera.ladder.schema.bodies import AlexNet, Cnn, Mlp
from escalera.ladder.schema.pretrained import Backbone, Transfer

Model = Annotated[Mlp | Cnn | AlexNet | Backbone | Transfer, Field(discriminator="kind")]
