"""The JSON Schema of a ladder file, by which editors complete and check it."""

from __future__ import annotations

import json
from typing import Any

from escalera.core.translation import translate
from escalera.ladder.fields import Node, definitions, paths, section

BRANCH = r"^model\.branches\.[^.]+(\..+)?$"
"""The paths within a branch of a fusion."""


def json_schema(language: str = "en") -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a ladder file; a rung's `change` lists every dotted path.

    An editor shows its descriptions, which are in the language asked for.
    """
    definitions_: dict[str, Node] = json.loads(json.dumps(definitions()))
    ladder = definitions_.pop("LadderEntry")
    del definitions_["RungConfig"]
    change = definitions_["RungEntry"]["properties"]["change"]
    # Branches have names of the user's own: what they hold is checked when the ladder is read.
    change |= {"properties": _changes(), "patternProperties": {BRANCH: {}}, "additionalProperties": False}
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", **ladder, "$defs": definitions_}
    return whole if language == "en" else _translated(whole, language)


def _translated(node: Any, language: str) -> Any:
    """The same schema, its descriptions in a language; a key that is called so holds no text, and stays."""
    if isinstance(node, list):
        return [_translated(child, language) for child in node]
    if not isinstance(node, dict):
        return node
    return {
        key: translate(child, language)
        if key == "description" and isinstance(child, str)
        else _translated(child, language)
        for key, child in node.items()
    }


def _changes() -> dict[str, Node]:
    """Every path a change may set, with what it takes: the values of all kinds, and null for the default."""
    found: dict[str, list[Node]] = {}
    for path, node in paths(section("RungConfig")):
        if "const" not in node and node not in found.setdefault(path, []):  # a kind is not changed alone
            found[path].append(node)
    return {path: {"anyOf": [*nodes, {"type": "null"}]} for path, nodes in sorted(found.items())}
