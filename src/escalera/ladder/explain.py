"""What pydantic finds wrong, in the words of the schema: where, what was expected, what was received."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from escalera.errors import nearest, perhaps
from escalera.ladder.document import Path
from escalera.ladder.fields import Node, describe, one_of, options, section, sections, tagged


@dataclass(frozen=True)
class Mistake:
    """One mistake in a value that should follow the schema, at its path within that value.

    `keys` are those of the section at `path` that it is about: one that is missing, or several that do not go together.
    """

    path: Path
    message: str
    keys: tuple[str, ...] = ()


def mistakes(model: type[BaseModel], value: Any) -> list[Mistake]:
    """All that is wrong with a value as a `model`, each mistake once."""
    try:
        model.model_validate(value)
    except ValidationError as error:
        found = (_mistake(section(model.__name__), detail, value) for detail in error.errors(include_url=False))
        return list(dict.fromkeys(mistake for mistake in found if mistake))
    return []


def show(value: Any) -> str:
    """A value as a file has it, shortened to a line's part."""
    text = _flow(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _flow(value: Any) -> str:
    match value:
        case None | True | False:
            return "null" if value is None else str(value).lower()
        case list():
            return "[" + ", ".join(map(_flow, value)) + "]"
        case dict():
            return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    return repr(value)


def _mistake(root: Node, detail: ErrorDetails, value: Any) -> Mistake | None:
    kind, context = detail["type"], detail.get("ctx", {})
    last = detail["loc"][-1] if detail["loc"] else ""
    followed = _follow(root, detail["loc"][:-1] if kind in ("missing", "extra_forbidden") else detail["loc"], value)
    if followed is None:
        return None
    path, node, received = followed
    choice = tagged(node)
    if kind in ("extra_forbidden", "missing"):
        return _key_mistake(path, str(last), node, received)
    if kind == "union_tag_not_found" and choice:
        return Mistake(path, f"missing key '{choice[0]}'; expected {one_of(list(choice[1]))}")
    if kind == "union_tag_invalid" and choice:
        return Mistake((*path, choice[0]), _unknown_kind(choice[0], received[choice[0]], list(choice[1])))
    if kind == "at_odds":
        keys = tuple(context["keys"])
        return Mistake(path, context["message"], keys) if len(keys) > 1 else Mistake((*path, *keys), context["message"])
    if kind == "value_error":
        return Mistake(path, detail["msg"].removeprefix("Value error, "))
    return Mistake(path, f"expected {describe(node)}, received {show(received)}{_spelling(node, received)}")


def _key_mistake(path: Path, key: str, node: Node, received: dict[str, Any]) -> Mistake | None:
    """A key too many or too few; none for a missing key that was only misspelt, because the misspelt one tells it."""
    known = {name: child for option in sections(node, received) for name, child in option["properties"].items()}
    if key not in known:
        return Mistake((*path, key), f"unknown key '{key}'; {nearest(key, known)}")
    if any(nearest(other, known) == f"did you mean '{key}'?" for other in received if other not in known):
        return None
    return Mistake(path, f"missing key '{key}'; expected {describe(known[key])}", (key,))


def _unknown_kind(key: str, value: Any, known: list[str]) -> str:
    """The message for a `kind` or `name` that chooses no section."""
    return f"unknown {key} {show(value)}; {nearest(str(value), known)}"


def _spelling(node: Node, received: Any) -> str:
    """The nearest of the words a place takes, where there is one."""
    words = [word for option in options(node) for word in option.get("enum", []) if isinstance(word, str)]
    return perhaps(received, words) if isinstance(received, str) else ""


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
            # A section with a check of its own is called after it: `function-after[_check(), Section]`.
            if ("list[" if member["type"] == "array" else member["title"]) not in str(step):
                return None
            node = member
            continue
        [member] = members
        node = member["items"] if isinstance(step, int) else _value_of(member, step)
        value = value[step]
        path = (*path, step)
    return path, node, value


def _value_of(node: Node, key: str) -> Node:
    """The schema of the value at a key, of a section or of a mapping with names of the user's own."""
    return dict(node["properties"][key] if "properties" in node else node["additionalProperties"])


def _meant(members: list[Node], value: Any) -> Node | None:
    """The member of a union that a list or a mapping was meant for."""
    wanted = "array" if isinstance(value, list) else "object" if isinstance(value, dict) else ""
    return next((member for member in members if member["type"] == wanted), None)
