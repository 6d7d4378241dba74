"""What every part of a ladder is made of: the base of all sections, and the types that several share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from escalera.core.names import LONGEST, PATTERN, composed, ladder_fault, rung_fault

Fraction = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


def _composed(value: Any) -> Any:
    return composed(value) if isinstance(value, str) else value


def _free_of(fault: Callable[[str], str | None]) -> AfterValidator:
    def checked(name: str) -> str:
        if why := fault(name):
            raise ValueError(why)
        return name

    return AfterValidator(checked)


Name = Annotated[str, Field(pattern=PATTERN, max_length=LONGEST), BeforeValidator(_composed)]
"""A name becomes a folder, so it holds no separator and does not start with a dot."""
NameOfLadder = Annotated[Name, _free_of(ladder_fault)]
NameOfRung = Annotated[Name, _free_of(rung_fault)]
RungName = Annotated[str, AfterValidator(composed)]
"""The name of a rung that is meant: its letters are typed in one of two ways."""


class Section(BaseModel):
    """A part of a ladder: unknown keys and other types than those stated are mistakes."""

    # A validator is built at its first use, and defaults are constructed unchecked, which needs none: the import of
    # this module, and with it every start of the command line, is then three times shorter.
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, defer_build=True, serialize_by_alias=True
    )


def at_odds(message: str, *keys: str) -> PydanticCustomError:
    """The mistake of a section whose `keys` do not go together; it is shown at the one that was typed last."""
    return PydanticCustomError("at_odds", "{message}", {"message": message, "keys": keys})


class Text(Section):
    """A sentence in both languages."""

    en: str
    es: str

    def __getitem__(self, language: str) -> str:
        return self.es if language == "es" else self.en


def same_length(key: str, value: Any, other: str, layers: list[Any]) -> None:
    """Raise the mistake of a list that has not one value for each of `layers`, the value of the key `other`."""
    if isinstance(value, list) and len(value) != len(layers):
        count = f"{len(layers)} value{'' if len(layers) == 1 else 's'}"
        raise at_odds(
            f"expected one value alone or a list of {count}, one for each of '{other}', received {value}", key, other
        )
