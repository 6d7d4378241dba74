"""What the schema allows at a place: the keys, the kinds, and in words what is expected there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic.json_schema import models_json_schema

from escalera.core.errors import nearest
from escalera.ladder.schema import LadderEntry, RungConfig
from escalera.ladder.shown import show

Node = dict[str, Any]
"""A JSON Schema: the one description of a field that pydantic gives in plain dictionaries."""


_CALLED = {"learning_rate": "lr", "learningrate": "lr"}
"""What others call a key."""
_TOO_COMMON = {"kind", "name"}
"""Keys that too many sections have to guess which one was meant."""


@cache
def definitions() -> dict[str, Node]:
    """The JSON Schema of every section by its name."""
    models = models_json_schema([(RungConfig, "validation"), (LadderEntry, "validation")])[1]
    return dict(models["$defs"])


def section(name: str) -> Node:
    """The schema of a section by the name of its class."""
    return definitions()[name]


def options(node: Node) -> list[Node]:
    """The schemas a value may follow, null left out: one, or those of a union."""
    if "$ref" in node:
        return options(section(node["$ref"].rpartition("/")[2]))
    for union in ("anyOf", "oneOf"):
        if union in node:
            return [option for member in node[union] for option in options(member)]
    return [] if node.get("type") == "null" else [node]


def tagged(node: Node) -> tuple[str, dict[str, Node]] | None:
    """The key that chooses a section among several, and the sections by its value; None where there is no choice."""
    for member in (node, *node.get("anyOf", [])):
        if "discriminator" in member:
            choice = member["discriminator"]
            return choice["propertyName"], {
                tag: section(reference.rpartition("/")[2]) for tag, reference in choice["mapping"].items()
            }
    return None


def sections(node: Node, value: Any = None) -> list[Node]:
    """The sections a place may hold: the one of the kind that `value` names, or all where it names none."""
    choice = tagged(node)
    if choice and isinstance(value, Mapping):
        key, kinds = choice
        tag = value.get(key)
        if isinstance(tag, str) and tag in kinds:
            return [kinds[tag]]
    return [option for option in options(node) if "properties" in option]


def paths(node: Node, prefix: str = "") -> Iterator[tuple[str, Node]]:
    """Every dotted path below a place, of all kinds, with its schema; one path comes once for each kind that has it."""
    for option in sections(node):
        for key, child in option["properties"].items():
            yield prefix + key, child
            yield from paths(child, f"{prefix}{key}.")


def meant(above: Sequence[str], key: str, known: Sequence[str], below: Sequence[str] = ()) -> str:
    """Which key, with what is `below` it, was meant by one that is not `known` in the section `above`, as a hint.

    A key of another section that is called so comes before one here that is spelt alike: `train.lr` is
    `train.optimizer.lr`, and `train.dropout` no misspelt `drop_last`. Not of one that another kind has right here.
    """
    key = _CALLED.get(key, key)
    if key in known and not below:
        return f"did you mean '{key}'?"
    typed, end = ".".join([*above, key, *below]), "." + ".".join([key, *below])
    everywhere = [path for path, _ in paths(section("RungConfig")) if path == typed or path.endswith(end)]
    inside = [path for path in everywhere if path != typed and path.startswith("".join(f"{one}." for one in above))]
    found = inside or ([] if typed in everywhere or key in _TOO_COMMON else everywhere)
    return f"did you mean '{min(found, key=lambda path: path.count('.'))}'?" if found else nearest(key, known)


def describe(node: Node, many: bool = False) -> str:
    """In words what a place holds: `a whole number of at least 1`, or, for `many`, `whole numbers of at least 1`."""
    choice = tagged(node)
    if choice:
        return _mapping([choice[0]], many)
    members = options(node)
    if len(members) == 2 and members[1].get("items") == members[0]:
        return f"{_describe_one(members[0], many)}, or a list of such"
    return " or ".join(_describe_one(member, many) for member in members)


def one_of(values: list[Any]) -> str:
    """The values a place is limited to, in words."""
    return ("one of " if len(values) > 1 else "") + ", ".join(map(show, values))


def _describe_one(node: Node, many: bool) -> str:
    if "enum" in node or "const" in node:
        return one_of(node.get("enum", [node.get("const")]))
    match node.get("type"):
        case "array":
            least, most = node.get("minItems", 0), node.get("maxItems")
            count = f"{least} " if least == most else "one or more " if least == 1 else ""
            return f"{'lists' if many else 'a list'} of {count}{describe(node['items'], many=True)}"
        case "object" if "properties" in node:
            return _mapping(node.get("required", []) or list(node["properties"])[:1], many)
        case "object" if "enum" in node.get("propertyNames", {}):
            return _mapping(node["propertyNames"]["enum"], many)
        case "object" if isinstance(node.get("additionalProperties"), dict):
            least = "two or more names" if node.get("minProperties") == 2 else "names"
            return f"a mapping of {least} to {describe(node['additionalProperties'], many=True)}"
        case "object":
            return "a mapping of dotted paths to values"
        case "boolean":
            return "true or false"
        case "string" if "pattern" in node:
            return f"a name of at most {node['maxLength']} letters, digits and . _ -, the first a letter or digit"
        case "string":
            return "texts" if many else "text"
        case "integer":
            return ("whole numbers" if many else "a whole number") + _limits(node)
    return ("numbers" if many else "a number") + _limits(node)


def _mapping(keys: list[str], many: bool) -> str:
    example = "{" + ", ".join(f"{key}: ..." for key in keys) + "}"
    return f"mappings such as {example}" if many else f"a mapping such as {example}"


def _limits(node: Node) -> str:
    words = {
        "minimum": "of at least",
        "exclusiveMinimum": "above",
        "maximum": "of at most",
        "exclusiveMaximum": "below",
    }
    limits = " and ".join(f"{word} {node[key]:g}" for key, word in words.items() if key in node)
    return limits and " " + limits
