"""Models that start from what was learned before: `backbone` and `transfer`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from escalera.core.errors import nearest
from escalera.ladder.schema.bodies import AlexNet, Cnn, Mlp
from escalera.ladder.schema.head import Head
from escalera.ladder.schema.rows import Conv1d, Table
from escalera.ladder.schema.section import Count, RungName, Section, at_odds


class Weights(Section):
    """The weights that another run learned: of an earlier rung of this ladder, or in a run directory."""

    rung: Annotated[RungName | None, Field(alias="from", description="an earlier rung of this ladder, same seed")] = (
        None
    )
    run: Annotated[str | None, Field(description="a run directory such as runs/cifar100/base/seed-0")] = None

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


def _weights_in_a_file(value: str | Weights, *words: str) -> None:
    if isinstance(value, str) and value not in words and not value.endswith(".safetensors"):
        guess = nearest(value, words)
        raise at_odds(
            f"expected {''.join(f'{word!r}, ' for word in words)}the path of a .safetensors file, or "
            f"{{from: <rung>}}, received '{value}'{f'; {guess}' if guess.startswith('did') else ''}",
            "weights",
        )


class Backbone(Section):
    """A network of timm, whole or cut after a stage, under our head."""

    kind: Literal["backbone"]
    name: Annotated[str, Field(min_length=1, description="timm's name: vgg16, resnet50, densenet121, ...")]
    until: Annotated[str | None, Field(description="its last stage, such as block3 of a VGG; all when null")] = None
    weights: Annotated[
        str | Weights, Field(description="imagenet, none, the path of a .safetensors file, or {from: <rung>}")
    ]
    trainable: Learns = "all"
    head: Head = Head.model_construct()

    @model_validator(mode="after")
    def _known_weights(self) -> Self:
        _weights_in_a_file(self.weights, "imagenet", "none")
        return self


Body = Annotated[Mlp | Cnn | AlexNet | Conv1d | Table | Backbone, Field(discriminator="kind")]


class Transfer(Section):
    """The body of a run that is finished, under a new head; grey and colour are adapted to one another."""

    kind: Literal["transfer"]
    weights: Annotated[
        str | Weights, Field(description="{from: <rung>}, {run: <directory>}, or the path of a .safetensors file")
    ]
    trainable: Learns = "all"
    like: Annotated[
        Body | None, Field(description="the model that a bare file of weights belongs to; read from the run otherwise")
    ] = None
    head: Head = Head.model_construct()

    @model_validator(mode="after")
    def _known_weights(self) -> Self:
        _weights_in_a_file(self.weights)
        if isinstance(self.weights, str) and self.like is None:
            raise at_odds(
                "expected like: {kind: cnn, ...}, the model that the file belongs to, beside a path", "weights", "like"
            )
        return self
