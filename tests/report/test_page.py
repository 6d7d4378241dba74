"""The page: whole, in both languages, safe, and standing whatever became of the runs."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from escalera.core.errors import EscaleraError, RunError
from escalera.evaluate.compare import Comparison
from escalera.report import page as pages
from escalera.report.language import load_language
from escalera.report.page import whole, write_report
from escalera.report.rung import Rung
from escalera.report.sections import end
from escalera.report.sections.steps import Scale
from escalera.report.sections.words import _verdict
from escalera.report.story import read_story
from escalera.report.summary import headline
from escalera.report.view import LadderView

VOID = {"meta", "br", "wbr", "img", "input", "link", "hr"}


class Page(HTMLParser):
    """Checks that tags are balanced and collects what the tests ask for."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: dict[str, dict[str, str | None]] = {}
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.attributes.setdefault(tag, values)
        self.ids += [name] if (name := values.get("id")) else []
        self.links += [value or "" for key, value in attrs if key in ("href", "src", "action", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text.append(data)

    @property
    def words(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.text))


def report(folder: Path, language: str = "en") -> tuple[str, Page]:
    html = write_report(folder, language).read_text(encoding="utf-8")
    return html, Page(html)


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("seeds", [1, 2])
def test_a_whole_page(build: Callable[..., Path], language: str, seeds: int) -> None:
    folder = build(seeds=seeds)
    html, page = report(folder, language)
    assert page.attributes["html"]["lang"] == language
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert not [link for link in page.links if not link.startswith(("#", "data:image/png;base64,"))]
    assert not re.search(r"@import|url\((?!#)", html)
    assert not re.search(r"\b(None|nan|NaN|undefined|Undefined|Infinity)\b", page.words.replace("not finite (nan)", ""))
    assert not re.search(r"\b(word|steps|rung|verdict|state|cost|end|figure|summary|how|unit)\.[a-z]", page.words)
    assert len(html) < 100_000 * 5
    for rung in ("base", "deeper", "batch-norm", "vgg16-scratch", "augmentation"):
        assert f"rung-{rung}" in page.ids


def test_english_words(ladder_dir: Path) -> None:
    _, page = report(ladder_dir)
    for words in (
        "CIFAR-10, one change at a time",
        "Rungs finished: 4 of 5.",
        "augmentation gets 85.8% of the test images right, 22.8 points more than base.",
        "Measured on 500 test images",
        "It is better: 73.2% of the 500 test images right, 10.2 points more",
        "There is no evidence that this helps or hurts: +1.0 points",
        "Nobody has looked for duplicates",
        "for each point gained",
        "What helped, in points: deeper (+10.2) and augmentation (+11.6).",
        "No evidence either way, in points: batch-norm (+1.0).",
        "Failed: vgg16-scratch .",
        "the loss is not finite (nan)",
        "▲ better",
        "263,402",
        "20 min 25 s",
        "McNemar",
        "escalera climb cifar10",
        "AMD EPYC 7B13",
        "2026-03-14 09:26 UTC",
    ):
        assert words in page.words.replace("\u00a0", " "), words
    assert "Several seeds" not in page.words


def test_spanish_words_and_numbers(ladder_dir: Path) -> None:
    _, page = report(ladder_dir, "es")
    for words in (
        "CIFAR-10, un cambio cada vez",
        "augmentation acierta el 85,8 % de las imágenes de prueba, 22,8 puntos más que base.",
        "Medido con 500 imágenes de prueba",
        "Es mejor: acierta el 73,2 % de las 500 imágenes de prueba",
        "○ sin evidencia",
        "✕ falló",
        "263 402",
        "Matriz de confusión de base",
        "parada temprana",
    ):
        assert words in page.words.replace("\u00a0", " "), words
    assert not re.search(r"\d\.\d", re.sub(r"2\.10\.0|3\.11\.9|0\.1\.0|6\.8|\w+\.\d[.\w]*|\[.*?\]", "", _visible(page)))


def _visible(page: Page) -> str:
    """Without what is quoted as it was typed: changes, settings."""
    return re.sub(r"augment\.\w+ .*?(?=augment|train|Semilla|Curvas)", "", page.words)


def test_a_gap_that_few_validation_images_explain_is_called_chance(ladder_dir: Path) -> None:
    figures = json.loads((ladder_dir / "deeper/seed-0/metrics.json").read_text())
    figures["train"]["accuracy"], figures["validation"]["accuracy"] = 0.77, 0.74
    change(ladder_dir / "deeper/seed-0/metrics.json", **figures)
    _, page = report(ladder_dir)
    assert "a gap of 3.0 points. Part of what it knows" not in page.words
    assert "a gap of 3.0 points, which may be chance with only 450 images to validate on." in page.words


def test_train_is_told_to_be_a_sample_where_a_part_of_it_was_asked_about(ladder_dir: Path) -> None:
    file = ladder_dir / "deeper/seed-0/metrics.json"
    figures = json.loads(file.read_text())
    figures["validation"]["accuracy"] = 0.74
    figures["train"] |= {"accuracy": 0.795, "asked": 4_050}
    change(file, **figures)
    assert "Train 79.5%, validation 74.0%: a gap of 5.5 points. Part of what it knows" in report(ladder_dir)[1].words
    figures["train"]["asked"] = 200
    change(file, **figures)
    told = "Train 79.5% (of 200 images drawn at random), validation 74.0%: a gap of 5.5 points, which may be chance"
    assert told in report(ladder_dir)[1].words


def test_a_step_far_beyond_the_others_hides_none() -> None:
    scale = Scale.of([(-0.004, 0.006), (0.39, 0.41), (-0.01, 0.002), (0.001, 0.009)])
    places = [scale.place(points) for points in (-1, -0.4, 0, 0.6, 0.9, 39, 40, 41)]
    assert places == sorted(places)
    assert places[0] == 9 and places[-1] == 127
    assert places[3] - places[1] > 10  # an interval of one point
    assert scale.marks() == [0, 5, 20]
    assert Scale.of([]).marks() == []
    assert Scale.of([(0.0, 0.0)]).place(0) == 9


def test_the_intervals_of_the_table_have_a_scale(ladder_dir: Path) -> None:
    html, _ = report(ladder_dir)
    axis = re.search(r'<svg class="forest axis".*?</svg>', html, re.DOTALL)
    assert axis and {"0.0", "+10"} & set(re.findall(r">([^<>]+)</text>", axis[0]))
    assert html.count(' cy="7" r="2.6"') == 3


def test_where_only_the_images_say_so_the_seeds_are_named(
    build: Callable[..., Path], predictions: Callable[..., None]
) -> None:
    folder = build(seeds=3)
    for rung, shares in {"base": (0.4, 0.9, 0.7), "deeper": (0.8, 0.82, 0.81)}.items():
        for seed, share in enumerate(shares):
            path = folder / rung / f"seed-{seed}/predictions.parquet"
            labels = pq.read_table(path)["label"].to_numpy()
            said = np.where(np.arange(len(labels)) < share * len(labels), labels, (labels + 1) % 10)
            predictions(path, labels, 9 * np.eye(10, dtype=np.float32)[said])
            figures = json.loads((path.parent / "metrics.json").read_text())
            figures["test"]["accuracy"] = float((said == labels).mean())
            change(path.parent / "metrics.json", **figures)
    ladder = json.loads((folder / "ladder.json").read_text())
    kept = [rung for rung in ladder["rungs"] if rung["name"] in ("base", "deeper")]
    change(folder / "ladder.json", rungs=kept)
    _, page = report(folder)
    assert "No evidence yet: +14.3 points" in page.words
    assert "the accuracy deviates by 25.2 points between those of base and by 1.0 between its own" in page.words
    assert "cannot be seen" not in page.words
    assert "14.3 points more than base, which may be luck." in page.words
    # Where Holm's correction leaves nothing of what the images say either, it is not the seeds alone.
    first, second = read_story(folder).rungs
    assert second.step and second.step.comparison and second.step.rows_tell
    doubtful = replace(second, step=replace(second.step, rows_tell=False))
    told = _verdict(doubtful, first, second.step.comparison, load_language("en"))
    assert "There is no evidence that this helps or hurts" in told[0]


def test_figures_that_cannot_be_written_are_an_error_in_words(ladder_dir: Path) -> None:
    (ladder_dir / "figures").write_text("in the way")
    with pytest.raises(RunError, match=r"could not write .*climb\.svg: File exists\."):
        write_report(ladder_dir)


def test_several_seeds_show_both_noises(build: Callable[..., Path]) -> None:
    _, page = report(build(seeds=3))
    assert "Seed noise: the accuracy deviates by" in page.words
    assert "Test noise: its 95% interval is" in page.words
    assert "(Welch)" in page.words
    assert "Several seeds." in page.words
    assert "Test accuracy, mean of 3 seeds" in page.words
    assert "Both intervals are for the test images alone." in page.words
    assert "paired t test takes the place of McNemar" in page.words


def test_a_lead_that_only_some_seeds_have_may_be_luck(build: Callable[..., Path], rungs: list[dict[str, Any]]) -> None:
    """The rows agree and the seeds do not: one seed of the first rung fails altogether."""
    folder = build(rungs=[{**rungs[0], "accuracy": 0.86}, {**rungs[1], "accuracy": 0.87}], seeds=2)
    path = folder / "base/seed-1/predictions.parquet"
    table = pq.read_table(path)
    logits = np.zeros((500, 10), np.float32)
    pq.write_table(table.set_column(2, "logits", pa.array(list(logits))), path)
    values = json.loads((folder / "base/seed-1/metrics.json").read_text())["test"]
    change(folder / "base/seed-1/metrics.json", test=values | {"accuracy": 0.1})
    _, page = report(folder)
    assert "points more than base, which may be luck." in page.words


def test_the_best_of_several_needs_a_clearer_lead(build: Callable[..., Path], rungs: list[dict[str, Any]]) -> None:
    """Of ten equal rungs the best is in front of the first by p < 0.05 in one ladder of ten."""
    lead = Comparison(difference=0.1, low=0.01, high=0.19, gained=30, lost=14, p=0.023)
    many = read_story(build(rungs=[rungs[0], *rungs[1:3], rungs[4]]))
    two = replace(many, rungs=many.rungs[:2])
    english = load_language("en")
    words = [str(headline(replace(story, overall=lead), english)) for story in (many, two)]
    assert len(many.contenders) == 4 and ["may be luck" in said for said in words] == [True, False]


def test_no_rung_is_shown_is_said_where_that_holds_of_all(
    build: Callable[..., Path], rungs: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five seeds may show of a lower rung what one does not show of the best."""
    story = read_story(build(rungs=rungs[:2]))
    blind = SimpleNamespace(baseline=SimpleNamespace(name="majority", answer="cat", score=0.1))
    unproven: set[str] = set()
    monkeypatch.setattr(Rung, "beaten", property(lambda rung: [blind] if rung.name in unproven else []))
    for name, said in (("deeper", False), ("base", True)):
        unproven.add(name)
        assert ("No rung is shown to do better" in str(headline(story, load_language("en")))) == said


def test_the_price_of_a_rung_is_the_mean_of_its_seeds_as_their_time_is(build: Callable[..., Path]) -> None:
    folder = build(seeds=2)
    change(folder / "base/seed-0/run.json", price={"amount": 1.0, "currency": "USD"})
    change(folder / "base/seed-1/run.json", price={"amount": 3.0, "currency": "USD"})
    base = read_story(folder).rung("base")
    assert base is not None and base.price is not None and base.price.amount == 2.0
    _, page = report(folder)
    assert "s 2.00 USD" in page.words
    # Nobody adds dollars to euros.
    change(folder / "base/seed-1/run.json", price={"amount": 3.0, "currency": "EUR"})
    base = read_story(folder).rung("base")
    assert base is not None and base.price is not None and (base.price.amount, base.price.currency) == (3.0, "EUR")


def test_the_page_ends_with_what_all_runs_took(build: Callable[..., Path], rungs: list[dict[str, Any]]) -> None:
    folder = build(rungs=rungs[:2], seeds=2)
    files = [folder / name / f"seed-{seed}/run.json" for name in ("base", "deeper") for seed in (0, 1)]
    for k, file in enumerate(files):
        # The last one was paid in another currency, and begun and ended last.
        price = {"amount": float(k + 1), "currency": "EUR" if k == 3 else "USD"}
        change(file, seconds=10.0**k, price=price, started=f"2026-03-1{k}T09:00:00+00:00",
               finished=f"2026-03-1{k}T10:00:00+00:00")  # fmt: skip
    found = end.section(LadderView(read_story(folder), load_language("en"), {}))
    assert found is not None
    assert (found["total_seconds"], found["prices"]) == (1111.0, ["6.00\u00a0USD", "4.00\u00a0EUR"])
    assert found["dates"] == "2026-03-10 09:00 UTC – 2026-03-13 10:00 UTC"
    assert len(found["machines"]) == 1


def test_each_run_keeps_its_figures(build: Callable[..., Path]) -> None:
    folder = build(seeds=2)
    write_report(folder)
    drawn = sorted(str(path.relative_to(folder)) for path in folder.glob("*/*/figures/*.svg"))
    rungs = ["augmentation", "base", "batch-norm", "deeper"]
    names = ["accuracy", "classes", "confusion", "loss", "pr", "rate", "reliability", "roc"]
    # What is shown in the page: the first seed's.
    assert drawn == [f"{r}/seed-0/figures/{f}.svg" for r in rungs for f in names]
    assert all(path.with_suffix(".csv").stat().st_size > 50 for path in folder.glob("*/*/figures/*.svg"))
    assert sorted(path.name for path in (folder / "figures").iterdir()) == ["climb.csv", "climb.svg"]
    with (folder / "base/seed-0/figures/classes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["class"] for row in rows][:2] == ["airplane", "automobile"]
    assert float(rows[0]["recall"]) <= 1


def test_what_has_no_words_yet_shows_its_own_name(ladder_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier, a metric, a section that somebody adds: the page is written before its words are."""
    words = load_language("en")
    removed = ("nav.cost", "metric.brier")
    left = {key: text for key, text in words.messages.items() if not key.startswith(removed)}
    monkeypatch.setattr(pages, "load_language", lambda code: replace(words, messages=left))
    path = ladder_dir / "augmentation/seed-0/predictions.parquet"
    table = pq.read_table(path)
    voted = pa.array([[label] for label in table["label"].to_pylist()], pa.list_(pa.int64(), 1))
    pq.write_table(table.append_column("beside.classifier:rotation_forest", voted), path)
    html, page = report(ladder_dir)
    assert '<th scope="row" class="who">rotation_forest</th>' in html
    assert '<th scope="row">brier<small></small></th>' in html and "Accuracy" in page.words
    assert '<a href="#cost">cost</a>' in html


def test_writing_again_gives_the_same_bytes(ladder_dir: Path) -> None:
    assert write_report(ladder_dir).read_bytes() == write_report(ladder_dir).read_bytes()


def test_hostile_text_stays_text(build: Callable[..., Path]) -> None:
    evil = "<script>alert('x')</script>"
    folder = build(classes=[evil, '"><img src=x onerror=1>', "c"], title={"en": evil, "es": evil})
    change(folder / "vgg16-scratch/seed-0/run.json", error=evil)
    ladder = json.loads((folder / "ladder.json").read_text())
    ladder["command"] = evil
    ladder["rungs"][1]["why"] = {"en": evil, "es": evil}
    ladder["rungs"][1]["change"] = [{"path": evil, "before": evil, "after": [evil]}]
    change(folder / "ladder.json", **ladder)
    (folder / "deeper/seed-0/config.yaml").write_text(f"</pre>{evil}")
    html, page = report(folder)
    assert html.count("<script") == 1
    assert "<img" not in html
    assert page.words.count(evil) > 10


def _spoiled(path: Path) -> Iterator[Path]:
    yield from (
        path / name for name in ("run.json", "metrics.json", "history.jsonl", "config.yaml", "environment.json")
    )
    yield path / "predictions.parquet"


@pytest.mark.parametrize("content", [None, b"", b"[]", b"{}", b"\xff", b"[" * 100_000, b'{"state": "done"}'])
def test_a_spoilt_run_is_shown_in_its_place(ladder_dir: Path, content: bytes | None) -> None:
    for path in _spoiled(ladder_dir / "deeper/seed-0"):
        path.unlink() if content is None else path.write_bytes(content)
    if content is not None:
        change_state = ladder_dir / "deeper/seed-0/run.json"
        change_state.write_text('{"state": "done"}')
    _, page = report(ladder_dir)
    assert "rung-deeper" in page.ids
    assert "not compared" in page.words
    expected = "This run has not been made." if content is None else "files are incomplete"
    assert expected in page.words
    assert "batch-norm" in page.words


def test_parts_that_are_missing_are_said(ladder_dir: Path) -> None:
    run = ladder_dir / "deeper/seed-0"
    change(run / "metrics.json", test={"accuracy": 0.7, "loss": 1.0, "confusion": [[1, 2]], "per_class": []})
    (run / "history.jsonl").unlink()
    change(run / "run.json", test_looks=3)
    _, page = report(ladder_dir)
    assert "No epoch of this run was recorded." in page.words
    assert "The confusion matrix of this run cannot be read." not in page.words  # the predictions give it
    assert "The test images of this run were read 3 times." in page.words


def test_nothing_has_run_yet(ladder_dir: Path) -> None:
    for record in ladder_dir.glob("*/*/run.json"):
        record.unlink()
    _, page = report(ladder_dir)
    assert "No rung has a test accuracy yet" in page.words
    assert page.words.count("This run has not been made.") == 5


def test_an_unfinished_run(ladder_dir: Path) -> None:
    change(ladder_dir / "augmentation/seed-0/run.json", state="running")
    _, page = report(ladder_dir)
    assert "This run is not finished" in page.words
    assert "batch-norm gets" in page.words


def test_one_rung(build: Callable[..., Path], rungs: list[dict[str, Any]]) -> None:
    _, page = report(build(rungs=rungs[:1]))
    assert "base gets 63.0% of the test images right." in page.words and "is the best" not in page.words
    assert "points more" not in page.words


def test_a_hundred_classes(build: Callable[..., Path], rungs: list[dict[str, Any]]) -> None:
    folder = build(
        rungs=rungs[:2], classes=[f"class {k}" for k in range(100)], rows={"train": 10, "validation": 5, "test": 2000}
    )
    html, page = report(folder)
    assert "All 100 classes" in page.words
    assert len(html) < 700_000


def test_validation_may_disagree(ladder_dir: Path) -> None:
    path = ladder_dir / "deeper/seed-0/metrics.json"
    change(path, validation={"accuracy": 0.999, "loss": 0.1})
    _, page = report(ladder_dir)
    assert "Validation alone would have chosen deeper , which has 73.2% of the test images right." in page.words


def test_the_same_data_are_listed_once_whatever_the_version(ladder_dir: Path) -> None:
    record = ladder_dir / "base/seed-0/run.json"
    data = json.loads(record.read_text())["data"]
    change(record, data=data | {"class_rows": {"train": [1] * 10}, "duplicates": {"near_searched": True}})
    _, page = report(ladder_dir)
    assert "Used by" not in page.words


def test_data_that_change_are_listed_apart(ladder_dir: Path) -> None:
    record = ladder_dir / "base/seed-0/run.json"
    change(record, data=json.loads(record.read_text())["data"] | {"source": "fashion_mnist", "shape": [28, 28, 1]})
    _, page = report(ladder_dir)
    assert "28 × 28 pixels, grey" in page.words
    assert "Used by base" in page.words
    assert "not compared: tested on other images" in page.words


def test_another_language_is_a_mistake(ladder_dir: Path) -> None:
    with pytest.raises(EscaleraError, match="language: expected one of en, es, received 'fr'"):
        write_report(ladder_dir, "fr")


def test_a_folder_that_takes_no_file(ladder_dir: Path) -> None:
    (ladder_dir / "report.html").mkdir()
    with pytest.raises(RunError, match=r"could not write .*report\.html"):
        write_report(ladder_dir)


def test_validation_that_ties_looks_at_the_loss(ladder_dir: Path) -> None:
    for rung, loss in (("base", 0.3), ("deeper", 0.2), ("batch-norm", 0.4), ("augmentation", 0.5)):
        change(ladder_dir / rung / "seed-0/metrics.json", validation={"accuracy": 1.0, "loss": loss})
    _, page = report(ladder_dir)
    assert "Validation alone would have chosen deeper ," in page.words


def test_where_it_looked_is_promised_only_where_it_is_shown(ladder_dir: Path) -> None:
    _, page = report(ladder_dir)
    assert "More of base: metrics, classes, mistakes More" not in page.words
    assert "More of base: metrics, classes, mistakes" in page.words
    assert "where it looked" not in page.words


def test_duplicates_that_differ_from_rung_to_rung_are_counted_in_the_table(ladder_dir: Path) -> None:
    for rung, twice in (("base", 10), ("deeper", 10), ("batch-norm", 10), ("augmentation", 20)):
        path = ladder_dir / rung / "seed-0/predictions.parquet"
        table = pq.read_table(path)
        pq.write_table(table.append_column("in_train", pa.array(np.arange(500) < twice)), path)
    _, page = report(ladder_dir)
    assert "not as many for every rung" in page.words
    assert "of the 500 test images (2.0%)" not in page.words
    assert "Duplicates All test images, %" in page.words


def test_a_test_set_that_is_all_in_train_is_not_called_unsearched(ladder_dir: Path) -> None:
    for rung in ("base", "deeper", "batch-norm", "augmentation"):
        path = ladder_dir / rung / "seed-0/predictions.parquet"
        table = pq.read_table(path)
        pq.write_table(table.append_column("in_train", pa.array(np.ones(500, bool))), path)
    _, page = report(ladder_dir)
    assert "Test images with a duplicate in train: 500 of 500 (100.0%)" in page.words
    assert "Nobody has looked for duplicates" not in page.words


def test_a_mean_that_hides_two_faults(build: Callable[..., Path], rungs: list[dict[str, Any]]) -> None:
    """Half of the rows are answered too surely and half not surely enough, so that the means are equal."""
    folder = build(rungs=rungs[:1])
    path = folder / "base/seed-0/predictions.parquet"
    table = pq.read_table(path)
    labels = table["label"].to_numpy()
    bold = np.arange(len(labels)) % 2 == 0
    right = np.arange(len(labels)) // 2 % 20 < np.where(bold, 14, 16)
    shares = np.where(bold, 0.95, 0.55)
    logits = np.tile(np.log((1 - shares) / 9)[:, None], (1, 10))
    said = np.where(right, labels, (labels + 1) % 10)
    logits[np.arange(len(labels)), said] = np.log(shares)
    pq.write_table(table.set_column(2, "logits", pa.array(list(logits.astype(np.float32)))), path)
    _, page = report(folder)
    assert "that hides two faults" in page.words


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("245\u202f000 – 525\u202f000", "245\u202f000\u00a0–\u00a0525\u202f000"),
        ("-2 – -1", "-2\u00a0–\u00a0-1"),
        ("≤ 3", "≤\u00a03"),
        ("> 3", ">\u00a03"),
        ("cat – dog", "cat – dog"),
        ("a > b", "a > b"),
    ],
)
def test_a_band_stays_in_one_line(name: str, shown: str) -> None:
    assert whole(name) == shown


