"""The JSON Schema for editors, walked by hand: jsonschema is not needed for that."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from escalera.ladder.change import objections
from escalera.ladder.editor import BRANCH, json_schema
from escalera.ladder.read import dump_config, read_ladder, shipped

SCHEMA = json_schema()
CHANGES: dict[str, Any] = SCHEMA["$defs"]["RungEntry"]["properties"]["change"]["properties"]


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from nodes(child)
    elif isinstance(value, list):
        for child in value:
            yield from nodes(child)


def leaves(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from leaves(value, f"{prefix}{key}.")


def test_it_is_json_of_draft_2020_12() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert SCHEMA["type"] == "object"
    assert SCHEMA["required"] == ["name", "rungs"]


def test_every_reference_leads_to_a_definition_and_every_definition_is_used() -> None:
    used = {node["$ref"] for node in nodes(SCHEMA) if isinstance(node.get("$ref"), str)}
    assert used == {f"#/$defs/{name}" for name in SCHEMA["$defs"]}
    assert len(used) >= 17


def test_no_section_takes_unknown_keys() -> None:
    sections = [
        node for node in nodes(SCHEMA) if isinstance(node.get("properties"), dict) and node.get("type") == "object"
    ]
    assert len(sections) >= 18
    assert all(section["additionalProperties"] is False for section in sections)


def test_a_change_lists_the_paths_of_all_kinds_and_no_kind_alone() -> None:
    assert {"data", "model", "model.blocks", "model.dense", "model.head.dropout", "train.optimizer.nesterov",
            "train.schedule.warmup", "train.early_stopping.patience", "augment.zoom"} <= set(CHANGES)  # fmt: skip
    assert not {"model.kind", "train.optimizer.name", "train.schedule.name", "train.loss.name"} & set(CHANGES)
    assert len(CHANGES) >= 46


def test_a_path_takes_what_its_kinds_take_or_nothing() -> None:
    assert CHANGES["train.epochs"]["anyOf"] == [
        {
            "default": 20,
            "description": "passes over the rows of train, at the most",
            "minimum": 1,
            "title": "Epochs",
            "type": "integer",
        },
        {"type": "null"},
    ]
    assert [option.get("description") for option in CHANGES["model.dropout"]["anyOf"]] == [
        "after every layer, or one number per layer",
        "at the end of a block, or one per block",
        "after every pooling, or one number each",
        None,
    ]
    assert all({"type": "null"} in node["anyOf"] for node in CHANGES.values())


def test_the_reader_takes_every_path_that_the_schema_lists() -> None:
    assert objections(None, dict.fromkeys(CHANGES, 1) | {"model": 1}).keys() == {
        path for path in CHANGES if any(path.startswith(other + ".") for other in CHANGES)
    }
    for path in CHANGES:
        assert objections(None, {path: 1}) == {}


def test_the_schema_lists_every_path_of_the_shipped_ladders() -> None:
    for name, _ in shipped():
        for rung in read_ladder(name).rungs:
            paths = {path for path in leaves(dump_config(rung.config)) if not re.match(BRANCH, path)}
            assert paths - set(CHANGES) == {
                "model.kind",
                "train.loss.name",
                "train.optimizer.name",
                "train.schedule.name",
            }


def test_asking_twice_gives_the_same_and_the_callers_copy_is_its_own() -> None:
    first = json_schema()
    first["$defs"].clear()
    assert json_schema() == SCHEMA
