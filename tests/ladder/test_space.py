"""What a rung may search over: spaces are read, drawn, walked through as a grid, and refused where they were typed."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from escalera.ladder.editor import json_schema
from escalera.ladder.read import Reading, dump_config, read_ladder
from escalera.ladder.space import Choice, Range, Space, end_of, grid, read_space, settings, size

BASE = """
name: wide
data: {source: digits}
train: {epochs: 2}
rungs:
  - name: base
    model: {kind: mlp, dense: [4]}
  - name: tuned
    search: SEARCH
"""
SHAPE = "expected a list of values, or a mapping of one of choice, log, uniform, int, such as {log: [1e-4, 1e-2]}"
PLACE = "ladder.yaml:8: rungs[1] (tuned).search"


@pytest.fixture
def told(problems: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """What is wrong with a search, from where its own place ends."""

    def of_search(search: str, *sets: str) -> list[str]:
        return [text.removeprefix(PLACE) for text in problems(BASE.replace("SEARCH", search), *sets)]

    return of_search


def test_a_search_as_it_is_written(read: Callable[..., Reading]) -> None:
    text = "{over: {train.optimizer.lr: {log: [1e-4, 1e-2]}, model.dropout: [0, 0.5]}, method: random, prune: true}"
    reading = read(BASE.replace("SEARCH", text))
    assert not reading.problems
    found = reading.ladder["tuned"].search
    assert found is not None and reading.ladder["base"].search is None
    assert (found.method, found.prune, found.monitor, found.epochs, found.limit) == (
        "random", True, "val_accuracy", None, 20
    )  # fmt: skip
    assert found.model_copy(update={"minutes": 3}).limit is None
    assert found.model_copy(update={"minutes": 3, "trials": 7}).limit == 7
    assert found.model_copy(update={"method": "grid"}).limit is None


def test_what_is_drawn() -> None:
    asked: list[tuple[str, Space]] = []

    def draw(name: str, space: Space) -> float:
        asked.append((name, space))
        return 1 if isinstance(space, Choice) else 0.123456

    over = {"a": {"log": [1e-4, 1]}, "b": ["x", {"kind": {"choice": ["y", "z"]}, "n": {"int": [0, 3]}}], "c": [0, 5]}
    assert settings(over, draw) == {"a": 0.123, "b": {"kind": "z", "n": 0}, "c": 5}
    assert [name for name, _ in asked] == ["a", "b", "b[1].kind", "b[1].n", "c"]
    assert asked[0][1] == Range(1e-4, 1, log=True) and asked[3][1] == Range(0, 3, whole=True)


def test_a_number_is_drawn_with_three_digits_and_stays_within_its_range() -> None:
    assert Range(0.12345, 0.5).value(0.12345) == 0.12345
    assert Range(0.1, 0.98765).value(0.98765) == 0.98765
    assert Range(0, 1).value(0.456789) == 0.457
    assert Range(1, 4000, whole=True).value(3999.0) == 3999


def test_what_goes_with_one_option_is_not_drawn_with_another() -> None:
    over = {"model": [{"kind": "mlp", "dense": {"choice": [[4], [8]]}}, {"kind": "cnn"}], "train.epochs": [1, 2]}
    assert size(over) == 6
    assert list(grid(over)) == [
        *({"model": 0, "model[0].dense": dense, "train.epochs": epochs} for dense in (0, 1) for epochs in (0, 1)),
        *({"model": 1, "train.epochs": epochs} for epochs in (0, 1)),
    ]


def test_a_grid_is_every_combination_once() -> None:
    over = {"a": [1, 2, 3], "b": {"int": [5, 7]}, "c": {"choice": ["x"]}}

    def drawn(combination: dict[str, float]) -> dict[str, Any]:
        return settings(over, lambda name, _: combination[name])

    found = [tuple(drawn(one).values()) for one in grid(over)]
    assert found == list(itertools.product([1, 2, 3], [5, 6, 7], ["x"]))
    assert size(over) == 9
    assert size({"a": {"uniform": [0, 1]}}) is None
    assert size({"a": {"int": [0, 10**12]}}) == 10_001


def test_both_ends_of_a_space() -> None:
    over = {"a": {"uniform": [0, 0.5]}, "b": ["x", {"choice": ["y", "z"]}]}
    assert settings(over, partial(end_of, high=True)) == {"a": 0.5, "b": "z"}
    assert settings(over, partial(end_of, high=False)) == {"a": 0.0, "b": "x"}


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"choice": []}, "expected one or more values to choose from, received []"),
        ({"choice": 3}, "expected one or more values to choose from, received 3"),
        ({"choice": [1, 2, 1]}, "expected values that differ, received [1, 2, 1]"),
        ({"log": [1e-4]}, "expected {log: [low, high]} with low below high, received {log: [0.0001]}"),
        ({"uniform": [2, 1]}, "expected {uniform: [low, high]} with low below high, received {uniform: [2, 1]}"),
        ({"uniform": [1, 1]}, "expected {uniform: [low, high]} with low below high, received {uniform: [1, 1]}"),
        ({"int": [True, 3]}, "expected {int: [low, high]} with low below high, received {int: [true, 3]}"),
        ({"int": "ab"}, "expected {int: [low, high]} with low below high, received {int: 'ab'}"),
        ({"uniform": [0, float("inf")]}, "expected numbers below 9e+15, received [0, inf]"),
        ({"int": [1, 10**20]}, "expected numbers below 9e+15, received [1, 100000000000000000000]"),
        ({"log": [0, 1]}, "expected a low end above 0, whose logarithm is a number, received 0"),
        ({"int": [1, 2.5]}, "expected whole numbers, received [1, 2.5]"),
    ],
)
def test_a_space_that_is_none(space: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_space(space)
    assert str(caught.value) == message


def test_paths_and_the_rest_of_a_search_are_told_together(told: Callable[..., list[str]]) -> None:
    assert told(
        "{over: {train.optimiser.lr: [1, 2], train.batch_size: [32, 32], train.epochs: 5, model.dropout: {chioce: [0]},"
        " train.clip_norm: {}}, method: gird, trials: 0, prunes: true}"
    ) == [
        ".method: expected one of 'tpe', 'random', 'grid', received 'gird'; did you mean 'grid'?",
        ".trials: expected a whole number of at least 1, received 0",
        ".prunes: unknown key 'prunes'; did you mean 'prune'?",
        ".over.train.optimiser.lr: unknown key 'optimiser'; did you mean 'optimizer'?",
        ".over.train.batch_size: expected values that differ, received [32, 32]",
        f".over.train.epochs: {SHAPE}, received 5",
        f".over.model.dropout: {SHAPE}, received {{chioce: [0]}}; did you mean 'choice'?",
        f".over.train.clip_norm: {SHAPE}, received {{}}",
    ]


def test_values_that_no_rung_could_have(told: Callable[..., list[str]]) -> None:
    assert told(
        "{over: {train.optimizer.lr: [0.1, x], model.dropout: {uniform: [0, 1]}, model.dense: [[4], [0]], "
        "train.batch_size: {log: [16, 64]}}}"
    ) == [
        ".over.train.optimizer.lr: the value 'x': expected a number above 0, received 'x'",
        ".over.model.dropout: the value 1.0: expected a number of at least 0 and below 1, or a list of such, "
        "received 1.0",
        ".over.model.dense: the value [0]: model.dense[0]: expected a whole number of at least 1, received 0",
        ".over.train.batch_size: the value 16.0: expected a whole number of at least 2, received 16.0",
        ".over.train.batch_size: the value 64.0: expected a whole number of at least 2, received 64.0",
    ]


def test_whole_sections_are_values_too(told: Callable[..., list[str]]) -> None:
    whole = "{kind: mlp, dense: {choice: [[4], [8]]}}, {kind: cnn, blocks: [[4]], head: {dense: [{int: [4, 8]}]}}"
    assert told(f"{{over: {{model: [{whole.split(', {kind: cnn')[0]}]}}}}") == []
    assert told(f"{{over: {{model: [{whole}]}}}}") == [
        ".over.model: the value {kind: 'cnn', blocks: [[4]], head: {dense: [{int: [4, 8]}]}}: model.head.dense[0]: "
        "expected a whole number of at least 1, received {int: [4, 8]}"
    ]
    assert told("{over: {model.kind: [mlp, cnn]}}") == [
        ".over.model.kind: a section whose kind changes is given whole: model: {kind: ['mlp', 'cnn'], ...}"
    ]
    assert told("{over: {train.optimizer: [{name: adam}], train.optimizer.lr: [0.1]}}") == [
        ".over.train.optimizer.lr: 'train.optimizer' is given whole by the same change; write it there"
    ]


@pytest.mark.parametrize(
    ("search", "message"),
    [
        ("yes", ": expected a mapping such as {over: ...}, received 'yes'"),
        ("{trials: 3}", ": missing key 'over'; expected a mapping of dotted paths to values"),
        ("{over: {}}", ".over: expected a mapping of dotted paths to values, received {}"),
        (
            "{over: {train.epochs: [1, 2]}, monitor: test_accuracy}",
            ".monitor: expected one of 'val_loss', 'val_accuracy', 'val_balanced_accuracy', 'val_macro_f1', "
            "received 'test_accuracy'; "
            "did you mean 'val_accuracy'?",
        ),
        ("{over: {train.epochs: [1, 2]}, minutes: 0}", ".minutes: expected a number above 0, received 0"),
        (
            "{over: {train.epochs: [1, 2]}, method: grid, trials: 5}",
            ": a grid tries every combination; leave trials out, or use random. Received trials: 5",
        ),
        (
            "{over: {train.epochs: [1, 2]}, epochs: 3}",
            ": trials differ in train.epochs, or all have so many epochs; leave one out",
        ),
        (
            "{over: {train.epochs: [1, 2], model.dropout: {uniform: [0, 0.5]}}, method: grid}",
            ".over.model.dropout: a grid needs values: give a list, or {int: [low, high]}; or use method: random or "
            "tpe",
        ),
        (
            "{over: {train.epochs: {int: [1, 200]}, train.batch_size: {int: [2, 100]}}, method: grid}",
            ".over: expected a grid of at most 10,000 combinations; this one has more; use method: tpe",
        ),
        (
            "{over: {data.validation: [0.1, 0.2], data.image_size: [8, 16]}}",
            ".over.data.validation: trials are judged by the same rows; of the data it may be data.image_size, "
            "data.channels, data.normalize, data.resize",
        ),
    ],
)
def test_what_a_search_cannot_be(told: Callable[..., list[str]], search: str, message: str) -> None:
    assert told(search) == [message]


def test_a_space_in_spaces_without_end(told: Callable[..., list[str]]) -> None:
    assert told(f"{{over: {{model.dropout: {'{choice: [' * 60}0.1{']}' * 60}}}}}") == [
        "ladder.yaml:8: nested more than 50 deep"
    ]
    space: Any = 0.1
    for _ in range(60):
        space = {"choice": [space]}
    rungs = [{"name": "base", "model": {"kind": "mlp", "dense": [4]}, "search": {"over": {"model.dropout": space}}}]
    [problem] = read_ladder(
        {"name": "deep", "data": {"source": "digits"}, "train": {"epochs": 1}, "rungs": rungs}
    ).problems
    assert str(problem).endswith("nested more than 50 deep")


@pytest.mark.parametrize("path", ["train.optimizer.lr=0.1", "train.optimizer={name: sgd}"])
def test_what_is_searched_over_is_not_set_too(told: Callable[..., list[str]], path: str) -> None:
    """It would be laid over what the search has found; what has nothing to do with it may be set."""
    search = "{over: {train.optimizer.lr: [0.1, 0.2]}}"
    assert told(search, path) == [
        f"--set {path}: the rung 'tuned' searches over it; leave it out here, or take it out of its search"
    ]
    assert told(search, "train.epochs=1", "model.dropout=0.1") == []


def test_an_answer_stands_as_if_it_had_been_typed(read: Callable[..., Reading]) -> None:
    text = BASE.replace("SEARCH", "{over: {model.dense: [[8], [16]], train.optimizer.lr: [0.1, 0.2]}}")
    reading = read(text + "  - name: child\n    change: {model.dropout: 0.5}\n", "train.epochs=7")
    answered = reading.answered({"tuned": {"model.dense": [16], "train.optimizer.lr": 0.2}})
    assert not answered.problems
    configs = {rung.name: dump_config(rung.config) for rung in answered.rungs}
    dense = {name: (config["model"]["dense"], config["train"]["optimizer"]["lr"]) for name, config in configs.items()}
    assert dense["tuned"] == dense["child"] == ([16], 0.2) != dense["base"]
    assert {rung.config.train.epochs for rung in answered.rungs} == {7}
    assert answered.locate("child", "model.dense").line == answered.locate("tuned", "train.optimizer.lr").line == 8


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(child)


def test_an_editor_knows_a_search() -> None:
    schema = json_schema()
    entry = schema["$defs"]["RungEntry"]["properties"]["search"]
    [name] = {node["$ref"].rpartition("/")[2] for node in nodes(entry) if "$ref" in node}
    search = schema["$defs"][name]
    assert set(search["properties"]) == {"over", "method", "trials", "minutes", "epochs", "prune", "monitor"}
    assert search["properties"]["method"]["enum"] == ["tpe", "random", "grid"]
    assert search["required"] == ["over"] and search["additionalProperties"] is False
    assert "{log: [low, high]}" in json.dumps(search["properties"]["over"])
