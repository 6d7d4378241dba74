"""`model`: one of its kinds."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from escalera.ladder.schema.bodies import AlexNet, Cnn, Mlp
from escalera.ladder.schema.fusion import Fusion, Net
from escalera.ladder.schema.pretrained import Backbone, Transfer
from escalera.ladder.schema.rows import Conv1d, Table
from escalera.ladder.schema.votes import Votes

Model = Annotated[
    Mlp | Cnn | AlexNet | Conv1d | Table | Backbone | Transfer | Fusion | Votes, Field(discriminator="kind")
]


def reads_attributes(model: Model) -> bool:
    """Whether a model learns from the attributes of a row."""
    match model:
        case Table():
            return True
        case Fusion():
            return any(map(reads_attributes, model.branches.values()))
        case Transfer() | Votes():
            return model.like is not None and reads_attributes(model.like)
    return False


def reads_pictures(model: Model) -> bool:
    """Whether a model learns from the pictures."""
    match model:
        case Table():
            return False
        case Transfer() | Votes():
            return model.like is None or reads_pictures(model.like)
    return True


def net(model: Model) -> Net:
    """The network of a model: for votes, the one that their features come from."""
    if isinstance(model, Votes):
        assert model.like is not None, "lineage.inherit fills it in"
        return model.like
    return model


def parts(model: Net) -> dict[str, Net]:
    """The models that a body is made of: the branches of a fusion by name, else the model itself as `body`."""
    return {**model.branches} if isinstance(model, Fusion) else {"body": model}
