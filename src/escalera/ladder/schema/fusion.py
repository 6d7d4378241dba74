"""`fusion`: branches side by side, their features joined under one head."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from escalera.core.names import composed
from escalera.ladder.schema.head import Head
from escalera.ladder.schema.kind import Branch, Model, Net
from escalera.ladder.schema.section import at_odds
from escalera.ladder.schema.weights import Trainable, Weights


class Fusion(Net):
    """Branches over the same row, fresh or from an earlier run, frozen or not; their features joined under one head."""

    also_called = ("multimodal",)

    kind: Literal["fusion"]
    branches: Annotated[
        dict[str, Branch],
        Field(min_length=2, description="a model section under a name of its own; of its head, pool alone counts"),
    ]
    join: Annotated[
        Literal["concat", "late"],
        Field(
            description="concat: one head over the features of all; late: each branch answers by a head of its own, "
            "and what an answer weighs is learned on validation"
        ),
    ] = "concat"
    head: Head = Head.model_construct()

    @model_validator(mode="after")
    def _one_head(self) -> Self:
        for name, branch in self.branches.items():
            if not composed(name).replace("_", "").replace("-", "").isalnum():
                raise at_odds(f"expected names of letters, digits, - and _, received '{name}'", "branches")
            own = type(branch).model_fields["head"].default
            if branch.head != own.model_copy(update={"pool": branch.head.pool}):
                raise at_odds(
                    f"branch '{name}': the branches share one head: of a branch's own expected pool alone; write the "
                    "rest under model.head",
                    "branches",
                )
            learns = branch.learns
            if isinstance(learns, Trainable) and learns.from_epoch is not None:
                raise at_odds(
                    f"branch '{name}': expected all, none or {{last: n}} as trainable, received "
                    f"{{from_epoch: {learns.from_epoch}}}; a branch learns from the beginning or not at all",
                    "branches",
                )
        return self

    @property
    def normalises(self) -> bool:
        """Whether any branch does."""
        return any(branch.normalises for branch in self.branches.values())

    @property
    def reads_pictures(self) -> bool:
        """Whether any branch does."""
        return any(branch.reads_pictures for branch in self.branches.values())

    @property
    def reads_attributes(self) -> bool:
        """Whether any branch does."""
        return any(branch.reads_attributes for branch in self.branches.values())

    @property
    def parts(self) -> dict[str, Branch]:
        """The branches."""
        return self.branches

    @property
    def starts_from(self) -> dict[str, str | Weights]:
        """What those branches start from that start from anything."""
        return {name: weights for name, branch in self.branches.items() for weights in branch.starts_from.values()}

    @property
    def is_continued(self) -> bool:
        """Whether every branch knows what it takes over."""
        return all(branch.is_continued for branch in self.branches.values())

    def key_of(self, part: str, key: str) -> str:
        """Below the name of the branch."""
        return f"branches.{part}.{key}"

    def continuing(self, part: str, before: Model) -> Self:
        """With the branch of that name continuing the run."""
        branches = {**self.branches, part: self.branches[part].continuing("body", before)}
        return self.model_copy(update={"branches": branches})