@pytest.mark.parametrize("name", ["a", "245\u202f000 – 525\u202f000"])
def test_long_names_have_wider_tiles(build: Callable[..., Path], rungs: list[dict[str, Any]], name: str) -> None:
    html, _ = report(build(rungs=rungs[:1], classes=[name, "b"]))
    assert ('class="gallery long"' in html) == (name != "a")
    assert f">{whole(name)}</span>" in html


@pytest.mark.parametrize(
    ("rate", "words"),
    [(537_182.4, "540,000 images/s"), (9_200.0, "9,200 images/s"), (4.26, "4.3 images/s"), (None, "–")],
)
def test_a_speed_has_two_figures_or_none(ladder_dir: Path, rate: float | None, words: str) -> None:
    change(ladder_dir / "base/seed-0/run.json", inference_images_per_second=rate)
    html, page = report(ladder_dir)
    assert html.count(f">{words}<") >= 2
    assert "537,182" not in page.words
    assert ("No inference speed of base: the machine was too busy" in page.words) == (rate is None)


def test_a_class_that_is_a_formula_is_text_in_every_table(build: Callable[..., Path]) -> None:
    names = ["=cmd|' '!A0", "\r@SUM(A1)", *(f"class {k}" for k in range(8))]
    folder = build(classes=names)
    write_report(folder)
    tables = list(folder.rglob("*.csv"))
    with (folder / "base/seed-0/figures/classes.csv").open(newline="") as file:
        assert [row["class"] for row in csv.DictReader(file)][:2] == ["'=cmd|' '!A0", "'\r'@SUM(A1)"]
    for path in tables:
        with path.open(newline="") as file:
            assert not [cell for row in csv.reader(file) for cell in row if cell[:1] in ("=", "@", "\r")], path


