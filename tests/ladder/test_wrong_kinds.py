"""Every key of the schema given every kind of value: a mistake is told, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from escalera.core.errors import LadderError
from escalera.core.translation import translate
from escalera.ladder.explain import mistakes
from escalera.ladder.fields import Node, options, section, sections, tagged
from escalera.ladder.read import read_ladder
from escalera.ladder.schema import LadderEntry, RungConfig
from escalera.ladder.settings import read_data

WRONG: list[Any] = [
    3,
    -0.5,
    "some text",
    "",
    [],
    [3],
    ["text"],
    [[None]],
    {},
    {"nobody": 3},
    {"train": [1]},
    None,
    True,
]
TYPED = ["3", "-0.5", "text", "[]", "[3]", "{}", "{nobody: 3}", "{train: [1]}", "null", "true"]
DEEPEST = 5


def fillings(node: Node, depth: int = 0) -> Iterator[Any]:
    """Values for a place: every wrong kind for itself, and for each key, item and name below it."""
    yield from WRONG
    if depth == DEEPEST:
        return
    choice = tagged(node)
    for option in sections(node):
        tag = next((tag for tag, kind in choice[1].items() if kind == option), None) if choice else None
        chosen = {choice[0]: tag} if choice and tag else {}
        for key, child in option["properties"].items():
            yield from ({**chosen, key: value} for value in fillings(child, depth + 1))
    for option in options(node):
        if "items" in option:
            yield from ([value] for value in fillings(option["items"], depth + 1))
        if isinstance(option.get("additionalProperties"), dict):
            yield from ({"train": value} for value in fillings(option["additionalProperties"], depth + 1))


@pytest.mark.slow
@pytest.mark.parametrize("model", [RungConfig, LadderEntry])
def test_every_key_takes_or_refuses_every_kind_of_value(model: type[RungConfig | LadderEntry]) -> None:
    counted = 0
    for value in fillings(section(model.__name__)):
        counted += len(mistakes(model, value))
    assert counted > 100


@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_a_whole_ladder_of_it_is_refused(value: Any) -> None:
    for top in ("name", "title", "data", "train", "augment", "seed", "rungs"):
        ladder = {"name": "mine", "data": {"source": "digits"}, "rungs": [{"name": "a"}], top: value}
        assert all(str(problem) for problem in read_ladder(ladder).problems)


@pytest.mark.parametrize("key", section("Data")["properties"])
@pytest.mark.parametrize("value", TYPED)
def test_every_setting_of_explore(key: str, value: str) -> None:
    try:
        read_data("digits", [f"data.{key}={value}"])
    except LadderError as error:
        assert "data." in str(error)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("{train: [fold_0, fold_1], test: fold_2}", "data.splits.train: expected text, received ['fold_0', 'fold_1']"),
        ("{train: 3}", "data.splits.train: expected text, received 3"),
        ("{training: fold_0, test: fold_2}", "data.splits.training: unknown key 'training'; did you mean 'train'?"),
        ("3", "data.splits: expected a mapping such as {train: ..., validation: ..., test: ...} or false, received 3"),
        ("true", "data.splits: expected a mapping such as {train: ..., validation: ..., test: ...} or false, "
         "received true"),
    ],
)  # fmt: skip
def test_splits_that_are_none(value: str, message: str) -> None:
    with pytest.raises(LadderError) as refused:
        read_data("somewhere", [f"data.splits={value}"])
    assert str(refused.value).splitlines()[0] == message


def test_a_text_in_braces_is_a_mapping_in_yaml() -> None:
    assert read_data("somewhere", ["data.label_pattern={label}"]).label_pattern == "{label}"
    ladder = {"name": "mine", "data": {"source": "photos", "label_pattern": {"label": None}}, "rungs": [{"name": "a"}]}
    [message] = [one.message for one in read_ladder(ladder).problems if "label_pattern" in one.path]
    assert message == (
        "expected text, received {label: null}; braces make a mapping in YAML: put quotes around it, '{label}'"
    )
    assert translate(message, "es") == (
        "se esperaba un texto, se recibió {label: null}; las llaves hacen un mapa en YAML: ponlo entre comillas, "
        "'{label}'"
    )


@pytest.mark.parametrize("value", ["{label}_*", "*_{label}", "@x", "%x", "a: b: c"])
def test_a_setting_that_is_no_yaml_is_a_text_where_one_is_taken(value: str) -> None:
    assert read_data("somewhere", [f"data.label_pattern={value}"]).label_pattern == value
    with pytest.raises(LadderError, match="not YAML"):
        read_data("somewhere", [f"data.image_size={value}"])
