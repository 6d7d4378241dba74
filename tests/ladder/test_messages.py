"""Every mistake a ladder file can hold, with the text a person reads."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from escalera.core.errors import LadderError
from escalera.ladder.read import Reading, dump_config, load_config, read_ladder
from escalera.ladder.schema import Section

NAME = "a name of at most 80 letters, digits and . _ -, the first a letter or digit"
SHARE = "a number above 0 and below 1"
FRACTION = "a number of at least 0 and below 1"
WHOLE = "a whole number of at least 1"
WHOLES = "a list of one or more whole numbers of at least 1"
BETAS = "a list of 2 numbers of at least 0 and below 1"
ACTIVATIONS = "'relu', 'leaky_relu', 'gelu', 'silu', 'tanh'"


def test_six_and_more_mistakes_of_one_file_are_told_together(problems: Callable[..., list[str]]) -> None:
    text = """
    name: wrong
    title: {en: Wrong from top to bottom}
    data: {source: digits, validation: 2}
    rungs:
      - name: base
        model: {kind: cnn, bloks: [[32]], head: {dense: [32, ten]}}
        train:
          epochs: ten
          optimizer: {name: sdg}
          epochs: 3
      - name: deeper
        change: {model.dropout: x, modle.blocks: [[1]], train.schedule.name: cosine}
      - name: lost
        from: basse
        change: {train.batch_size: 1}
      - name: deeper
        train: {clip_norm: .inf}
      - name: one
        from: other
      - name: other
        from: one
    """
    assert problems(text, "train.epochz=3") == [
        "ladder.yaml:2: title: missing key 'es'; expected text",
        f"ladder.yaml:3: data.validation: expected {SHARE}, received 2",
        f"ladder.yaml:6: rungs[0] (base).model.head.dense[1]: expected {WHOLE}, received 'ten'",
        "ladder.yaml:6: rungs[0] (base).model.bloks: unknown key 'bloks'; did you mean 'blocks'?",
        f"ladder.yaml:8: rungs[0] (base).train.epochs: expected {WHOLE}, received 'ten'",
        "ladder.yaml:9: rungs[0] (base).train.optimizer.name: unknown name 'sdg'; did you mean 'sgd'?",
        "ladder.yaml:10: rungs[0] (base).train.epochs: the key 'epochs' is given twice, first on line 8",
        "ladder.yaml:12: rungs[1] (deeper).change.modle.blocks: unknown key 'modle'; did you mean 'model'?",
        "ladder.yaml:12: rungs[1] (deeper).change.train.schedule.name: "
        "a section whose name changes is given whole: train.schedule: {name: cosine, ...}",
        f"ladder.yaml:12: rungs[1] (deeper).change.model.dropout: expected {FRACTION}, or a list of such, received 'x'",
        "ladder.yaml:14: rungs[2] (lost).from: expected the name of a rung, received 'basse'; did you mean 'base'?",
        "ladder.yaml:15: rungs[2] (lost).change.train.batch_size: "
        "expected a whole number of at least 2, received 1",
        "ladder.yaml:16: rungs[3] (deeper).name: "
        "expected a name of its own, capitals aside, received 'deeper'; line 11 has 'deeper'",
        "ladder.yaml:17: rungs[3] (deeper).train: "
        "a rung with a parent says under change what is new; write change: {train.clip_norm: ...}",
        "ladder.yaml:17: rungs[3] (deeper).train.clip_norm: expected a number above 0, received inf",
        "ladder.yaml:19: rungs[4] (one).from: the parents go in a circle: one -> other -> one",
        "--set train.epochz=3: unknown key 'epochz'; did you mean 'epochs'?",
    ]  # fmt: skip


SOUND = """
name: sound
data: {source: digits}
rungs:
  - name: base
    model: {kind: cnn, blocks: [[32]]}
    DIRECT
  - name: next
    CHANGE
