"""What every kind of model answers about itself: nobody above asks which kind it is.

A key that takes a model is annotated with one of these four, and takes each kind of the table in `model.py` that is
one: `model` any Model, the features of votes a Net, a fusion a Branch, a transfer a Body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, Union, get_args

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema

from escalera.ladder.schema.head import Head
from escalera.ladder.schema.section import Section
from escalera.ladder.schema.weights import Learns, Weights


class Model(Section):
    """What a rung learns with: a network, or classifiers on the features of one."""

    table: ClassVar[tuple[type[Model], ...]] = ()
    """All kinds there are: `model.py` lists them."""
    also_called: ClassVar[tuple[str, ...]] = ()
    """What people write for it who come from elsewhere."""
    trains: ClassVar[bool] = True
    """Whether it is a network that the loop trains, epoch by epoch, and one file of weights holds."""

    kind: str

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler, /) -> CoreSchema:
        """That of the kinds below this class, of which `kind` chooses one; a kind's own is its fields."""
        kinds = tuple(kind for kind in cls.table if issubclass(kind, cls))
        if cls in kinds or not kinds:
            return handler(source)
        return handler.generate_schema(Annotated[Union[kinds], Field(discriminator="kind")])  # noqa: UP007

    @classmethod
    def word(cls) -> str:
        """The value of `kind` that chooses it."""
        return str(get_args(cls.model_fields["kind"].annotation)[0])

    @property
    def normalises(self) -> bool:
        """Whether it, or a part of it, brings pixels in [0, 1] to the scale that it needs."""
        return False

    @property
    def reads_pictures(self) -> bool:
        """Whether it learns from the pictures."""
        return True

    @property
    def reads_attributes(self) -> bool:
        """Whether it learns from the attributes of a row."""
        return False

    @property
    def net(self) -> Net:
        """The network that answers, or that the features come from."""
        raise NotImplementedError

    @property
    def parts(self) -> dict[str, Branch]:
        """What it trains side by side, by name: `body` where it is one; nothing where it trains no network."""
        return {}

    @property
    def single(self) -> Body | None:
        """The body whose layers it has, where it is one, so that another run can continue it."""
        return None

    @property
    def starts_from(self) -> dict[str, str | Weights]:
        """The weights that its parts start from, by their names; a text is a word or a path."""
        return {}

    @property
    def is_continued(self) -> bool:
        """Whether all that it takes over from other runs is known."""
        return True

    def key_of(self, part: str, key: str) -> str:
        """Where in this section a key of a part of it stands."""
        return key

    def continuing(self, part: str, before: Model) -> Self:
        """This model, its part being what takes over the weights of the run of another.

        Raises EscaleraError where that run is none of the kind it needs.
        """
        return self


class Net(Model):
    """A network: something that turns rows into features, under a head."""

    if TYPE_CHECKING:
        # Each kind has it for itself, so that it is the last of its keys.
        head: Head = Head()

    @property
    def net(self) -> Net:
        """Itself."""
        return self


class Branch(Net):
    """A network with one body, so that it can be one of several under one head."""

    @property
    def parts(self) -> dict[str, Branch]:
        """Itself alone."""
        return {"body": self}

    @property
    def learns(self) -> Learns:
        """Which layers of its body learn."""
        return "all"


class Body(Branch):
    """A network with layers of its own, that a later run can continue.

    A kind says here what it sees of a row. The function of its name in `models/` makes the layers.
    """

    in_two_dimensions: ClassVar[bool] = False
    """Whether it sees a picture as height and width, so that each of several in a row is seen by itself."""

    @property
    def single(self) -> Body:
        """Itself."""
        return self
