"""Models that start from what was learned before: `backbone` and `transfer`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from escalera.core.errors import EscaleraError, nearest
from escalera.ladder.schema.head import Head
from escalera.ladder.schema.kind import Body, Branch, Model
from escalera.ladder.schema.section import at_odds
from escalera.ladder.schema.weights import Learns, Weights


def _weights_in_a_file(value: str | Weights, *words: str) -> None:
    if isinstance(value, str) and value not in words and not value.endswith(".safetensors"):
        guess = nearest(value, words)
        raise at_odds(
            f"expected {''.join(f'{word!r}, ' for word in words)}the path of a .safetensors file, or "
            f"{{from: <rung>}}, received '{value}'{f'; {guess}' if guess.startswith('did') else ''}",
            "weights",
        )


class Backbone(Body):
    """A network of timm, whole or cut after a stage, under our head."""

    also_called = ("timm", "pretrained", "torchvision", "keras")
    in_two_dimensions = True

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

    @property
    def normalises(self) -> bool:
        """As its weights expect it."""
        return True

    @property
    def learns(self) -> Learns:
        """As `trainable` has it."""
        return self.trainable

    @property
    def starts_from(self) -> dict[str, str | Weights]:
        """As `weights` has it."""
        return {"body": self.weights}

    def continuing(self, part: str, before: Model) -> Self:
        """Itself; what it is stands here, and the run has to be one of the same network."""
        body = before.single
        if not (isinstance(body, Backbone) and body.name == self.name):
            received = body.name if isinstance(body, Backbone) else f"kind {before.kind}"
            raise EscaleraError(f"expected the run of a backbone {self.name}, received one of {received}")
        return self


class Transfer(Branch):
    """The body of a run that is finished, under a new head; grey and colour are adapted to one another."""

    also_called = ("finetune",)

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

    @property
    def learns(self) -> Learns:
        """As `trainable` has it."""
        return self.trainable

    @property
    def starts_from(self) -> dict[str, str | Weights]:
        """As `weights` has it."""
        return {"body": self.weights}

    @property
    def normalises(self) -> bool:
        """As the body does."""
        return self.like is not None and self.like.normalises

    @property
    def reads_pictures(self) -> bool:
        """As the body does."""
        return self.like is None or self.like.reads_pictures

    @property
    def reads_attributes(self) -> bool:
        """As the body does."""
        return self.like is not None and self.like.reads_attributes

    @property
    def single(self) -> Body | None:
        """The body of the run."""
        return self.like

    @property
    def is_continued(self) -> bool:
        """Whether it knows the body that it takes over."""
        return self.like is not None

    def continuing(self, part: str, before: Model) -> Self:
        """With the body of that run as `like`."""
        body = before.single
        if body is None:
            raise EscaleraError(f"expected a run with a single body, received one of kind {before.kind}")
        return self.model_copy(update={"like": body.model_copy(update={"head": Head()})})