def test_in_a_browser_on_a_phone_in_the_dark(browser: Any, ladder_dir: Path) -> None:
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
    browser.get(write_report(ladder_dir, "es").as_uri())
    assert browser.execute_script("return document.documentElement.scrollWidth") == 390
    # The climb and the steps are read without pushing them sideways.
    wide = "return [...document.querySelectorAll('#climb figure, #steps .scroll')].map(e => e.scrollWidth)"
    assert max(browser.execute_script(wide)) <= 390
    # The contents stay in sight, in one line, and a heading that is jumped to is not behind them.
    browser.execute_script("document.documentElement.style.scrollBehavior = 'auto'")
    browser.execute_script("location.hash = 'rung-augmentation'")
    top = "return document.querySelector(arguments[0]).getBoundingClientRect()[arguments[1]]"
    assert browser.execute_script(top, "nav", "top") == 0
    assert 30 < browser.execute_script(top, "nav", "height") < 70
    assert browser.execute_script(top, "#rung-augmentation", "top") >= browser.execute_script(top, "nav", "bottom") - 1
    # What is printed leaves out the details that nobody unfolded.
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    folded = "return [...document.querySelectorAll('details:not([open])')].filter(d => !d.closest('.deep')).length"
    assert browser.execute_script(folded) == 0
    assert browser.execute_script("return document.querySelectorAll('.deep:not([open])').length") == 3
    style = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    assert browser.execute_script(style, "body", "backgroundColor") == "rgb(21, 24, 28)"
    assert browser.execute_script(style, "figure svg text", "fill") == "rgb(228, 226, 221)"
    assert browser.get_log("browser") == []


def test_in_a_browser_half_as_wide_the_climb_is_seen_whole_while_its_words_can_be_read(
    browser: Any, ladder_dir: Path
) -> None:
    page = write_report(ladder_dir).as_uri()

    def widths(window: int) -> tuple[float, float]:
        size = {"width": window, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(page)
        asked = "return [...document.querySelectorAll('#climb .scroll, #climb .scroll svg')].map(e => e.{})"
        scroll = browser.execute_script(asked.format("clientWidth"))
        return browser.execute_script(asked.format("getBoundingClientRect().width"))[1], scroll[0]

    assert widths(1200) == (1020, 1024)
    drawn, room = widths(900)
    assert drawn == room < 840
    assert widths(660)[0] == pytest.approx(0.7 * 1020)  # pushed sideways from here on
