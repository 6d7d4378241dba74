"""What the page says of a run that learned nothing, or little: beside its accuracy, and before any other reason."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from html import unescape
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from escalera.cli.terminal import load_terminal, print_rungs
from escalera.core.rundir import BESIDE
from escalera.evaluate.compare import compare
from escalera.evaluate.metrics import measure
from escalera.experiment.summary import as_values
from escalera.report.baselines import answered
from escalera.report.page import write_report
from escalera.report.story import read_story

ROWS = {"train": 115, "validation": 13, "test": 32}
NAMES = ["enfermo", "sano"]
LABELS = np.array([0] * 3 + [1] * 29)
SHARES = {"train": [12, 103], "validation": [1, 12], "test": [3, 29]}
ONE = [{"name": "base", "accuracy": 0.6, "seconds": 1.0, "epochs": 2}]
TWO = [*ONE, {"name": "deeper", "accuracy": 0.7, "seconds": 1.0, "epochs": 2}]
Build = Callable[..., Path]


def answer(
    run: Path,
    said: np.ndarray,
    labels: np.ndarray = LABELS,
    names: list[str] = NAMES,
    shares: dict[str, list[int]] | None = None,
    simple: dict[str, np.ndarray] | None = None,
    **accuracies: float,
) -> None:
    """Let a run have answered so, beside what needs no network."""
    logits = np.full((len(said), len(names)), -2.0, np.float32)
    logits[np.arange(len(said)), said] = 1
    columns: dict[str, Any] = {"row": np.arange(len(said)), "label": labels, "logits": list(logits)}
    for name, classes in (simple or {}).items():
        columns[f"{BESIDE}baseline:{name}"] = pa.FixedSizeListArray.from_arrays(pa.array(classes.astype(np.int16)), 1)
    pq.write_table(pa.table(columns), run / "predictions.parquet")
    splits = {split: {"accuracy": accuracies.get(split, 0.9), "loss": 0.3} for split in ("train", "validation")}
    (run / "metrics.json").write_text(json.dumps({**splits, "test": measure(logits, labels, names)}))
    record = json.loads((run / "run.json").read_text())
    record["data"] |= {"classes": names, "rows": {**record["data"]["rows"], "test": len(said)}}
    if shares:
        record["data"]["class_rows"] = shares
    (run / "run.json").write_text(json.dumps(record))


def words(folder: Path, language: str = "en") -> str:
    html = write_report(folder, language).read_text(encoding="utf-8")
    text = re.sub(r"<(style|script|svg).*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)).replace("\u00a0", " "))


def printed(folder: Path, *texts: str) -> bool:
    """Whether the table of the terminal, and what stands below it, has these."""
    file = StringIO()
    print_rungs(Console(file=file, width=200), read_story(folder), load_terminal("en"))
    return all(text in file.getvalue() for text in texts)


def simple(mean: np.ndarray) -> dict[str, np.ndarray]:
    return {"majority": np.ones(len(mean), int), "nearest_mean_images": mean}


@pytest.fixture
def constant(build: Build) -> Path:
    """A run that answers 'sano' to everything, as in the real case."""
    folder = build(rungs=ONE, classes=NAMES, rows=ROWS)
    mean = np.where(np.arange(32) < 17, LABELS, 1 - LABELS)
    answer(folder / "base/seed-0", np.ones(32, int), shares=SHARES, simple=simple(mean), train=103 / 115)
    return folder


def test_one_answer_for_everything_is_called_that(constant: Path) -> None:
    text = words(constant)
    assert "No rung is shown to do better than always answering 'sano', which gets 90.6% of the test images" in text
    assert "It answers 'sano' to all 32 test images; that is right for the 90.6% that are sano." in text
    assert "hardly any gap" not in text and "harder" not in text
    assert "There is no evidence that it is better than always" not in text  # the sentence above says it
    assert "Every test image gets the same answer" in text
    # Its entropy, and not the logarithm of two.
    assert "0 is perfect, 0.31 is knowing the shares of the classes" in text and "0.69 is" not in text
    assert "The same answer to every test image: base ('sano')." in text
    text = words(constant, "es")
    assert "De ningún peldaño consta que supere a responder siempre «sano», que acierta el 90,6 % de las" in text
    assert "Responde «sano» a las 32 imágenes de prueba, y acierta en el 90,6 % que lo son." in text
    assert "apenas hay brecha" not in text


def test_the_baselines_stand_in_chart_table_and_json(constant: Path) -> None:
    text = words(constant)
    assert "always 'sano' Change Knows nothing" in text or "always 'sano' Knows nothing" in text
    assert "nearest class mean (pixels)" in text
    with (constant / "figures/climb.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["rung"], row["outcome"], float(row["accuracy"])) for row in rows] == [
        ("always 'sano'", "baseline", 29 / 32), ("nearest class mean (pixels)", "baseline", 17 / 32),
        ("base", "plain", 29 / 32),
    ]  # fmt: skip
    svg = (constant / "figures/climb.svg").read_text()
    assert svg.count('stroke-dasharray="7 4"') == 2
    assert "always 'sano' 90.6%" in unescape(svg)
    found = as_values(read_story(constant))
    assert found["baselines"] == [
        {"name": "majority", "class": "sano", "test_accuracy": 29 / 32, "score": 29 / 32},
        {"name": "nearest_mean_images", "class": None, "test_accuracy": 17 / 32, "score": 17 / 32},
    ]
    [rung] = found["rungs"]
    assert rung["against"]["majority"] == {
        "difference": 0, "interval": [0, 0], "p_holm": 1, "verdict": "no evidence",
    }  # fmt: skip
    assert rung["answers"] == [{"seed": 0, "said": 1, "never": ["enfermo"]}]


def test_rungs_that_see_other_pictures_stand_beside_other_means(build: Build) -> None:
    """A nearest mean of larger pictures is another one, and no rung is called worse than that of its neighbour."""
    folder = build(rungs=TWO, classes=NAMES, rows=ROWS)
    labels = np.arange(60) % 2
    said = np.where(np.arange(60) < 18, labels, 1 - labels)
    for name, right in (("base", 36), ("deeper", 48)):
        mean = np.where(np.arange(60) < right, labels, 1 - labels)
        simple = {"majority": np.ones(60, int), "nearest_mean_images": mean}
        answer(folder / name / "seed-0", said, labels, simple=simple)
    story = read_story(folder)
    found = [(one.name, round(one.score, 2)) for one in story.baselines]
    assert found == [("majority", 0.5), ("nearest_mean_images", 0.6), ("nearest_mean_images", 0.8)]
    assert [story.beside(one) for one in story.baselines] == [[], ["base"], ["deeper"]]
    text = words(folder)
    assert "nearest class mean (pixels) base Knows" in text and "nearest class mean (pixels) deeper Knows" in text
    assert printed(folder, "nearest class mean (pixels): base ", "nearest class mean (pixels): deeper ")
    assert "which needs no network and gets 60.0% right: base ." in text
    assert "which needs no network and gets 80.0% right: deeper ." in text


def test_the_comparison_is_paired_and_corrected_over_the_rungs(build: Build) -> None:
    folder = build(rungs=TWO, classes=NAMES, rows=ROWS)
    labels = np.arange(60) % 2
    right = np.array([1] * 50 + [0] * 10, bool)
    mean = np.where(right, labels, 1 - labels)
    said = [np.where(np.arange(60) < n, labels, 1 - labels) for n in (36, 30)]
    for name, one in zip(("base", "deeper"), said, strict=True):
        answer(
            folder / name / "seed-0", one, labels, simple={"majority": np.ones(60, int), "nearest_mean_images": mean}
        )
    base, deeper = read_story(folder).rungs
    expected = [compare(right[None], (one == labels)[None]) for one in said]
    assert [rung.against[1].comparison for rung in (base, deeper)] == expected
    assert base.against[1].p == max(expected[0].p, 2 * expected[1].p)
    assert deeper.against[1].p == 2 * expected[1].p
    assert [one.verdict for one in (base.against[0], base.against[1])] == ["no evidence", "worse"]
    text = words(folder)
    assert "no evidence that it is better than always answering 'sano', which gets 50.0% right: +10.0 points" in text
    assert "It is worse than the nearest class mean of the pixels, which needs no network and gets 83.3% right" in text
    assert "Worse than the nearest class mean of the pixels" in text and ": base and deeper ." in text
    assert "not shown to beat always 'sano'" in text


def test_a_run_that_beats_them_says_what_they_get(build: Build) -> None:
    folder = build(rungs=ONE, classes=NAMES, rows=ROWS)
    labels = np.arange(60) % 2
    answer(folder / "base/seed-0", labels, labels, simple={"majority": np.ones(60, int)})
    text = words(folder)
    assert "Without any network: always 'sano' 50.0%." in text
    assert "no better" not in text
    assert read_story(folder).rungs[0].ranges[0][1].variety == "all"


def test_a_nearest_mean_that_is_as_good_shows_no_rung_up(build: Build) -> None:
    """The most frequent class has to be beaten; of a nearest mean it is told only where it is better."""
    folder = build(rungs=ONE, classes=NAMES, rows=ROWS)
    labels = np.arange(60) % 2
    said = np.where(np.arange(60) < 36, labels, 1 - labels)
    simple = {"majority": np.ones(60, int), "nearest_mean_images": said}
    answer(folder / "base/seed-0", said, labels, simple=simple)
    [rung] = read_story(folder).rungs
    assert [one.verdict for one in rung.against] == ["no evidence", "no evidence"]
    assert [one.baseline.name for one in rung.beaten] == ["majority"]


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ([0, 1], "It answers nothing but 'a' and 'b': 2 of the 10 classes."),
        ([0], "It answers 'a' to all 40 test images; that is right for the 10.0% that are a."),
        ([0, 1, 2, 3, 4, 5, 6, 7], "It never answers 'i' and 'j': 2 of the 10 classes."),
        ([0, 1, 2, 3, 4, 5], "It never answers 'g', 'h', 'i' and 1 more: 4 of the 10 classes."),
    ],
)
def test_few_of_many_classes(build: Build, said: list[int], sentence: str) -> None:
    folder = build(rungs=ONE, classes=list("abcdefghij"), rows=ROWS)
    labels = np.arange(40) % 10
    answer(folder / "base/seed-0", np.array(said)[np.arange(40) % len(said)], labels, list("abcdefghij"))
    assert sentence in words(folder)


def test_an_answer_that_is_never_right(build: Build) -> None:
    folder = build(rungs=ONE, classes=list("abc"), rows=ROWS)
    answer(folder / "base/seed-0", np.full(8, 2), np.arange(8) % 2, list("abc"))
    assert "It answers 'c' to all 8 test images, and none of them is." in words(folder)


def test_each_seed_is_looked_at(build: Build) -> None:
    folder = build(rungs=ONE, classes=NAMES, rows=ROWS, seeds=2)
    for seed, said in enumerate((LABELS, np.ones(32, int))):
        answer(folder / f"base/seed-{seed}", said, simple=simple(LABELS))
    assert "Seed 1: it answers 'sano' to all 32 test images" in words(folder)
    assert "Seed 0:" not in words(folder)
    assert printed(folder, "base: seed 1: it answers 'sano' to all 32 test images")


def test_a_run_of_an_earlier_version_still_reports(build: Build) -> None:
    folder = build(rungs=ONE, classes=NAMES, rows=ROWS)
    answer(folder / "base/seed-0", np.ones(32, int), train=0.9)
    text = words(folder)
    assert "It answers 'sano' to all 32 test images" in text
    assert "nearest class mean" not in text and "off the scale" not in text
    assert as_values(read_story(folder))["baselines"] == []
    # Without class shares of train, those of the test rows stand in.
    answer(folder / "base/seed-0", np.r_[0, np.ones(31, int)], train=0.9, validation=0.9)
    assert "since always answering 'sano' gets 90.6% of the training images right" in words(folder)


def test_what_was_not_learned_does_not_carry_over(build: Build) -> None:
    folder = build(rungs=ONE, classes=NAMES, rows=ROWS)
    said = np.r_[0, np.ones(31, int)]
    answer(folder / "base/seed-0", said, shares=SHARES, train=0.90, validation=0.89)
    text = words(folder)
    assert "since always answering 'sano' gets 89.6% of the training images right" in text
    assert "hardly any gap" not in text
    answer(folder / "base/seed-0", LABELS, shares=SHARES, train=0.99, validation=0.99)
    assert "hardly any gap, and hardly anything left to learn" in words(folder)
    answer(folder / "base/seed-0", LABELS, shares=SHARES, train=0.97, validation=0.96)
    assert "hardly any gap. What it learned carries over" in words(folder)


def test_validation_above_train_is_no_lack_of_a_gap(build: Build) -> None:
    folder = build(rungs=ONE, classes=NAMES, rows={"train": 4050, "validation": 450, "test": 32})
    shares = {"train": [2025, 2025], "validation": [225, 225], "test": [3, 29]}
    answer(folder / "base/seed-0", LABELS, shares=shares, train=0.656, validation=0.917)
    text = words(folder)
    assert "26.1 points more on images that it has not seen, which is more than chance explains" in text
    assert "hardly any gap" not in text
    # With a dozen rows it may be chance.
    record = json.loads((folder / "base/seed-0/run.json").read_text())
    record["data"]["rows"]["validation"] = 10
    (folder / "base/seed-0/run.json").write_text(json.dumps(record))
    answer(folder / "base/seed-0", LABELS, shares=shares, train=0.656, validation=0.8)
    assert "points more on images that it has not seen" not in words(folder)


def test_of_folds_validation_and_test_are_not_told_apart(build: Build) -> None:
    folder = build(rungs=ONE, classes=NAMES, rows={"train": 200, "validation": 40, "test": 32})
    said = np.where(np.arange(32) < 20, LABELS, 1 - LABELS)
    answer(folder / "base/seed-0", said, shares=SHARES, train=0.98, validation=0.94)
    assert "may be chance with only 40 images to validate on" in words(folder) and "more than chance" in words(folder)
    record = folder / "base/seed-0/run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"folds": 3}))
    text = words(folder)
    assert "may be chance with only 32 images to validate on" in text
    assert "more than chance explains" not in text and "agree as far as chance" not in text
    assert "The curves are those of the first fold" in text and "number" in text
    assert text.count("(in the first fold)") == 3  # the chosen epoch, train and validation


def test_what_does_not_show_on_new_images(build: Build) -> None:
    folder = build(rungs=ONE, classes=NAMES, rows={"train": 100_000, "validation": 1000, "test": 32})
    shares = {"train": [48_000, 52_000], "validation": [480, 520], "test": [3, 29]}
    answer(folder / "base/seed-0", LABELS, shares=shares, train=0.53, validation=0.515)
    text = words(folder)
    assert "whatever it learned does not show on images that it has not seen" in text and "hardly any" not in text
    assert "always answering 'sano', which gets 52.0% of the training images right" in text


def test_shares_are_compared_before_a_gap_is_explained(build: Build) -> None:
    folder = build(rungs=ONE, classes=NAMES, rows={"train": 1000, "validation": 500, "test": 200})
    labels = (np.arange(200) >= 100).astype(int)
    said = np.where(np.arange(200) < 60, 1, labels)
    shares = {"train": [100, 900], "validation": [50, 450], "test": [100, 100]}
    answer(folder / "base/seed-0", said, labels, shares=shares, train=0.96, validation=0.95)
    text = words(folder)
    first = text.index("The classes are not as frequent in test as in train: 'enfermo' is 50.0% of test and 10.0% of")
    assert first < text.index(
        "lie 25.0 points apart, more than chance explains; where the shares of the classes differ"
    )
    assert "the test images are harder" not in text
    # With the same shares it is told as before.
    shares["test"] = [20, 180]
    answer(folder / "base/seed-0", said, labels, shares=shares, train=0.96, validation=0.95)
    assert "the test images are harder" in words(folder) and "not as frequent" not in words(folder)


@pytest.mark.parametrize("shares", [{"train": [1], "test": [2]}, {"train": [0, 0]}, {"train": "x"}, [], None])
def test_shares_that_do_not_fit_say_nothing(build: Build, shares: Any) -> None:
    folder = build(rungs=ONE, classes=NAMES, rows=ROWS)
    answer(folder / "base/seed-0", np.r_[0, np.ones(31, int)], shares=shares, train=0.95)
    assert "not as frequent" not in words(folder)


@pytest.mark.parametrize("column", [np.zeros(32), np.r_[0, np.ones(31)], np.full(32, 7), np.full(32, -1)])
def test_a_baseline_that_cannot_be_one_is_left_out(build: Build, column: np.ndarray) -> None:
    folder = build(rungs=ONE, classes=NAMES, rows=ROWS)
    answer(folder / "base/seed-0", LABELS, simple={"majority": column})
    found = as_values(read_story(folder))["baselines"]
    assert [one["class"] for one in found] == (["enfermo"] if np.ptp(column) == 0 and column[0] == 0 else [])


@pytest.mark.parametrize(
    ("labels", "said", "expected"),
    [
        ("aabbccdd", "aabbbbbb", (["b", "a"], ["c", "d"], "few")),  # half of those that the test rows have
        ("aabbccdd", "aabbccaa", (["a", "b", "c"], ["d"], "some")),
        ("aabbcc", "aabbbb", (["b", "a"], ["c"], "some")),  # two of three, whatever other classes there are
        ("aabbcc", "aabbcc", (["a", "b", "c"], [], "all")),  # a class that no test row has cannot be missed
        ("aaaa", "aaaa", (["a"], [], "one")),
    ],
)
def test_which_classes_are_answered(build: Build, labels: str, said: str, expected: tuple[Any, ...]) -> None:
    folder, names = build(rungs=ONE, classes=NAMES, rows=ROWS), list("abcde")
    truth, answers = (np.array([names.index(one) for one in text]) for text in (labels, said))
    answer(folder / "base/seed-0", answers, truth, names)
    found = answered(read_story(folder).rungs[0].runs[0])
    assert found is not None
    assert (found.predicted, found.never, found.variety) == expected


def test_a_single_class_has_no_range(build: Build) -> None:
    folder = build(rungs=ONE, classes=NAMES, rows=ROWS)
    answer(folder / "base/seed-0", np.zeros(9, int), np.zeros(9, int), ["only"])
    assert answered(read_story(folder).rungs[0].runs[0]) is None


@pytest.mark.parametrize(
    ("shape", "searched", "expected"),
    [
        ([32, 32, 3], True, "Exact copies and near-duplicates were looked for."),
        ([8, 8, 1], False, "Only exact copies were looked for: images of less than 16 pixels"),
        ([32, 32, 3], False, "Only exact copies were looked for: near-duplicates are not among more than 250,000"),
        ([32, 32, 3], None, "These runs do not say whether near-duplicates were looked for"),
    ],
)
def test_the_page_says_which_duplicates_were_looked_for(
    build: Build, shape: list[int], searched: bool | None, expected: str
) -> None:
    folder = build(rungs=ONE, classes=NAMES, rows=ROWS)
    run = folder / "base/seed-0"
    for found, said in (
        (0, "No test image was found to have a duplicate in train."),
        (3, "Test images with a duplicate in train: 3 of"),
    ):
        table = pq.read_table(run / "predictions.parquet").drop_columns(["in_train"] if found else [])
        seen = pa.array(np.arange(len(table)) < found)
        pq.write_table(table.append_column("in_train", seen), run / "predictions.parquet")
        record = json.loads((run / "run.json").read_text())
        record["data"] |= {"shape": shape, "duplicates": {} if searched is None else {"near_searched": searched}}
        (run / "run.json").write_text(json.dumps(record))
        text = words(folder)
        assert said in text and expected in text
        assert "near-duplicate in train" not in text
