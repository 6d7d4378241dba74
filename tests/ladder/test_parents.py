"""Who inherits from whom, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from escalera.ladder.read import Reading, read_ladder
from escalera.ladder.schema import Cnn, Mlp

HEAD = "name: family\ndata: {source: digits, validation: 0.2}\n"
HEAD += "train: {epochs: 9, optimizer: {name: sgd, lr: 0.1}}\nrungs:\n"
BASE = "- name: base\n  model: {kind: cnn, blocks: [[32]]}\n"


def test_a_rung_changes_the_one_above_or_the_one_it_names(read: Callable[..., Reading]) -> None:
    reading = read(
        HEAD + BASE + "- {name: one, change: {train.epochs: 1}}\n"
        "- {name: two, change: {train.batch_size: 2}}\n"
        "- {name: side, from: base, change: {train.batch_size: 3}}\n"
    )  # fmt: skip
    assert reading.problems == []
    assert [
        (rung.name, rung.parent, rung.config.train.epochs, rung.config.train.batch_size) for rung in reading.rungs
    ] == [
        ("base", None, 9, 256),
        ("one", "base", 1, 256),
        ("two", "one", 1, 2),
        ("side", "base", 9, 3),
    ]


def test_a_parent_may_stand_below_its_child(read: Callable[..., Reading]) -> None:
    reading = read(
        HEAD + BASE + "- {name: early, from: late, change: {train.epochs: 2}}\n"
        "- {name: late, from: base, change: {model.blocks: [[7]]}}\n"
    )  # fmt: skip
    assert reading.problems == []
    assert [rung.name for rung in reading.rungs] == ["base", "early", "late"]
    early = reading.ladder["early"].config
    assert isinstance(early.model, Cnn)
    assert (early.model.blocks, early.train.epochs) == ([[7]], 2)


def test_a_long_family_needs_no_deep_stack(read: Callable[..., Reading]) -> None:
    rungs = "".join(f"- {{name: r{number}, from: r{number + 1}}}\n" for number in range(990))
    reading = read(HEAD + BASE + rungs + "- {name: r990, from: base, change: {train.epochs: 3}}\n")
    assert reading.problems == []
    assert reading.ladder["r0"].config.train.epochs == 3


def test_the_ladders_sections_lie_under_the_first_rung_key_by_key(read: Callable[..., Reading]) -> None:
    reading = read(
        HEAD + "- name: base\n  data: {image_size: 16}\n  model: {kind: mlp, dense: [4]}\n"
        "  train: {batch_size: 8, optimizer: {name: sgd, momentum: 0.5}}\n"
    )  # fmt: skip
    assert reading.problems == []
    [rung] = reading.rungs
    assert (rung.config.data.source, rung.config.data.validation, rung.config.data.image_size) == ("digits", 0.2, 16)
    assert (rung.config.train.epochs, rung.config.train.batch_size) == (9, 8)
    assert rung.config.train.optimizer.model_dump() == {
        "name": "sgd", "lr": 0.1, "backbone_lr": None, "layer_decay": None, "bias_scaler": None, "momentum": 0.5,
        "nesterov": False, "weight_decay": 0.0, "bias_decay": 0.0,
    }  # fmt: skip


def test_a_section_of_another_kind_is_not_merged(read: Callable[..., Reading]) -> None:
    reading = read(HEAD + BASE + "  train: {optimizer: {name: adam}}\n")
    assert reading.problems == []
    assert reading.rungs[0].config.train.optimizer.model_dump() == {
        "name": "adam", "lr": 1e-3, "backbone_lr": None, "layer_decay": None, "bias_scaler": None,
        "betas": [0.9, 0.999], "epsilon": 1e-7
    }  # fmt: skip


def test_a_first_rung_can_put_a_ladders_section_back_to_its_default(read: Callable[..., Reading]) -> None:
    reading = read(HEAD + BASE + "  train: null\n")
    assert reading.problems == []
    assert reading.rungs[0].config.train.epochs == 20


def test_from_null_begins_anew(read: Callable[..., Reading]) -> None:
    reading = read(HEAD + BASE + "- {name: other, from: null, model: {kind: mlp, dense: [4]}, augment: {shift: 0.1}}\n")
    assert reading.problems == []
    other = reading.ladder["other"]
    assert other.parent is None
    assert other.config.model == Mlp(kind="mlp", dense=[4])
    assert other.config.train.epochs == 9


def test_a_change_may_touch_the_data_and_the_parent_stays_as_it_was(read: Callable[..., Reading]) -> None:
    reading = read(HEAD + BASE + "- {name: other, change: {data.source: mnist, model: {kind: mlp, dense: [1]}}}\n")
    assert reading.problems == []
    assert [rung.config.data.source for rung in reading.rungs] == ["digits", "mnist"]
    assert [rung.config.data.validation for rung in reading.rungs] == [0.2, 0.2]
    assert [rung.config.model.kind for rung in reading.rungs] == ["cnn", "mlp"]


def test_one_plain_text_stands_for_both_languages(read: Callable[..., Reading]) -> None:
    ladder = read("title: Digits\n" + HEAD + BASE + "  why: Because\n- {name: other}\n").ladder
    assert ladder.title is not None
    assert (ladder.title["en"], ladder.title["es"]) == ("Digits", "Digits")
    assert ladder["base"].why is not None
    assert (ladder["base"].why.en, ladder["base"].why.es) == ("Because", "Because")
    assert ladder["other"].why is None


@pytest.mark.parametrize(
    ("rungs", "expected"),
    [
        ("- {name: a, from: a}\n", ["7: rungs[1] (a).from: the parents go in a circle: a -> a"]),
        (
            "- {name: a, from: c}\n- {name: b}\n- {name: c}\n",
            ["7: rungs[1] (a).from: the parents go in a circle: a -> c -> b -> a"],
        ),
        (
            "- {name: a, from: b}\n- {name: b, from: a}\n- {name: c, from: d}\n- {name: d, from: c}\n",
            [
                "7: rungs[1] (a).from: the parents go in a circle: a -> b -> a",
                "9: rungs[3] (c).from: the parents go in a circle: c -> d -> c",
            ],
        ),
        (
            "- {name: a, from: bass, change: {train.epochs: 0}}\n",
            [
                "7: rungs[1] (a).from: expected the name of a rung, received 'bass'; did you mean 'base'?",
                "7: rungs[1] (a).change.train.epochs: expected a whole number of at least 1, received 0",
            ],
        ),
        (
            "- {name: a, from: xyz, change: {train.epochz: 0, model.blocks: 3, model.dense: 4}}\n",
            [
                "7: rungs[1] (a).from: expected the name of a rung, received 'xyz'; known: base",
                "7: rungs[1] (a).change.train.epochz: unknown key 'epochz'; did you mean 'epochs'?",
            ],
        ),
        (
            "- {name: BASE}\n- {name: b, from: BASE}\n",
            ["7: rungs[1] (BASE).name: expected a name of its own, capitals aside, received 'BASE'; line 5 has 'base'"],
        ),
    ],
)
def test_parents_that_cannot_be(problems: Callable[..., list[str]], rungs: str, expected: list[str]) -> None:
    assert problems(HEAD + BASE + rungs) == [f"ladder.yaml:{line}" for line in expected]


def test_a_mapping_of_python_has_no_lines() -> None:
    rungs = [{"name": "a", "model": {"kind": "mlp", "dense": [4]}}, {"name": "A"}]
    [problem] = read_ladder({"name": "x", "data": {"source": "digits"}, "rungs": rungs}).problems
    assert str(problem).endswith("received 'A'; rungs[0] has 'a'")


def test_the_children_of_a_circle_are_left_out_without_further_words(read: Callable[..., Reading]) -> None:
    reading = read(HEAD + BASE + "- {name: a, from: a}\n- {name: b}\n- {name: c, from: base}\n")
    assert len(reading.problems) == 1
    assert [rung.name for rung in reading.rungs] == ["base", "c"]


def test_rungs_with_mistakes_and_their_children_are_left_out_of_the_ladder(read: Callable[..., Reading]) -> None:
    reading = read(
        HEAD + BASE + "- {name: wrong, change: {model.blocks: x}}\n- {name: child}\n"
        "- {name: mended, change: {model.blocks: [[3]]}}\n"
        "- {name: doubtful, from: base, change: {trian.epochs: 3}}\n- {name: grandchild}\n"
        "- {name: fine, from: base}\n"
    )  # fmt: skip
    assert len(reading.problems) == 2
    assert [rung.name for rung in reading.rungs] == ["base", "mended", "fine"]


def test_the_seed_and_name_are_kept(read: Callable[..., Reading]) -> None:
    ladder = read("seed: 7\n" + HEAD + BASE).ladder
    assert (ladder.name, ladder.seed) == ("family", 7)
