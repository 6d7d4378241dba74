from __future__ import annotations

import math
from typing import Any

import pytest

from escalera.ladder.document import read_document


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        ("-.5", -0.5),
        ("3.", 3.0),
        ("010", 10),
        ("+7", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("1_000", "1_000"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("off", "off"),
        ("~", None),
        ("null", None),
        ("''", ""),
        ("'12'", "12"),
        ("2024-01-31", "2024-01-31"),
        ("12:30", "12:30"),
        ("=", "="),
        ("[1, [2, {a: b}], ]", [1, [2, {"a": "b"}]]),
        ("{1: x, true: y, on: z}", {"1": "x", "true": "y", "on": "z"}),
        ("|\n  two\n  lines\n", "two\nlines\n"),
        ("", None),
        ("# nothing\n", None),
    ],
)
def test_scalars_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    document = read_document(text)
    assert (document.value, type(document.value)) == (value, type(value))
    assert document.flaws == []


def test_not_a_number_is_a_number() -> None:
    assert math.isnan(read_document(".nan").value)


def test_every_key_and_item_keeps_its_line() -> None:
    document = read_document("a: 1\nb:\n  - x\n  -\n    c: [1,\n      2]\n")
    assert document.lines == {
        (): 1,
        ("a",): 1,
        ("b",): 2,
        ("b", 0): 3,
        ("b", 1): 5,
        ("b", 1, "c"): 5,
        ("b", 1, "c", 0): 5,
        ("b", 1, "c", 1): 6,
    }


def test_a_path_that_was_not_typed_has_the_line_of_the_one_above() -> None:
    document = read_document("a:\n  b: {c: 1}\n")
    assert document.typed(("a", "b", "x", 3)) == ("a", "b")
    assert document.line(("a", "b", "x", 3)) == 2
    assert document.line(("z",)) == 1


def test_a_key_given_twice_keeps_its_first_value_and_names_both_lines() -> None:
    document = read_document("a: {x: 1}\nb: 2\na: {y: [1, 2], y: 3}\n")
    assert document.value == {"a": {"x": 1}, "b": 2}
    assert [(flaw.message, flaw.line) for flaw in document.flaws] == [
        ("the key 'a' is given twice, first on line 1", 3),
        ("the key 'y' is given twice, first on line 3", 3),
    ]
    assert ("a", "y") not in document.lines


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: [1\nb: 2\n", 2, "not YAML: expected ',' or ']', but got ':' while parsing a flow sequence"),
        (
            "a:\n\t- 1\n",
            2,
            "not YAML: found character '\\t' that cannot start any token while scanning for the next token",
        ),
        ("a: 1\nb: 'x\n", 3, "not YAML: found unexpected end of stream while scanning a quoted scalar"),
        ("a: 1\nb: \x00\n", 2, "not YAML: the character '\\x00' is not allowed"),
        ("a: &x [1]\nb: *x\n", 2, "the alias '*x' is not taken in a ladder; write the value out"),
        (
            "a:\n  !!python/object/apply:os.system [x]\n",
            2,
            "the tag 'tag:yaml.org,2002:python/object/apply:os.system' is not taken in a ladder; write the value alone",
        ),
        ("a: !!str 3\n", 1, "the tag 'tag:yaml.org,2002:str' is not taken in a ladder; write the value alone"),
        ("a: ! 3\n", 1, "the tag '!' is not taken in a ladder; write the value alone"),
        ("a: 1\n? [b]\n: 2\n", 2, "expected a key of one word, received a list, a mapping or an alias"),
        ("a: 1\n---\nb: 2\n", 2, "expected one document, received another after '---'"),
        ("a: " + "[" * 60 + "]" * 60, 1, "nested more than 50 deep"),
        ("a: " + "9" * 5000, 1, "a number of 5000 digits is not taken in a ladder"),
    ],
)
def test_what_cannot_be_read_says_why_and_where(text: str, line: int, message: str) -> None:
    document = read_document(text)
    assert [(flaw.message, flaw.line) for flaw in document.flaws] == [(message, line)]
    assert document.value is None


def test_no_depth_and_no_alias_grows_beyond_its_text() -> None:
    assert read_document("[" * 200_000).flaws[0].message == "nested more than 50 deep"
    bomb = "a: &a [x, x]\n" + "".join(f"{name}: &{name} [*a, *a]\n" for name in "bcdefgh")
    assert read_document(bomb).flaws[0].message.startswith("the alias '*a'")
