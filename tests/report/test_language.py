"""Words in two languages, every one of them used; numbers as each language writes them."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import numpy as np
import pytest

import escalera.report
from escalera.core.energy import REASONS
from escalera.core.errors import EscaleraError
from escalera.core.fault import Kind as FaultKind
from escalera.data import facets
from escalera.data.column import Kind, Remark
from escalera.evaluate.baselines import NAMES
from escalera.evaluate.compare import Verdict
from escalera.evaluate.metrics import SHARES, measure
from escalera.experiment.auto.moves import MOVES
from escalera.models.ensemble.classifiers import CLASSIFIERS
from escalera.report.figures.search_best import UNITS
from escalera.report.language import LANGUAGES, Language, load_language, of_rows
from escalera.report.page import LADDER_SECTIONS
from escalera.report.rung import Obstacle
from escalera.report.runs import State
from escalera.report.slices import DUPLICATE, NO, YES

EN, ES = load_language("en"), load_language("es")
METRICS = [*measure(np.eye(20), np.arange(20), [*"abcdefghijklmnopqrst"])][:-2]
"""Those there are, without what is said of each class."""
FOLDER = Path(escalera.report.__file__).parent


def test_both_languages_say_the_same_things() -> None:
    assert list(EN.messages) == list(ES.messages)
    for key, text in EN.messages.items():
        names = [{name for _, name, _, _ in Formatter().parse(words) if name} for words in (text, ES.messages[key])]
        assert names[0] == names[1], key
        assert text.strip() and ES.messages[key].strip(), key


def test_every_message_is_used() -> None:
    """In the sources as it stands, or as a member of a group whose members are a type's values."""
    sources = [
        *FOLDER.rglob("*.py"),
        *FOLDER.rglob("*.j2"),
        FOLDER.parent / "experiment" / "explore.py",
        FOLDER.parent / "core" / "language.py",
    ]
    text = "\n".join(path.read_text() for path in sources)
    groups = {
        "verdict": [verdict.replace(" ", "-") for verdict in get_args(Verdict)],
        "obstacle": get_args(Obstacle),
        "state": [*set(get_args(State)) - {"done"}, "unreadable"],
        "split": ["train", "validation", "test"],
        "pair": ["exact", "near"],
        "pairs": ["across", "conflict", "within"],
        "column": [*get_args(Kind), "other"],
        "remark": get_args(Remark),
        "stopped": ["early stopping", "all epochs", "out of time"],
        "unit": [f"{unit}.{n}" for unit in re.findall(r'count\([^"]*, "(\w+)"\)', text) for n in ("one", "other")],
        "how": [
            f"{key}{end}"
            for key in re.findall(r'"(\w+)"', text[text.index('"keys": [') + 8 :][:120])
            for end in ("", ".term")
        ],
        "search": [
            *(f"count.{state}" for state in ("done", "pruned", "failed")),
            *(f"state.{state}" for state in ("done", "pruned", "failed", "running")),
            *(f"method.{method}" for method in ("tpe", "random", "grid")),
            *("flatters", "fair", "humble"),
            *(unit for unit, _ in UNITS),
        ],
        "auto": [
            *(f"move.{move}" for move in ("first", *MOVES)),
            *("kept", "waits", "dropped", "dear"),
            *(unit for unit, _ in UNITS),
        ],
        "found": [
            *("rows", "pixels", "uneven", "few", "few_of_several", "duplicates", "twins", "conflicts", "bad", "table"),
        ],
        "nav": [name for name in LADDER_SECTIONS if name != "climb"],
        "words": ["better", "worse", "longer", "shorter", "as_long"],
        "gap": [
            *("drawn", "hardly", "full", "some", "much", "chance", "above_train"),
            *("nothing", "unshown", "agree", "below", "above", "apart"),
        ],
        "baseline": [f"{name}{end}" for name in NAMES for end in ("", ".means")],
        "narrow": ["one", "one_wrong", "few", "some"],
        "beaten": ["majority_none", "majority_worse", *NAMES[1:]],
        "below": [*NAMES, "one"],
        "summary": NAMES,
        "seen": ["near", "small", "many", "unknown"],
        "sure": ["fair", "over", "under", "mixed"],
        "ensemble": [
            *("trained", "alone", "shuffled"),
            *(f"classifier.{name}" for name in CLASSIFIERS),
            *(f"{who}_{outcome}" for who in ("fusion", "votes") for outcome in ("better", "worse", "none")),
        ],
        "metric": [f"{name}{end}" for name in METRICS for end in ("", ".means")],
        "fault": get_args(FaultKind),
        "step": ["fixed", "broken"],
        "energy": [*REASONS, *(f"of.{part}" for part in ("cpu", "memory", "gpu"))],
        "slices": [facets.SIZE, facets.BRIGHTNESS, facets.FOLDER, DUPLICATE, YES, NO, "missing", "top"],
        "mistakes": ["confident", "uncertain"],
        "rung": ["ordered_groups", "ordered_likeness", "ordered_none", "precision", "recall", "f1"],
        "figure": [
            *(f"curve_{kind}{end}" for kind in ("loss", "accuracy", "rate") for end in ("", "_text")),
            *(f"{kind}{end}" for kind in ("roc", "pr") for end in ("", "_x", "_text")),
        ],
    }
    used = set(re.findall(r'"([a-z]+\.[a-z0-9_.-]+)"', text))
    used |= {f"{group}.{member}" for group, members in groups.items() for member in members}
    used |= {f"state.{state}.text" for state in ("failed", "damaged", "running", "absent")}
    used |= {f"{key}_by" for key in used}
    used |= {f"by.{metric}" for metric in SHARES if metric != "accuracy"}
    assert sorted(set(EN.messages) - used) == []
    for group, members in groups.items():
        assert {f"{group}.{member}" for member in members} <= set(EN.messages), group


