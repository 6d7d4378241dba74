"""The pictures: sound SVG that takes the page's colours, reads out loud, and lives beside others in one page."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

from escalera.report.figures import INK, ClimbStep, climb_figure, confusion_figure, curves_figure
from escalera.report.language import load_language
from escalera.report.records import Epoch

EN, ES = load_language("en"), load_language("es")
SVG = "{http://www.w3.org/2000/svg}"
HISTORY = [
    Epoch(epoch=n, loss=2 / n, accuracy=1 - 0.5 / n, val_loss=2.1 / n, val_accuracy=1 - 0.6 / n) for n in range(1, 31)
]
STEPS = [
    ClimbStep("base", "plain", None, 0.63, 0.59, 0.67, 47.2),
    ClimbStep("deeper", "better", 0, 0.734, 0.69, 0.77, 45.1),
    ClimbStep("vgg", "failed", 1),
    ClimbStep("frozen", "worse", 1, 0.60, 0.56, 0.64, 1500.0),
    ClimbStep("tuned", "no evidence", 3, 0.61),
    ClimbStep("later", "absent", 4),
]


def confusion(count: int) -> list[list[int]]:
    return (np.random.default_rng(count).integers(0, 4, (count, count)) + 30 * np.eye(count, dtype=int)).tolist()


def draw(which: str, name: str = "a") -> str:
    if which == "climb":
        return climb_figure(STEPS, EN, name)
    if which == "curves":
        return curves_figure(HISTORY, 17, EN, name, "Learning curves of base")
    count = int(which.removeprefix("confusion-"))
    return confusion_figure(confusion(count), [f"c{k}" for k in range(count)], EN, name, "Confusion of base")


ALL = ["climb", "curves", "confusion-2", "confusion-10", "confusion-24", "confusion-100"]


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("which", ALL)
def test_is_one_sound_element_with_alternative_text(which: str) -> None:
    svg = draw(which)
    root = ElementTree.fromstring(svg)
    title = root[0]
    assert (root.tag, root.get("role"), title.tag) == (f"{SVG}svg", "img", f"{SVG}title")
    assert root.get("aria-labelledby") == title.get("id") == "a-title"
    assert len(title.text or "") > 10
    assert root.get("viewBox") == f"0 0 {root.get('width')} {root.get('height')}"
    assert not root.findall(f".//{SVG}style") + root.findall(f".//{SVG}metadata")


@pytest.mark.parametrize("which", ALL)
def test_takes_the_page_s_colour_and_fonts(which: str) -> None:
    svg = draw(which)
    assert "currentColor" in svg
    assert INK not in svg
    assert "DejaVu" not in svg
    assert "#000000" not in svg.replace("fill: none; stroke: #000000", "")
    assert "fill: #ffffff" not in svg.split("<text")[0]


@pytest.mark.parametrize("which", ALL)
def test_the_same_input_gives_the_same_bytes(which: str) -> None:
    assert draw(which) == draw(which)


@pytest.mark.parametrize("which", ALL)
def test_identifiers_are_the_figure_s_own(which: str) -> None:
    one, other = draw(which, "one"), draw(which, "other")
    ids = [set(re.findall(r' id="([^"]+)"', svg)) for svg in (one, other)]
    assert ids[0] and not ids[0] & ids[1]
    references = set(re.findall(r'(?:url\(|href=")#([^)"]+)', one))
    assert references <= ids[0]
    assert len(re.findall(r' id="', one)) == len(ids[0])


@pytest.mark.parametrize("which", ALL)
def test_asks_nothing_of_the_network(which: str) -> None:
    assert set(re.findall(r"https?://[^\"' ]+", draw(which))) == {"http://www.w3.org/2000/svg"}


def test_leaves_no_trace_in_matplotlib() -> None:
    before = dict(matplotlib.rcParams)
    draw("climb")
    assert dict(matplotlib.rcParams) == before
    assert not plt.get_fignums()


def test_threads_draw_the_same_as_one() -> None:
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(draw, ["curves"] * 8))) == 1


def test_the_climb_says_what_happened_in_signs_too() -> None:
    said = texts(climb_figure(STEPS, EN))
    for text in ("63.0", "▲ 73.4", "▼ 60.0", "○ 61.0", "✕ failed", "not run", "47.2 s", "25 min 00 s", "frozen"):
        assert text in [words.replace("\u00a0", " ") for words in said]
    assert "▲ 73,4" in texts(climb_figure(STEPS, ES))


def test_the_climb_of_one_rung() -> None:
    assert "63.0" in texts(climb_figure(STEPS[:1], EN))


@pytest.mark.parametrize("history", [[], [Epoch(epoch=1)], HISTORY[:1], [Epoch(epoch=n, loss=1.0) for n in (1, 2)]])
def test_curves_of_little(history: list[Epoch]) -> None:
    ElementTree.fromstring(curves_figure(history, None, EN, "a", "Learning curves"))


def test_curves_mark_the_chosen_epoch_and_speak_the_language() -> None:
    assert {"chosen epoch", "train", "validation", "Loss"} <= set(texts(draw("curves")))
    spanish = texts(curves_figure(HISTORY, 17, ES, "a", "Curvas"))
    assert {"época elegida", "entrenamiento", "validación", "Pérdida"} <= set(spanish)
    assert any("," in text for text in spanish)


def test_confusion_has_numbers_up_to_30_classes() -> None:
    counts = {str(number) for row in confusion(10) for number in row if number}
    assert counts <= set(texts(draw("confusion-10")))
    assert "c9" in texts(draw("confusion-10"))
    assert all(text.isdigit() or text in ("Predicted", "Truth") for text in texts(draw("confusion-100")))
    assert "<image" in draw("confusion-100") and "<image" not in draw("confusion-24")


def test_a_confusion_matrix_of_nothing() -> None:
    ElementTree.fromstring(confusion_figure([[0, 0], [0, 0]], ["a", "b"], EN, "a", "Nothing"))


def test_hostile_and_foreign_names_are_text() -> None:
    names = ["<script>alert(1)</script>", "$x_1^2$ & co", "猫 🐈"]
    svg = confusion_figure(confusion(3), names, EN, "a", '<script>"&')
    assert {*names} <= set(texts(svg))
    assert "<script" not in svg
    assert len(svg) < 20_000
