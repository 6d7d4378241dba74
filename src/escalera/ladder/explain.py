"""What pydantic finds wrong, in the words of the schema: where, what was expected, what was received."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from escalera.core.errors import nearest, perhaps
from escalera.ladder.document import Path
from escalera.ladder.fields import Node, describe, meant, one_of, options, section, sections, tagged
from escalera.ladder.kinds import unknown_kind
from escalera.ladder.shown import show

MANY = 500
"""Mistakes in one value beyond which it is no ladder, and none is worth a guess of what was meant."""
_KEY = "[key]"
"""The end of pydantic's location of a key that a mapping does not take."""


@dataclass(frozen=True)
class Mistake:
    """One mistake in a value that should follow the schema, at its path within that value.

    `keys` are those of the section at `path` that it is about: one that is missing, or several that do not go together.
    `meant` are the keys that would name the kind that was meant, where that can be guessed; `whole` is one that is seen
    only where every value of the section is right by itself.
    """

    path: Path
    message: str
    keys: tuple[str, ...] = ()
    meant: dict[str, str] | None = field(default=None, compare=False)
    whole: bool = field(default=False, compare=False)

    @property
    def places(self) -> list[Path]:
        """The values that it is about."""
        return [(*self.path, *key.split(".")) for key in self.keys] or [self.path]


def mistakes(model: type[BaseModel], value: Any) -> list[Mistake]:
    """All that is wrong with a value as a `model`, each mistake once.

    A section whose kind is unknown, but near to one that is known, is checked as that one too; and what is checked of
    a whole section, such as which keys go together, is checked of those that are right.
    """
    found = _found(model, value)
    if not found or len(found) > MANY:
        return found
    meant = copy.deepcopy(value)
    for mistake in found:
        if mistake.meant:
            *above, chosen = mistake.path
            written = _at(meant, tuple(above))
            written.update({**mistake.meant, **{key: written[key] for key in written if key != chosen}})
    more = mistakes(model, meant) if meant != value else _besides(model, without(value, found), found)
    return list(dict.fromkeys([*found, *more]))


def _found(model: type[BaseModel], value: Any) -> list[Mistake]:
    try:
        model.model_validate(value)
    except ValidationError as error:
        details = error.errors(include_url=False)
        root, guesses = section(model.__name__), len(details) <= MANY
        found = (_mistake(root, detail, value, guesses) for detail in details)
        return list(dict.fromkeys(mistake for mistake in found if mistake))
    return []


def _besides(model: type[BaseModel], rest: Any, found: list[Mistake]) -> list[Mistake]:
    """What is wrong with a whole section in the rest of a value, but for what is said of the values taken out."""
    gone = [place for mistake in found for place in mistake.places]
    return [
        mistake
        for mistake in _found(model, rest)
        if mistake.whole
        and not any(place[: len(other)] == other[: len(place)] for place in mistake.places for other in gone)
    ]


def without(value: Any, found: list[Mistake]) -> Any:
    """A value without what is wrong in it; of a list the whole list, since its items belong together."""
    rest = copy.deepcopy(value)
    for place in (place for mistake in found for place in mistake.places):
        within = rest
        for depth, key in enumerate(place, start=1):
            if not isinstance(within, dict):
                break
            if depth == len(place) or not isinstance(within.get(key), dict):
                within.pop(key, None)
                break
            within = within[key]
    return rest


def _at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def _mistake(root: Node, detail: ErrorDetails, value: Any, guesses: bool) -> Mistake | None:
    kind, context = detail["type"], detail.get("ctx", {})
    last = detail["loc"][-1] if detail["loc"] else ""
    within = -2 if last == _KEY else -1 if kind in ("missing", "extra_forbidden") else None
    followed = _follow(root, detail["loc"][:within], value)
    if followed is None:
        return None
    path, node, received = followed
    if last == _KEY:
        return _name_mistake(path, str(detail["loc"][-2]), node)
    choice = tagged(node)
    if kind in ("extra_forbidden", "missing"):
        return _key_mistake(path, str(last), node, received, guesses)
    if kind == "union_tag_not_found" and choice:
        return Mistake(path, f"missing key '{choice[0]}'; expected {one_of(list(choice[1]))}")
    if kind == "union_tag_invalid" and choice:
        message, meant = unknown_kind(choice[0], received[choice[0]], list(choice[1]))
        return Mistake((*path, choice[0]), message, meant=meant)
    if kind == "at_odds":
        keys = tuple(context["keys"])
        place, keys = (path, keys) if len(keys) > 1 else ((*path, *keys), ())
        return Mistake(place, context["message"], keys, whole=True)
    if kind == "value_error":
        return Mistake(path, detail["msg"].removeprefix("Value error, "), whole=True)
    hint = _spelling(node, received) or _braces(node, received)
    return Mistake(path, f"expected {describe(node)}, received {show(received)}{hint}")


