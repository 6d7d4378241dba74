"""The JSON Schema of a ladder file, by which editors complete and check it."""

from __future__ import annotations

import json
from typing import Any

from escalera.ladder.fields import Node, definitions, paths, section

BRANCH = r"^model\.branches\.[^.]+(\..+)?$"
"""The paths within a branch of a fusion."""


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a ladder file; a rung's `change` lists every dotted path."""
    definitions_: dict[str, Node] = json.loads(json.dumps(definitions()))
    ladder = definitions_.pop("LadderEntry")
    del definitions_["RungConfig"]
    change = definitions_["RungEntry"]["properties"]["change"]
    # Branches have names of the user's own: what they hold is checked when the ladder is read.
    change |= {"properties": _changes(), "patternProperties": {BRANCH: {}}, "additionalProperties": False}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **ladder, "$defs": definitions_}


def _changes() -> dict[str, Node]:
    """Every path a change may set, with what it takes: the values of all kinds, and null for the default."""
    found: dict[str, list[Node]] = {}
    for path, node in paths(section("RungConfig")):
        if "const" not in node and node not in found.setdefault(path, []):  # a kind is not changed alone
            found[path].append(node)
    return {path: {"anyOf": [*nodes, {"type": "null"}]} for path, nodes in sorted(found.items())}