"""


def change(line: str) -> str:
    return SOUND.replace("DIRECT", "train: {}").replace("CHANGE", f"change: {{{line}}}")


def direct(line: str) -> str:
    return SOUND.replace("DIRECT", line).replace("CHANGE", "change: {}")


def test_the_ladder_that_the_mistakes_are_put_into_is_sound(problems: Callable[..., list[str]]) -> None:
    assert problems(change("train.epochs: 3")) == []
    assert problems(direct("train: {epochs: 3}")) == []


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("train.epochs", "ten", f"expected {WHOLE}, received 'ten'"),
        ("train.epochs", "'10'", f"expected {WHOLE}, received '10'"),
        ("train.epochs", "0", f"expected {WHOLE}, received 0"),
        ("train.epochs", "1.5", f"expected {WHOLE}, received 1.5"),
        ("train.epochs", "true", f"expected {WHOLE}, received true"),
        ("train.epochs", "[3]", f"expected {WHOLE}, received [3]"),
        ("train.epochs", "{a: 1, b: [null]}", f"expected {WHOLE}, received {{a: 1, b: [null]}}"),
        ("train.epochs", "x" * 99, f"expected {WHOLE}, received '{'x' * 56}..."),
        ("train.batch_size", "1", "expected a whole number of at least 2, received 1"),
        ("train.clip_norm", "0", "expected a number above 0, received 0"),
        ("train.clip_norm", ".nan", "expected a number above 0, received nan"),
        ("train.clip_norm", "'1e-3'", "expected a number above 0, received '1e-3'"),
        ("train.optimizer.lr", "-1e-3", "expected a number above 0, received -0.001"),
        ("train.optimizer.betas", "[0.9]", f"expected {BETAS}, received [0.9]"),
        ("train.optimizer.betas", "0.9", f"expected {BETAS}, received 0.9"),
        ("train.label_smoothing", "1", f"expected {FRACTION}, received 1"),
        ("train.label_smoothing", "yes", f"expected {FRACTION}, received 'yes'"),
        ("train.precision", "bf61", "expected one of 'auto', 'fp32', 'bf16', received 'bf61'; did you mean 'bf16'?"),
        ("train.precision", "16", "expected one of 'auto', 'fp32', 'bf16', received 16"),
        ("train.early_stopping", "3", "expected a mapping such as {monitor: ...}, received 3"),
        ("train.early_stopping.monitor", "loss",
         "expected one of 'val_loss', 'val_accuracy', 'val_balanced_accuracy', 'val_macro_f1', "
         "or a list of such, received 'loss'; did you mean 'val_loss'?"),
        ("train.early_stopping.monitor", "[]",
         "expected at least one of 'val_loss', 'val_accuracy', 'val_balanced_accuracy', 'val_macro_f1', received []"),
        ("train.early_stopping.restore_best", "on", "expected true or false, received 'on'"),
        ("train.optimizer", "{lr: 0.1}", "missing key 'name'; expected one of 'adam', 'adamw', 'muon', 'sgd'"),
        ("train.optimizer", "adam", "expected a mapping such as {name: ...}, received 'adam'"),
        ("train", "[]", "expected a mapping such as {epochs: ...}, received []"),
        ("augment.rotation", "200", "expected a number of at least 0 and of at most 180, received 200"),
        ("augment.horizontal_flip", "yes", "expected true or false, received 'yes'"),
        ("data.channels", "2", "expected one of 1, 3, received 2"),
        ("data.source", "3", "expected text, received 3"),
        ("data.source", "null", "missing key 'source'; expected text"),
        ("data.image_size", "x", f"expected {WHOLE}, or a list of such, received 'x'"),
        ("data.image_size", "[8, 8, 8]", "expected one number or [height, width], received [8, 8, 8]"),
        ("model", "{blocks: [[1]]}",
         "missing key 'kind'; expected one of 'alexnet', 'backbone', 'cnn', 'conv1d', 'fusion', 'mlp', 'table', "
         "'transfer', 'votes'"),
        ("model", "{kind: cnn}",
         "missing key 'blocks'; expected a list of one or more lists of one or more whole numbers of at least 1"),
        ("model", "null", "missing key 'model'; expected a mapping such as {kind: ...}"),
        ("model.blocks", "[]",
         "expected a list of one or more lists of one or more whole numbers of at least 1, received []"),
        ("model.dropout", "[0.1, 0.2]",
         "expected one value alone or a list of 1 value, one for each of 'blocks', received [0.1, 0.2]"),
        ("model.activation", "rely",
         f"expected one of {ACTIVATIONS}, or a list of such, received 'rely'; did you mean 'relu'?"),
    ],
)  # fmt: skip
def test_a_wrong_value_says_what_was_expected_and_received(
    problems: Callable[..., list[str]], path: str, value: str, message: str
) -> None:
    assert problems(change(f"{path}: {value}")) == [f"ladder.yaml:8: rungs[1] (next).change.{path}: {message}"]


@pytest.mark.parametrize(
    ("path", "value", "place", "message"),
    [
        ("model.blocks", "[[8], [9, x]]", "model.blocks[1][1]", f"expected {WHOLE}, received 'x'"),
        ("model.blocks", "[[8], 9]", "model.blocks[1]", f"expected {WHOLES}, received 9"),
        ("model.blocks", "[[]]", "model.blocks[0]", f"expected {WHOLES}, received []"),
        ("model.dropout", "[2]", "model.dropout[0]", f"expected {FRACTION}, received 2"),
        ("model.activation", "[rely]", "model.activation[0]",
         f"expected one of {ACTIVATIONS}, received 'rely'; did you mean 'relu'?"),
        ("data.image_size", "[8, x]", "data.image_size[1]", f"expected {WHOLE}, received 'x'"),
        ("model", "{kind: mlp, dense: [0]}", "model.dense[0]", f"expected {WHOLE}, received 0"),
        ("model", "{kind: mlpp, dense: [4]}", "model.kind", "unknown kind 'mlpp'; did you mean 'mlp'?"),
        ("model", "{kind: unet}", "model.kind",
         "unknown kind 'unet'; known: alexnet, backbone, cnn, conv1d, fusion, mlp, table, transfer, votes"),
        ("model.head", "{dens: [3]}", "model.head.dens", "unknown key 'dens'; did you mean 'dense'?"),
        ("train", "{learning_rate: 1}", "train.learning_rate",
         "unknown key 'learning_rate'; did you mean 'train.optimizer.lr'?"),
        ("model.head", "{epochs: 3}", "model.head.epochs", "unknown key 'epochs'; did you mean 'train.epochs'?"),
        ("model.head", "{dense: [3], dropout: [0, 0.1]}", "model.head.dropout",
         "expected one value alone or a list of 1 value, one for each of 'dense', received [0.0, 0.1]"),
        ("train.schedule", "{name: 3}", "train.schedule.name",
         "unknown name 3; known: constant, cosine, exponential, linear, one_cycle, plateau"),
        ("train", "{exact: false, shards: 2}", "train.shards",
         "expected shards: 1 beside exact: false, where processes share a batch evenly; received 2"),
        ("train", "{shards: 3, batch_size: 30}", "train.shards",
         "expected a power of two (1, 2, 4, 8, ...), received 3"),
        ("train", "{shards: 4, batch_size: 30}", "train.shards",
         "expected shards of equal size, of two rows or more each, since batch norm learns nothing from a single row; "
         "received 4 shards of a batch of 30"),
        ("train", "{batch_size: 8, shards: 8}", "train.shards",
         "expected shards of equal size, of two rows or more each, since batch norm learns nothing from a single row; "
         "received 8 shards of a batch of 8"),
        ("train.optimizer", "{name: sgd, nesterov: true}", "train.optimizer.nesterov",
         "expected a momentum above 0 beside nesterov, received momentum 0"),
    ],
)  # fmt: skip
def test_a_mistake_within_a_value_is_told_at_its_place(
    problems: Callable[..., list[str]], path: str, value: str, place: str, message: str
) -> None:
    assert problems(change(f"{path}: {value}")) == [f"ladder.yaml:8: rungs[1] (next).change.{place}: {message}"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "ladder.yaml:1: expected a mapping such as {name: ..., rungs: ...}, received an empty file"),
        ("# nothing\n", "ladder.yaml:1: expected a mapping such as {name: ..., rungs: ...}, received an empty file"),
        ("[a]", "ladder.yaml:1: expected a mapping such as {name: ..., rungs: ...}, received ['a']"),
        (
            "a: [",
            "ladder.yaml:1: not YAML: expected the node content, but found '<stream end>' while parsing a flow node",
        ),
        ("name: &x a\ntitle: *x", "ladder.yaml:2: the alias '*x' is not taken in a ladder; write the value out"),
    ],
)
def test_a_file_that_is_no_mapping_is_one_problem(
    problems: Callable[..., list[str]], read: Callable[..., Reading], text: str, message: str
) -> None:
    assert problems(text) == [message]
    assert read(text).rungs == []


def test_a_file_that_is_not_utf_8_names_the_byte_and_its_line(tmp_path: Path) -> None:
    file = tmp_path / "latin.yaml"
    file.write_bytes("name: x\ntitle: señal\n".encode("latin-1"))
    assert [str(problem) for problem in read_ladder(file).problems] == [
        f"{file}:2: expected text in UTF-8, received the byte 0xf1; save the file as UTF-8"
    ]


def test_a_byte_order_mark_and_windows_line_ends_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "windows.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + direct("train: {epochs: 0}").strip().encode().replace(b"\n", b"\r\n"))
    [problem] = read_ladder(file).problems
    assert (problem.line, problem.path) == (6, "rungs[0] (base).train.epochs")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    file.write_text("a: 1\n" * 200_001)
    assert [str(problem) for problem in read_ladder(file).problems] == [
        f"{file}:1: expected a ladder of at most 1,000,000 bytes; this file is larger"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: a", ["1: missing key 'rungs'; expected a list of one or more mappings such as {name: ...}"]),
        ("name: a\nrungs: []", ["2: rungs: expected a list of one or more mappings such as {name: ...}, received []"]),
        (
            "name: a\nrungs: base",
            ["2: rungs: expected a list of one or more mappings such as {name: ...}, received 'base'"],
        ),
        ("name: a\nrungs: [base]", ["2: rungs[0]: expected a mapping such as {name: ...}, received 'base'"]),
        (
            "name: a\nrungs:\n- {}",
            [
                f"3: rungs[0]: missing key 'name'; expected {NAME}",
                "3: rungs[0]: missing key 'data'; expected a mapping such as {source: ...}",
                "3: rungs[0]: missing key 'model'; expected a mapping such as {kind: ...}",
            ],
        ),
        (
            "data: {source: x}\nrungs:\n- {name: a}",
            [
                f"1: missing key 'name'; expected {NAME}",
                "3: rungs[0] (a): missing key 'model'; expected a mapping such as {kind: ...}",
            ],
        ),
    ],
)
def test_a_frame_that_lacks_something_says_what(
    problems: Callable[..., list[str]], text: str, expected: list[str]
) -> None:
    assert problems(text) == [f"ladder.yaml:{message}" for message in expected]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("name: ../up", f"name: expected {NAME}, received '../up'"),
        ("name: 3", f"name: expected {NAME}, received 3"),
        ("name: x\nseed: -1", "seed: expected a whole number of at least 0, received -1"),
        ("name: x\nsead: 1", "sead: unknown key 'sead'; did you mean 'seed'?"),
        ("name: x\nmodel: {kind: mlp}", "model: unknown key 'model'; known: name, title, seed, data, augment, train, "
         "evaluate, rungs"),
        ("name: x\ntitle: 3", "title: expected a mapping such as {en: ..., es: ...} or text, received 3"),
        ("name: x\ntitle: {en: a, es: 3}", "title.es: expected text, received 3"),
        ("name: x\ntitle: {en: a, es: b, fr: c}", "title.fr: unknown key 'fr'; known: en, es"),
    ],
)  # fmt: skip
def test_what_stands_around_the_rungs_is_checked(problems: Callable[..., list[str]], line: str, message: str) -> None:
    text = direct("train: {}").replace("name: sound", line, 1)
    assert problems(text) == [f"ladder.yaml:{1 + line.count(chr(10))}: {message}"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("wy: x", "wy: unknown key 'wy'; did you mean 'why'?"),
        ("base: true",
         "base: unknown key 'base'; known: name, why, from, change, search, data, augment, model, train, evaluate"),
        ("why: {en: x}", "why: missing key 'es'; expected text"),
        ("why: [x]", "why: expected a mapping such as {en: ..., es: ...} or text, received ['x']"),
        ("from: 3", "from: expected text, received 3"),
        ("change: [a]", "change: expected a mapping of dotted paths to values, received ['a']"),
        ("change:", "change: expected a mapping of dotted paths to values, received null"),
        ("model: {kind: cnn, blocks: [[1]]}",
         "model: a rung with a parent says under change what is new; write change: {model.kind: ...}"),
        ("data:", "data: a rung with a parent says under change what is new; write change: {data: ...}"),
        ("data: x.csv", "data: a rung with a parent says under change what is new; write change: {data: ...}"),
        ("train.epochs: 3", "train.epochs: a dotted path stands under change; write change: {train.epochs: ...}"),
    ],
)  # fmt: skip
def test_what_a_later_rung_may_not_say(problems: Callable[..., list[str]], line: str, message: str) -> None:
    text = SOUND.replace("DIRECT", "train: {}").replace("CHANGE", line)
    assert problems(text)[0] == f"ladder.yaml:8: rungs[1] (next).{message}"


def test_what_a_change_lacks_is_told_beside_what_it_may_not_say(problems: Callable[..., list[str]]) -> None:
    text = SOUND.replace("DIRECT", "train: {}").replace("CHANGE", "change: {train.wrong: 1, model: {kind: transfer}}")
    assert [problem.split("change.")[1].split(";")[0] for problem in problems(text)] == [
        "train.wrong: unknown key 'wrong'",
        "model: missing key 'weights'",
    ]


def test_a_section_beside_the_change_is_checked_as_if_it_stood_in_it(problems: Callable[..., list[str]]) -> None:
    text = SOUND.replace("DIRECT", "train: {}").replace("CHANGE", "model: {blocks: [[x]]}")
    assert problems(text) == [
        "ladder.yaml:8: rungs[1] (next).model: "
        "a rung with a parent says under change what is new; write change: {model.blocks: ...}",
        f"ladder.yaml:8: rungs[1] (next).model.blocks[0][0]: expected {WHOLE}, received 'x'",
    ]


def test_a_first_rung_has_nothing_to_change(problems: Callable[..., list[str]]) -> None:
    text = "name: a\ndata: {source: x}\nrungs:\n- name: a\n  change: {model: {kind: mlp, dense: [x]}}"
    assert problems(text) == [
        "ladder.yaml:5: rungs[0] (a).change: "
        "a rung without a parent has nothing to change; write its sections (data, model, ...) directly",
        f"ladder.yaml:5: rungs[0] (a).change.model.dense[0]: expected {WHOLE}, received 'x'",
    ]


class TestInheritance:
    def test_an_inherited_mistake_is_told_once_where_it_was_typed(self, problems: Callable[..., list[str]]) -> None:
        text = direct("train: {epochs: ten}") + "  - name: third\n    change: {train.batch_size: 8}\n"
        assert problems(text) == [f"ladder.yaml:6: rungs[0] (base).train.epochs: expected {WHOLE}, received 'ten'"]

    def test_typed_again_it_is_told_again(self, problems: Callable[..., list[str]]) -> None:
        text = direct("train: {epochs: ten}").replace("change: {}", "change: {train.epochs: ten}")
        assert problems(text) == [
            f"ladder.yaml:6: rungs[0] (base).train.epochs: expected {WHOLE}, received 'ten'",
            f"ladder.yaml:8: rungs[1] (next).change.train.epochs: expected {WHOLE}, received 'ten'",
        ]

    def test_of_keys_at_odds_the_one_typed_last_is_to_blame_and_only_once(
        self, problems: Callable[..., list[str]]
    ) -> None:
        text = change("model.dropout: [0.1]") + (
            "  - name: third\n    change: {model.blocks: [[8], [9]]}\n"
            "  - name: fourth\n    change: {train.epochs: 3}\n"
        )  # fmt: skip
        assert problems(text) == [
            "ladder.yaml:10: rungs[2] (third).change.model.blocks: dropout: "
            "expected one value alone or a list of 2 values, one for each of 'blocks', received [0.1]"
        ]

    def test_what_follows_from_a_refused_path_is_not_told(self, problems: Callable[..., list[str]]) -> None:
        text = change("model.bloks: [[8], [9]], model.dropout: [0.1, 0.2]")
        assert problems(text) == [
            "ladder.yaml:8: rungs[1] (next).change.model.bloks: "
            "unknown key 'bloks' for kind 'cnn'; did you mean 'blocks'?"
        ]

    def test_a_mistake_in_the_ladders_sections_is_told_once_for_all_rungs_that_begin_there(
        self, problems: Callable[..., list[str]]
    ) -> None:
        text = direct("from:").replace("change: {}", "from:\n    model: {kind: mlp, dense: [1]}")
        assert problems(text.replace("digits", "[]")) == ["ladder.yaml:2: data.source: expected text, received []"]


def test_a_dump_is_plain_full_and_read_back() -> None:
    for rung in read_ladder("cifar10").rungs:
        values = json.loads(json.dumps(dump_config(rung.config)))
        assert set(values) == {"data", "augment", "model", "train", "evaluate"}
        settings = values["train"]["optimizer"]
        assert settings.pop("lr") in (1e-3, 1e-4)
        assert settings == {
            "name": "adam",
            "backbone_lr": None,
            "layer_decay": None,
            "bias_scaler": None,
            "betas": [0.9, 0.999],
            "epsilon": 1e-7,
        }
        values = dump_config(rung.config)
        assert load_config(values) == rung.config


def test_values_that_are_no_configuration_are_told_together() -> None:
    values = dump_config(read_ladder("digits").rungs[0].config)
    values["train"]["epochs"], values["model"]["dense"] = "x", [0]
    with pytest.raises(LadderError) as caught:
        load_config(values)
    assert str(caught.value) == textwrap.dedent(f"""\
        model.dense[0]: expected {WHOLE}, received 0
        train.epochs: expected {WHOLE}, received 'x'
        2 problems in the ladder; nothing was run.""")


def test_no_section_takes_what_it_does_not_know() -> None:
    sections = Section.__subclasses__()
    assert len(sections) >= 18
    for section in sections:
        assert section.model_config["extra"] == "forbid"
        assert section.model_config["strict"]
        assert section.model_config["frozen"]
        assert section.__doc__


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("{source: digits, validation: 0,2}",
         ["data.validation: expected a number above 0 and below 1, received 0",
          "data.2: unknown key '2'; numbers have a decimal point: 0.2 and not 0,2"]),
        ("{source:digits}",
         ["data.source:digits: unknown key 'source:digits'; write a blank after the colon: source: digits"]),
        ("{source: digits, epochs: 3}", ["data.epochs: unknown key 'epochs'; did you mean 'train.epochs'?"]),
        ("{source: digits, name: x}", None),
    ],
)  # fmt: skip
def test_what_yaml_took_otherwise_than_it_was_meant(
    problems: Callable[..., list[str]], data: str, expected: list[str] | None
) -> None:
    found = problems(f"name: sound\ndata: {data}\nrungs:\n  - {{name: a, model: {{kind: mlp, dense: [4]}}}}\n")
    if expected is None:  # too many sections have a name
        assert "unknown key 'name'; known: source, form, " in found[0]
    else:
        assert [line.partition(": ")[2] for line in found] == expected