def _key_mistake(path: Path, key: str, node: Node, received: dict[str, Any], guesses: bool) -> Mistake | None:
    """A key too many or too few; none for a missing key that was only misspelt, because the misspelt one tells it."""
    known = {name: child for option in sections(node, received) for name, child in option["properties"].items()}
    if key not in known:
        hint = f"; {_hint(path, key, list(known), received)}" if guesses else ""
        return Mistake((*path, key), f"unknown key '{key}'{hint}")
    if guesses and any(nearest(other, known) == f"did you mean '{key}'?" for other in received if other not in known):
        return None
    return Mistake(path, f"missing key '{key}'; expected {describe(known[key])}", (key,))


def _hint(path: Path, key: str, known: list[str], received: dict[str, Any]) -> str:
    """What was meant by a key: of a rung, and of what it may share with all others, perhaps one of another section."""
    if received[key] is None and key.isdecimal():
        return f"numbers have a decimal point: 0.{key} and not 0,{key}"
    if received[key] is None and key.partition(":")[0] in known:
        return f"write a blank after the colon: {key.replace(':', ': ', 1)}"
    sections = [str(part) for part in path[2 if path[:1] == ("rungs",) else 0 :]]
    return meant(sections, key, known) if path else nearest(key, known)


def _name_mistake(path: Path, key: str, node: Node) -> Mistake:
    """A key of a mapping that takes some names alone."""
    known = [name for option in options(node) for name in option.get("propertyNames", {}).get("enum", [])]
    return Mistake((*path, key), f"unknown key '{key}'; {nearest(key, known)}")


def _spelling(node: Node, received: Any) -> str:
    """The nearest of the words a place takes, where there is one."""
    words = [word for option in options(node) for word in option.get("enum", []) if isinstance(word, str)]
    return perhaps(received, words) if isinstance(received, str) else ""


def _braces(node: Node, received: Any) -> str:
    """What to write where a text in braces was meant, as {label}, which YAML takes for a mapping."""
    if bare(received) and any(option["type"] == "string" for option in options(node)):
        return f"; braces make a mapping in YAML: put quotes around it, '{{{', '.join(map(str, received))}}}'"
    return ""


def bare(value: Any) -> bool:
    """Whether a value is a mapping of keys alone, as text in braces becomes."""
    return isinstance(value, dict) and bool(value) and all(inner is None for inner in value.values())


def _follow(node: Node, location: tuple[str | int, ...], value: Any) -> tuple[Path, Node, Any] | None:
    """From pydantic's location to the path as typed, its schema and its value.

    In pydantic's locations stand also the names of the members of unions: they are taken out here. None for an error of
    a member that the value was not meant for: of a list, that it is no number, where the list's second item is wrong.
    """
    path: Path = ()
    for step in location:
        choice = tagged(node)
        if choice and step in choice[1]:
            node = choice[1][str(step)]
            continue
        members = options(node)
        if len(members) > 1:
            member = _meant(members, value)
            if member is None:
                return path, node, value
            if _called(member) not in str(step):
                return None
            node = member
            continue
        [member] = members
        node = member["items"] if isinstance(step, int) else _value_of(member, step)
        value = value[step]
        path = (*path, step)
    return path, node, value


def _called(member: Node) -> str:
    """What pydantic's name of a member of a union holds: one with a check is `function-after[_check(), Section]`."""
    if member["type"] == "array":
        return "list["
    return str(member["title"]) if "properties" in member else "dict["


def _value_of(node: Node, key: str) -> Node:
    """The schema of the value at a key, of a section or of a mapping with names of the user's own."""
    return dict(node["properties"][key] if "properties" in node else node["additionalProperties"])


def _meant(members: list[Node], value: Any) -> Node | None:
    """The member of a union that a list or a mapping was meant for."""
    wanted = "array" if isinstance(value, list) else "object" if isinstance(value, dict) else ""
    return next((member for member in members if member["type"] == wanted), None)