def test_another_language_is_a_mistake() -> None:
    with pytest.raises(EscaleraError, match=r"language: expected one of en, es, received 'fr'\."):
        load_language("fr")


@pytest.mark.parametrize(
    ("value", "digits", "sign", "en", "es"),
    [
        (1234.5, 1, False, "1,234.5", "1234,5"),
        (12345.678, 2, False, "12,345.68", "12\u202f345,68"),
        (263402, 0, False, "263,402", "263\u202f402"),
        (-1.84, 1, True, "−1.8", "−1,8"),
        (1.0, 1, True, "+1.0", "+1,0"),
        (-0.01, 1, True, "0.0", "0,0"),
        (None, 0, False, "–", "–"),
        (float("nan"), 3, False, "–", "–"),
        (float("inf"), 0, False, "–", "–"),
    ],
)
def test_numbers(value: float | None, digits: int, sign: bool, en: str, es: str) -> None:
    assert (EN.number(value, digits, sign=sign), ES.number(value, digits, sign=sign)) == (en, es)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.0 s"),
        (0.00042, "0.42 ms"),
        (0.0083, "8 ms"),
        (0.0996, "0.1 s"),
        (47.23, "47.2 s"),
        (59.96, "1 min 00 s"),
        (149, "2 min 29 s"),
        (3599.7, "1 h 00 min"),
        (6300, "1 h 45 min"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_durations(seconds: float | None, text: str) -> None:
    assert EN.duration(seconds).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (20.4, "20 s"), (89, "89 s"), (180, "3 min"), (3599, "60 min"), (6300, "1 h 45 min")],
)
def test_what_is_estimated_is_said_in_one_unit(seconds: float, text: str) -> None:
    assert EN.wait(seconds).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3_104_256, "3.10 MFLOPs"),
        (999.6, "1.00 kFLOPs"),
        (12_345, "12.3 kFLOPs"),
        (412e9, "412 GFLOPs"),
        (7, "7 FLOPs"),
        (0, "0 FLOPs"),
        (None, "–"),
    ],
)
def test_prefixes(value: float | None, text: str) -> None:
    assert EN.short(value, "FLOPs").replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("p", "text", "sentence"),
    [
        (0.568, "0.568", "p = 0.568"),
        (0.001, "0.001", "p = 0.001"),
        (1e-9, "< 0.001", "p < 0.001"),
        (None, "–", "p = –"),
    ],
)
def test_p_values(p: float | None, text: str, sentence: str) -> None:
    assert EN.p_value(p).replace("\u00a0", " ") == text
    assert EN.p_text(p).replace("\u00a0", " ") == sentence


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0.00 USD"), (1.5, "1.50 USD"), (0.0123, "0.012 USD"), (3e-7, "0.00000030 USD")]
)
def test_money(amount: float, text: str) -> None:
    assert EN.money(amount, "USD").replace("\u00a0", " ") == text


def test_shares() -> None:
    assert (EN.percent(0.8172), ES.percent(0.8172), EN.percent(None)) == ("81.7%", "81,7\u00a0%", "–")
    assert (EN.points(-0.018, sign=True), ES.points(0.116, sign=True)) == ("−1.8", "+11,6")


def test_counts_and_lists() -> None:
    assert [EN.count(n, "epoch") for n in (1, 2)] == ["1 epoch", "2 epochs"]
    assert [ES.count(n, "class") for n in (1, 10)] == ["1 clase", "10 clases"]
    assert [EN.listing(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert ES.listing(["a", "b", "c"]) == "a, b y c"


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_percent_sign_never_starts_a_line(code: str) -> None:
    assert not [key for key, text in load_language(code).messages.items() if " %" in text]


@pytest.mark.parametrize(("language", "left"), [(EN, r"\bimages?\b"), (ES, r"\bim(agen|ágenes)\b")])
def test_a_ladder_that_reads_a_table_answers_rows(language: Language, left: str) -> None:
    rows = of_rows(language)
    assert list(rows.messages) == list(language.messages)
    for key, text in rows.messages.items():
        names = [{name for _, name, _, _ in Formatter().parse(words)} for words in (text, language.messages[key])]
        assert names[0] == names[1], key
        if re.search(left, re.sub(r"\{\w+\}", "", text), re.IGNORECASE):
            assert key.startswith(("explore.", "pairs.", "shot.", "mistakes.", "data.", "seen.small", "baseline."))
    assert rows.count(2, "image") == {"en": "2 rows", "es": "2 filas"}[language.code]


def test_an_unknown_message_is_an_error() -> None:
    with pytest.raises(KeyError, match="nowhere"):
        Language("en", {}).say("nowhere")
