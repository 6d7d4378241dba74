"""The pictures: sound SVG that takes the page's colours, reads out loud, and comes with the numbers behind it."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ElementTree
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PIL import Image

from escalera.core.record import Epoch, PerClass
from escalera.evaluate.confusion import Confusion
from escalera.evaluate.metrics import tally
from escalera.evaluate.ranking import rank
from escalera.report.figures.classes import classes_figure
from escalera.report.figures.climb import ClimbStep, Level, climb_figure, span
from escalera.report.figures.climb_rows import climb_rows_figure
from escalera.report.figures.confusion import confusion_figure, order_of_classes
from escalera.report.figures.curves import curves_figures
from escalera.report.figures.ranking import ranking_figures
from escalera.report.figures.reliability import reliability_figure
from escalera.report.language import load_language
from escalera.report.svg import Drawing, Figure, Panel, ticks

EN, ES = load_language("en"), load_language("es")
SVG = "{http://www.w3.org/2000/svg}"
HISTORY = [
    Epoch(epoch=n, loss=2 / n, accuracy=1 - 0.5 / n, val_loss=2.1 / n, val_accuracy=1 - 0.6 / n, lr=0.1 / n)
    for n in range(1, 31)
]
STEPS = [
    ClimbStep("base", "plain", None, 0.63, 0.59, 0.67, 47.2),
    ClimbStep("deeper", "better", 0, 0.734, 0.69, 0.77, 45.1),
    ClimbStep("vgg", "failed", 1),
    ClimbStep("frozen", "worse", 1, 0.60, 0.56, 0.64, 1500.0),
    ClimbStep("tuned", "no evidence", 3, 0.61),
    ClimbStep("later", "absent", 4),
]


def confusion(count: int) -> Confusion:
    matrix = np.random.default_rng(count).integers(0, 4, (count, count)) + 30 * np.eye(count, dtype=int)
    return cells(matrix.tolist())


def cells(matrix: list[list[int]]) -> Confusion:
    found = Confusion.read(matrix, len(matrix))
    assert found is not None
    return found


def probabilities(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(count)
    labels = rng.integers(0, count, 400)
    logits = rng.normal(0, 1, (400, count))
    logits[np.arange(400), labels] += 2
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), labels


def names(count: int) -> list[str]:
    return [f"class {k}" for k in range(count)]


def draw(which: str, language: Any = EN) -> list[Figure]:
    kind, _, size = which.partition("-")
    count = int(size or 10)
    if kind == "climb":
        return [climb_figure(STEPS, language)]
    if kind == "curves":
        return curves_figures(HISTORY, 17, language, "a", "base")
    if kind == "confusion":
        return [confusion_figure(confusion(count), names(count), language, "a", "base")]
    if kind == "reliability":
        shares, labels = probabilities(count)
        return [reliability_figure(tally(np.log(shares), labels), language, "a", "base")]
    if kind == "ranking":
        return ranking_figures(rank(*probabilities(count)), names(count), language, "a", "base")
    rows = [
        PerClass(name=n, precision=0.7, recall=0.5 + k / 300, f1=0.6, support=9) for k, n in enumerate(names(count))
    ]
    return [classes_figure(rows, language, "a", "base")]


ALL = ["climb", "curves", "confusion-2", "confusion-10", "confusion-24", "confusion-100", "confusion-400",
       "reliability", "ranking-2", "ranking-10", "ranking-100", "classes-2", "classes-100"]  # fmt: skip


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


@pytest.mark.parametrize("which", ALL)
@pytest.mark.parametrize("language", [EN, ES], ids=["en", "es"])
def test_is_one_sound_element_with_alternative_text(which: str, language: Any) -> None:
    for figure in draw(which, language):
        root = ElementTree.fromstring(figure.svg)
        title = root[0]
        assert (root.tag, root.get("role"), title.tag) == (f"{SVG}svg", "img", f"{SVG}title")
        assert root.get("aria-labelledby") == title.get("id") == f"{figure.name}-title"
        assert len(title.text or "") > 10
        assert not re.search(r"\b(nan|inf|None)\b", figure.svg)
        assert len(figure.svg) < (300_000 if which == "confusion-400" else 100_000)


@pytest.mark.parametrize("which", ALL)
def test_everything_lies_on_the_sheet(which: str) -> None:
    for figure in draw(which):
        root = ElementTree.fromstring(figure.svg)
        width, height = float(root.get("width") or 0), float(root.get("height") or 0)
        for element in root.iter():
            for x, y in (("x", "y"), ("cx", "cy")):
                if element.get(x) and element.tag != f"{SVG}image":
                    assert -1 <= float(element.get(x) or 0) <= width + 1, (element.tag, element.attrib)
                    assert -1 <= float(element.get(y) or 0) <= height + 1, (element.tag, element.attrib)


@pytest.mark.parametrize("which", ALL)
def test_the_numbers_behind_it_are_columns_of_one_length(which: str) -> None:
    for figure in draw(which):
        lengths = {len(column) for column in figure.data.values()}
        assert len(lengths) == 1
        assert lengths.pop() > 0


def test_the_climb_shows_every_rung() -> None:
    (figure,) = draw("climb")
    words = texts(figure.svg)
    assert {"base", "deeper", "vgg", "frozen", "tuned", "later"} <= set(words)
    assert {"63.0", "▲ 73.4", "▼ 60.0", "○ 61.0", "not run", "25\u00a0min\u00a000\u00a0s"} <= set(words)
    assert any(word.startswith("✕") for word in words)
    assert "base 63.0%; deeper 73.4%" in figure.title
    assert list(figure.data["accuracy"]) == [0.63, 0.734, None, 0.60, 0.61, None]
    # A better rung stands higher.
    heights = [
        float(e.get("y") or 0)
        for e in ElementTree.fromstring(figure.svg).iter(f"{SVG}text")
        if e.text in ("63.0", "▲ 73.4")
    ]
    assert heights[1] < heights[0]


def test_the_curves_are_those_of_the_history() -> None:
    loss, accuracy, rate = draw("curves")
    assert [figure.name for figure in (loss, accuracy, rate)] == ["loss-a", "accuracy-a", "rate-a"]
    assert loss.data["val_loss"] == [line.val_loss for line in HISTORY]
    assert rate.data["lr"][0] == 0.1
    assert "chosen: 17" in texts(accuracy.svg)


def test_a_history_without_a_rate_has_two_curves() -> None:
    bare = [line.model_copy(update={"lr": None}) for line in HISTORY]
    assert [figure.name for figure in curves_figures(bare, None, EN, "a", "base")] == ["loss-a", "accuracy-a"]


def test_curves_of_a_single_epoch() -> None:
    assert len(curves_figures(HISTORY[:1], 1, EN, "a", "base")) == 3


def test_the_cells_are_the_counts() -> None:
    matrix = confusion(10).whole().tolist()
    (figure,) = draw("confusion-10")
    counts = [int(word) for word in texts(figure.svg) if word.isdigit()]
    assert counts == [n for row in matrix for n in row if n]
    assert figure.data["→ class 3"] == [row[3] for row in matrix]


def test_many_classes_stand_beside_those_they_are_confused_with() -> None:
    count = 60
    matrix = 50 * np.eye(count, dtype=int)
    for k in range(0, count, 2):  # pairs far apart: k with k + 31
        matrix[k, (k + 31) % count] = matrix[(k + 31) % count, k] = 20
    order = order_of_classes(cells(matrix.tolist()))
    assert sorted(order) == list(range(count))
    place = {k: order.index(k) for k in order}
    assert all(abs(place[k] - place[(k + 31) % count]) == 1 for k in range(0, count, 2))


def test_groups_stay_together() -> None:
    groups = [f"group {k % 7}" for k in range(70)]
    order = order_of_classes(confusion(70), groups)
    named = [groups[k] for k in order]
    assert sorted(order) == list(range(70))
    assert sum(a != b for a, b in pairwise(named)) == 6


def test_what_lies_far_below_all_rungs_runs_along_a_cut() -> None:
    rungs = [ClimbStep("a", "plain", None, 0.97, 0.96, 0.98), ClimbStep("b", "better", 0, 0.99, 0.98, 1.0)]

    def heights(*shares: float) -> tuple[list[float], int]:
        levels = [Level(f"level {share}", share) for share in shares]
        svg = climb_figure(rungs, EN, levels).svg
        dashed = re.findall(r'd="M44 ([\d.]+)L[^"]*"[^>]*stroke-dasharray="7 4"', svg)
        return [float(y) for y in dashed], svg.count('d="M39 ')

    far, cut = heights(0.1, 0.2)
    assert far == [340, 340] and cut == 2  # both lines of the mark
    near, cut = heights(0.95)
    assert 34 < near[0] < 326 and cut == 0
    # One that is above the rungs is always in the scale: that is what has to be seen.
    above, cut = heights(0.999)
    assert 34 < above[0] < 326 and cut == 0
    bad = [ClimbStep("a", "plain", None, 0.1, 0.09, 0.11)]
    assert span(bad, [Level("mean", 0.9)])[1] > 90


def test_a_single_rung_stands_beside_all_that_needs_no_network() -> None:
    """There are no steps that a wide scale would make small."""
    rung = [ClimbStep("a", "plain", None, 0.62, 0.61, 0.63)]
    svg = climb_figure(rung, EN, [Level("most frequent", 0.1), Level("nearest mean", 0.28)]).svg
    heights = [float(y) for y in re.findall(r'd="M44 ([\d.]+)L[^"]*"[^>]*stroke-dasharray="7 4"', svg)]
    assert svg.count('d="M39 ') == 0 and 34 < heights[1] < heights[0] - 60 and heights[0] < 326


def test_few_classes_keep_their_order() -> None:
    assert order_of_classes(confusion(30)) == list(range(30))


def test_very_many_classes_keep_theirs_too_or_that_of_their_groups() -> None:
    groups = [f"group {k % 3}" for k in range(210)]
    assert order_of_classes(confusion(210)) == list(range(210))
    assert order_of_classes(confusion(210), groups) == [k for g in range(3) for k in range(g, 210, 3)]


def test_beyond_two_hundred_classes_the_cells_are_listed() -> None:
    matrix = np.zeros((201, 201), int)
    matrix[0, 0], matrix[0, 200], matrix[200, 3] = 5, 2, 7
    figure = confusion_figure(cells(matrix.tolist()), names(201), EN, "a", "base")
    assert figure.data == {
        "Truth": ["class 0", "class 0", "class 200"], "Predicted": ["class 0", "class 200", "class 3"], "n": [5, 2, 7],
    }  # fmt: skip


def test_a_pixel_may_stand_for_several_cells() -> None:
    count = 2500
    every = np.arange(count)
    figure = confusion_figure(Confusion.of(every, (every + 1) % count, count), names(count), EN, "a", "base")
    png = re.search(r"base64,([^\"]+)", figure.svg)
    assert png
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(png[1]))))
    assert picture.shape == (834, 834, 4)
    assert picture[0, 0, 3] > 0 and picture[0, 5, 3] == 0
    assert len(figure.svg) < 100_000 and 'width="9' in figure.svg


def test_the_reliability_counts_every_row() -> None:
    (figure,) = draw("reliability")
    assert sum(figure.data["images"]) == 400
    assert all(c is None or low < c <= high for c, low, high in zip(
        figure.data["confidence"], figure.data["from"], figure.data["to"], strict=True))  # fmt: skip


def test_no_class_no_ranking() -> None:
    assert ranking_figures(rank(np.ones((3, 1)), np.zeros(3, int)), ["a"], EN, "a", "base") == []


def test_hostile_names_stay_text() -> None:
    evil = '<script>alert("x")</script>'
    figure = confusion_figure(cells([[1, 0], [0, 1]]), [evil, "b"], EN, "a", evil)
    assert "<script>" not in figure.svg
    assert '<script>alert("x")</…' in texts(figure.svg)
    assert (
        ElementTree.fromstring(figure.svg)[0].text
        == f"Confusion matrix of {evil}: true classes down, predicted classes across."
    )
    assert climb_figure([ClimbStep(evil, "plain", None, 0.5)], EN).svg.count("<script") == 0


def test_the_same_numbers_give_the_same_bytes() -> None:
    assert [figure.svg for figure in draw("ranking-10")] == [figure.svg for figure in draw("ranking-10")]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0, 100, [0, 20, 40, 60, 80, 100]),
        (62.1, 63.9, [62.5, 63, 63.5]),
        (0, 0.002, [0, 0.0005, 0.001, 0.0015, 0.002]),
        (3, 3, [3]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(expected)


def test_a_panel_turns_values_into_pixels() -> None:
    panel = Panel(Drawing(100, 100), 10, 20, 80, 60, (0, 4), (0, 10))
    assert panel.at([0, 4], [0, 10]) == [(10, 80), (90, 20)]


def test_the_climb_in_rows_fits_a_phone_whatever_its_rungs_are_called() -> None:
    figure = climb_rows_figure(
        [*STEPS, ClimbStep("a-rung-with-a-name-that-goes-on-and-on-and-on", "plain", None, 0.7)], EN
    )
    root = ElementTree.fromstring(figure.svg)
    texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
    assert float(root.attrib["width"]) <= 340
    for words in ("base", "▲ 73.4", "▼ 60.0", "○ 61.0", "✕ failed", "not run", "25 min 00 s"):
        assert words in [text.replace("\u00a0", " ") for text in texts], words
    assert [text for text in texts if text.startswith("a-rung") and text.endswith("…") and len(text) < 34]
    assert "deeper 73.4%" in figure.title


@pytest.mark.parametrize(("lead", "above"), [(0.3, True), (4.0, False)])
def test_the_key_of_the_precision_lies_where_the_curves_do_not(lead: float, above: bool) -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 10, 2000)
    logits = rng.normal(0, 1, (2000, 10))
    logits[np.arange(2000), labels] += lead
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    figure = ranking_figures(rank(shares, labels), names(10), EN, "a", "base")[1]
    mean = next(t for t in ElementTree.fromstring(figure.svg).iter(f"{SVG}text") if (t.text or "").startswith("mean"))
    assert (float(mean.attrib["y"]) < 100) is above


def test_the_table_of_a_climb_names_its_metric() -> None:
    drawn = climb_figure([ClimbStep("base", "plain", None, 0.5)], EN, metric="macro_f1")
    assert drawn.data["macro_f1"] == [0.5] and "accuracy" not in drawn.data
