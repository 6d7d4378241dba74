"""`fusion`: branches side by side, their features joined under one head."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from escalera.core.names import composed
from escalera.ladder.schema.bodies import AlexNet, Cnn, Mlp
from escalera.ladder.schema.head import Head
from escalera.ladder.schema.pretrained import Backbone, Trainable, Transfer
from escalera.ladder.schema.rows import Conv1d, Table
from escalera.ladder.schema.section import Section, at_odds

Branch = Annotated[Mlp | Cnn | AlexNet | Conv1d | Table | Backbone | Transfer, Field(discriminator="kind")]


class Fusion(Section):
    """Branches over the same row, fresh or from an earlier run, frozen or not; their features joined under one head."""

    kind: Literal["fusion"]
    branches: Annotated[
        dict[str, Branch],
        Field(min_length=2, description="a model section under a name of its own; of its head, pool alone counts"),
    ]
    head: Head = Head.model_construct()

    @model_validator(mode="after")
    def _one_head(self) -> Self:
        for name, branch in self.branches.items():
            if not composed(name).replace("_", "").replace("-", "").isalnum():
                raise at_odds(f"expected names of letters, digits, - and _, received '{name}'", "branches")
            own = Head() if not isinstance(branch, AlexNet) else AlexNet(kind="alexnet").head
            if branch.head != own.model_copy(update={"pool": branch.head.pool}):
                raise at_odds(
                    f"branch '{name}': the branches share one head: of a branch's own expected pool alone; write the "
                    "rest under model.head",
                    "branches",
                )
            trainable = getattr(branch, "trainable", None)
            if isinstance(trainable, Trainable) and trainable.from_epoch is not None:
                raise at_odds(
                    f"branch '{name}': expected all, none or {{last: n}} as trainable, received "
                    f"{{from_epoch: {trainable.from_epoch}}}; a branch learns from the beginning or not at all",
                    "branches",
                )
        return self


Net = Annotated[Mlp | Cnn | AlexNet | Conv1d | Table | Backbone | Transfer | Fusion, Field(discriminator="kind")]
"""Every kind that is a network."""
