"""Settings that change nothing are told: in the plan, and at the rung; they are no mistakes."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

import escalera as esc
from escalera.cli.terminal import load_terminal, print_plan
from escalera.cli.terminal.narrator import Narrator
from escalera.cli.terminal.side_by_side import SideBySide
from escalera.experiment import climb, estimate
from escalera.ladder.idle import Idle, idle
from escalera.ladder.schema import Rung
from escalera.ladder.shipped import shipped

CNN: dict[str, Any] = {"kind": "cnn", "blocks": [[4], [4]]}
HEADS = {"head": {"batch_norm": True, "activation": "gelu"}}
BATCH_NORM = {"momentum": 0.9}
LATER = {"trainable": {"from_epoch": 3}}
BACKBONE = {"kind": "backbone", "name": "resnet18", "weights": "none"}


def without(setting: str, other: str) -> Idle:
    return Idle("without", {"setting": setting, "other": other})


def beside(setting: str, other: str) -> Idle:
    return Idle("beside", {"setting": setting, "other": other})


CASES: list[tuple[dict[str, Any], list[Idle]]] = [
    ({}, []),
    ({"data": {"resize": "pad"}}, [without("data.resize", "data.image_size")]),
    ({"data": {"resize": "pad", "image_size": 16}}, []),
    ({"data": {"rare_classes": "train", "group": "patient"}}, [beside("data.rare_classes", "data.group")]),
    ({"data": {"rare_classes": "train"}}, []),
    ({"augment": {"fill": "reflect"}}, [without("augment.fill", "augment.rotation, augment.shift, augment.zoom")]),
    ({"augment": {"fill": "reflect", "zoom": 0.1}}, []),
    ({"augment": {"magnitude": 0.9}}, [without("augment.magnitude", "augment.random_ops")]),
    ({"augment": {"magnitude": 0.9, "random_ops": 1}}, []),
    ({"model": {**CNN, "norm": BATCH_NORM}}, [without("model.norm", "model.batch_norm")]),
    ({"model": {**CNN, "norm": BATCH_NORM, "batch_norm": ["none", "block"]}}, []),
    (
        {"model": {**CNN, "order": "pool_first", "dropout_place": ["after_pool", "before_pool"]}},
        [beside("model.dropout_place", "model.order: pool_first")],
    ),
    ({"model": {**CNN, "order": "norm_first", "dropout_place": "before_pool"}}, []),
    (
        {"model": {"kind": "fusion", "branches": {"a": CNN, "b": {**CNN, "norm": BATCH_NORM}}}},
        [without("model.branches.b.norm", "model.branches.b.batch_norm")],
    ),
    (
        {"model": {**CNN, **HEADS}},
        [without("model.head.batch_norm", "model.head.dense"), without("model.head.activation", "model.head.dense")],
    ),
    ({"train": {"class_weights": "balanced", "sampler": "balanced"}}, [Idle("twice", {})]),
    ({"train": {"class_weights": {"7": 2.0}, "sampler": "balanced"}}, []),
    (
        {"train": {"epochs": 2, "schedule": {"name": "cosine", "warmup": 2}}},
        [Idle("warmup", {"epochs": "2", "warmup": "2"})],
    ),
    (
        {"train": {"epochs": 1, "schedule": {"name": "linear", "warmup": 2.5}}},
        [Idle("warmup", {"epochs": "1", "warmup": "2.5"})],
    ),
    ({"train": {"epochs": 2, "schedule": {"name": "cosine", "warmup": 1.9}}}, []),
    (
        {"model": {**BACKBONE, **LATER}, "train": {"epochs": 2}},
        [Idle("frozen", {"epochs": "2", "from_epoch": "3"})],
    ),
    ({"model": {**BACKBONE, **LATER}, "train": {"epochs": 3}}, []),
]


def rung(values: dict[str, Any]) -> Rung:
    first = {"name": "a", "model": CNN, "data": {}, **values}
    first["data"] = {"source": "cifar10", **first["data"]}
    return esc.load_ladder({"name": "x", "rungs": [first]}).ladder.rungs[0]


@pytest.mark.parametrize(("values", "expected"), CASES)
def test_a_setting_that_changes_nothing(values: dict[str, Any], expected: list[Idle]) -> None:
    assert idle(rung(values).config) == expected


def test_votes_look_once_and_the_settings_of_a_training_are_not_theirs() -> None:
    votes = {"name": "b", "change": {"model": {"kind": "votes", "features": {"from": "a"}}}}
    train = {"epochs": 1, "schedule": {"name": "cosine", "warmup": 1}}
    first = {"name": "a", "model": CNN, "train": train, "evaluate": {"tta": "flip"}}
    ladder = esc.load_ladder({"name": "x", "data": {"source": "digits"}, "rungs": [first, votes]}).ladder
    assert [one.why for one in idle(ladder["a"].config)] == ["warmup"]
    assert idle(ladder["b"].config) == [beside("evaluate.tta", "model.kind: votes")]


def test_no_shipped_ladder_has_any() -> None:
    assert not [idle(rung.config) for name, _ in shipped() for rung in esc.load_ladder(name).rungs if idle(rung.config)]


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "train.schedule.warmup is 1 epochs and train.epochs 1: the learning rate does not come to its full"),
        ("es", "train.schedule.warmup son 1 épocas y train.epochs, 1: la tasa de aprendizaje no llega a su altura."),
    ],
)
def test_the_plan_and_the_rung_say_so(language: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "PROBE_SECONDS", 0.02)
    train = {"epochs": 1, "schedule": {"name": "cosine", "warmup": 1}}
    written = {
        "name": "x",
        "data": {"source": "digits"},
        "rungs": [
            {"name": "a", "model": {"kind": "mlp", "dense": [4]}, "train": train},
            {"name": "plain", "change": {"train.schedule": None}},
        ],
    }
    reading = esc.load_ladder(written)
    rows = climb.plan(reading)
    assert [row.get("idle") for row in rows] == [[{"why": "warmup", "values": {"epochs": "1", "warmup": "1"}}], None]
    printed = io.StringIO()
    print_plan(Console(file=printed, width=200), rows, 1, load_terminal(language))
    assert f"a: {expected}" in printed.getvalue()
    assert "plain: " not in printed.getvalue()
    told = io.StringIO()
    narrator = Narrator(Console(file=told, width=200), language=language)
    for seed in (0, 1):
        narrator.rung_begins(reading.ladder["a"], seed, "1/4")
    assert told.getvalue().count(expected) == 1


@pytest.mark.parametrize("language", ["en", "es"])
def test_each_has_its_sentence(language: str) -> None:
    words = load_terminal(language)
    for remark in (remark for _, remarks in CASES for remark in remarks):
        sentence = words.say(f"idle.{remark.why}", **remark.values)
        assert all(value in sentence for value in remark.values.values())


def test_side_by_side_it_is_said_once_of_several_seeds() -> None:
    told = io.StringIO()
    among = SideBySide(Console(file=told, width=200))
    among.workers_begin(2, 1, "cores", 0, 0)
    one = rung({"train": {"class_weights": "balanced", "sampler": "balanced"}})
    for seed in (0, 1):
        among.of_run("a", seed).rung_begins(one, seed, "1/4")
    among.workers_end()
    assert told.getvalue().count("make up for rare classes twice: leave one of them out.") == 1
