"""The pieces of the page: tables, curves, forms, samples, and where two runs disagree."""

import csv
import importlib
import io
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from escalera.core.errors import DataError, RunError
from escalera.core.files import read_json, write_json
from escalera.core.record import Change
from escalera.data.table.transform import Categorical, Numeric, Transformation
from escalera.experiment.explore import folder_name
from escalera.inference.serving.answer import Answer
from escalera.report.pictures import data_uri
from escalera.report.runs import read_run
from escalera.studio.curves import curves
from escalera.studio.disagreement import disagreement
from escalera.studio.form import form
from escalera.studio.i18n import load_words
from escalera.studio.parts import answer_html, error_html, pictures_html
from escalera.studio.samples import Samples
from escalera.studio.service import Studio
from escalera.studio.sheet import sheet
from escalera.studio.table import table, to_csv

MLP, CNN = "tiny/mlp/seed-0", "tiny/cnn/seed-0"
Png = Callable[..., bytes]
EN, ES = load_words("en"), load_words("es")


def test_several_pictures_become_a_table(studio: Studio, png: Png) -> None:
    rows = table(studio, CNN, [("a.png", png(1)), ("=b.png", b"no picture"), ("a.png", png(2)), ("\r=c.png", b"")])
    first = studio.classify(CNN, [png(1)]).result().classes
    assert rows[0] == {
        "file": "a.png",
        "class": first[0][0],
        "probability": round(first[0][1], 4),
        "second": first[1][0],
        "second_probability": round(first[1][1], 4),
        "error": None,
    }
    assert "not a picture" in str(rows[1]["error"])
    read = list(csv.DictReader(io.StringIO(to_csv(rows), newline="")))
    assert [row["file"] for row in read] == ["a.png", "'=b.png", "a.png", "'\r'=c.png"]
    assert float(read[0]["probability"]) == rows[0]["probability"]


def test_what_was_removed_is_not_open_any_more(studio: Studio) -> None:
    runs, data = (importlib.import_module(f"escalera.studio.tabs.{name}") for name in ("runs", "data"))
    viewer, looker = runs._Viewer(studio, EN), data._Looker(studio, EN)
    assert viewer.ladders("tiny")["value"] == "tiny"
    assert [one["value"] for one in looker.refreshed(MLP, "gone", None)] == [MLP, CNN, CNN]
    shutil.rmtree(studio.out / "tiny")
    assert viewer.ladders("tiny")["value"] is None
    assert [one["value"] for one in viewer.ladder(None)[2:4]] == [[], None]
    assert [one["value"] for one in looker.refreshed(MLP)] == [None]


def test_a_ladder_is_drawn_for_a_phone_too(studio: Studio) -> None:
    viewer = importlib.import_module("escalera.studio.tabs.runs")._Viewer(studio, ES)
    figure, table, *_ = viewer.ladder("tiny")
    narrow = figure.split('<div class="figure narrow">')[1]
    assert 'class="figure broad"' in figure and narrow.startswith("<svg") and 'width="340"' in narrow
    for name in ("mlp", "cnn"):  # all the rungs are in it
        assert f">{name}</text>" in narrow
    assert 'data-label="veredicto"' in table and 'data-label="intervalo del 95\u00a0%"' in table


def test_what_a_run_changes_is_told_setting_by_setting(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = importlib.import_module("escalera.studio.tabs.runs")
    changes = [
        Change(path="train.schedule", before={"name": "constant"}, after={"name": "cosine", "warmup": 2.0}),
        Change(path="train.label_smoothing", before=0.0, after=0.05),
        Change(path="augment.<b>", before=None, after="0.5.1"),
    ]
    rung = SimpleNamespace(change=changes, why={}, parent="augmentation")
    monkeypatch.setattr(runs, "read_story", lambda path: SimpleNamespace(rung=lambda name: rung))
    for words, smoothing in ((EN, "0.05"), (ES, "0,05")):
        html = str(runs._Viewer(studio, words).run(CNN)[0])
        rows = re.findall(r"<tr><th><code>(.*?)</code></th><td>(.*?)</td><td>(.*?)</td></tr>", html)
        assert rows == [
            ("train.<wbr>schedule.<wbr>name", "constant", "cosine"),
            ("train.<wbr>schedule.<wbr>warmup", "–", "2"),
            ("train.<wbr>label_<wbr>smoothing", "0", smoothing),
            ("augment.<wbr>&lt;b&gt;", "–", "0.5.1"),
        ]


def test_an_explored_page_is_that_of_its_source(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that make one folder, as owner/name and owner-name, are of two sources."""
    made: list[str] = []

    def explore(source: str, *, out: Path, **_: object) -> None:
        made.append(source)
        folder = out / folder_name(source)
        folder.mkdir(parents=True)  # what was found in another one is gone
        (folder / "explore.html").write_text(source)
        write_json(folder / "explore.json", {"source": source})

    data = importlib.import_module("escalera.studio.tabs.data")
    monkeypatch.setattr(data, "explore_source", explore)
    monkeypatch.setattr(data, "_state", lambda source, data_root: f"{source}, as it is")
    monkeypatch.setattr(studio, "sources", lambda: ["owner/name", "owner-name"])
    looker = data._Looker(studio, EN)
    for source in ("owner/name", "owner/name", "owner-name", "owner/name"):
        assert "../explored/en/owner-name" in looker.explore(source)
        assert (studio.out / ".studio/explored-en/owner-name/explore.html").read_text() == source
    assert made == ["owner/name", "owner-name", "owner/name"]


def test_a_source_that_has_changed_is_explored_again(
    runs: Path, tmp_path: Path, png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio = Studio(runs, tmp_path / "data")
    for name in ("a", "b"):
        (tmp_path / "data" / "mine" / name).mkdir(parents=True)
        (tmp_path / "data" / "mine" / name / "0.png").write_bytes(png())
    data = importlib.import_module("escalera.studio.tabs.data")
    made: list[int] = []

    def explore(source: str, *, out: Path, data_root: Path, **_: object) -> None:
        (out / "mine").mkdir(parents=True)  # the page before is gone
        made.append(len(list((data_root / source).rglob("*.png"))))
        (out / "mine" / "explore.html").write_text("")
        write_json(out / "mine" / "explore.json", {"source": source})

    monkeypatch.setattr(data, "explore_source", explore)

    def look() -> list[int]:
        # As after a restart: nothing is remembered but what lies beside the page.
        assert "../explored/en/mine" in data._Looker(studio, EN).explore("mine")
        return list(made)

    assert (look(), look()) == ([2], [2])
    (tmp_path / "data" / "mine" / "a" / "1.png").write_bytes(png(1))
    assert (look(), look()) == ([2, 3], [2, 3])
    monkeypatch.setattr("importlib.metadata.version", lambda name: "99")
    assert (look(), look()) == ([2, 3, 3], [2, 3, 3])
    (studio.out / ".studio/explored-en/mine/made-of").write_bytes(b"\xff")
    assert look() == [2, 3, 3, 3]
    studio.close()


def test_names_from_outside_are_escaped() -> None:
    bad = "<script>alert(1)</script>"
    answer = Answer("x", [(bad, 0.9), ("b", 0.1)], 0, None)
    for html in (
        answer_html(answer, bad, np.zeros((8, 8, 1), np.uint8), np.eye(2, dtype=np.float32), EN),
        error_html(bad),
        pictures_html([(np.zeros((8, 8, 3), np.uint8), bad)], bad),
        sheet([bad], [[bad]], bad),
        curves({bad: [{"epoch": 1, "loss": 1.0}]}, "loss", EN),
    ):
        assert "<script>" not in str(html)
        assert "&lt;script&gt;" in str(html)


def test_an_answer_says_where_it_looked_or_why_not() -> None:
    answer = Answer("x", [("seven", 0.93), ("one", 0.07)], 0, np.zeros((8, 8, 1), np.uint8))
    picture = np.zeros((16, 16, 1), np.uint8)
    assert "93,0\u00a0%" in answer_html(answer, "m", picture, None, ES)
    assert EN.say("classify.no_map") in answer_html(answer, "m", picture, None, EN)
    assert EN.say("classify.nowhere") in answer_html(answer, "m", picture, np.zeros((2, 2), np.float32), EN)
    somewhere = np.array([[1, 0.2], [0, 0]], np.float32)
    for words in (EN, ES):
        html = answer_html(answer, "m", picture, somewhere, words)
        assert 'class="heat"' in html and words.say("classify.looked_means") in html
        # A map that is the same all over is one colour over the picture: it says so, and shows none.
        for flat in (np.ones((2, 2), np.float32), np.full((2, 2), 0.3, np.float32), np.ones((1, 1), np.float32)):
            html = answer_html(answer, "m", picture, flat, words)
            assert words.say("classify.everywhere") in html and 'class="heat"' not in html
    # What it sees is shown as it is, and not enlarged.
    assert data_uri(np.zeros((8, 8, 1), np.uint8)) in answer_html(answer, "m", picture, None, EN)
    assert "<img" not in answer_html(answer, "m", None, None, EN)


def test_a_sheet_keeps_what_its_numbers_are_sorted_by() -> None:
    html = sheet(["rung", "test"], [["a", ("52,8", 0.528)], ["b", ("", None)]], "rungs")
    # On a phone the headings stand elsewhere: each cell has its own.
    assert '<td data-label="rung">a</td><td class="number" data-label="test" data-by="0.528">52,8</td>' in html
    assert '<td class="number" data-label="test" data-by=""></td>' in html
    assert html.count("<button") == 2


def test_curves_of_runs_that_have_the_measure() -> None:
    histories: dict[str, list[dict[str, Any]]] = {
        "a": [{"epoch": 1, "val_accuracy": 0.5}, {"epoch": 2, "val_accuracy": 0.6}],
        "b": [{"epoch": 1}],
    }
    html = curves(histories, "val_accuracy", EN)
    assert html is not None
    assert html.count("<li>") == 1
    # Two pictures, of which the page shows one: the other is as wide as a phone.
    widths = [int(width) for width in re.findall(r'<svg [^>]*width="(\d+)"', html)]
    assert widths == [720, 340] and html.count('class="figure broad"') == html.count('class="figure narrow"') == 1
    assert len(set(re.findall(r'<title id="([^"]+)"', html))) == 2
    assert curves(histories, "lr", EN) is None
    assert curves({}, "loss", EN) is None


def test_a_form_for_the_attributes() -> None:
    numeric = Numeric("area", 500.0, 4000.5, 1800.0, 1800.0, 400.0, True)
    names = Categorical("zipcode", tuple(f"9{n:04}" for n in range(12)), True, "90003")
    fitted = Transformation((numeric,), (names,), {}, {})
    table = {"attributes": fitted.to_json(), "bands": None}
    area, zipcode = form(SimpleNamespace(attributes=table["attributes"]), EN)  # type: ignore[arg-type]
    assert (area.column, area.usual, area.fits) == ("area", "1800", "500 … 4,000.50")
    assert (zipcode.column, zipcode.usual) == ("zipcode", "90003")
    assert zipcode.fits.endswith("90007, …")
    assert form(SimpleNamespace(attributes=None), EN) == []  # type: ignore[arg-type]


def test_samples_are_those_of_the_split_and_the_class(studio: Studio) -> None:
    samples = Samples(studio)
    rows = pq.read_table(studio.out / CNN / "splits.parquet").to_pylist()
    for split in ("train", "validation", "test"):
        own = {row["row"] for row in rows if row["split"] == split}
        found = samples.some(CNN, split, count=10_000)
        assert {sample.row for sample in found} == own
    sevens = samples.some(CNN, "test", "7", count=5)
    assert [sample.name for sample in sevens] == ["7"] * 5
    assert samples.of_rows(CNN, "test", [sevens[0].row])[0].pixels.tolist() == sevens[0].pixels.tolist()
    with pytest.raises(DataError, match="has no class 'x'"):
        samples.some(CNN, "test", "x")
    with pytest.raises(DataError, match="has no split 'other'"):
        samples.some(CNN, "other")


def test_a_run_without_its_splits_has_no_samples(studio: Studio) -> None:
    run = studio.run(CNN)
    run.splits.unlink()
    with pytest.raises(RunError, match=r"seed-0/splits.parquet is gone. Climb its ladder again to make it anew."):
        Samples(studio).some(CNN, "test")
    run.write_record({**run.read_record(), "files": {}})  # as an earlier version left it
    with pytest.raises(DataError, match="has not kept which rows were in which split"):
        Samples(studio).some(CNN, "test")


def test_a_picture_of_train_is_nearest_to_itself(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = Samples(studio)
    one = samples.some(CNN, "train", seed=3)[0]
    answer = Answer(CNN, [], 0, one.pixels)
    found = samples.near(answer, 4)
    assert len(found.samples) == 4
    assert found.samples[0].pixels.tolist() == one.pixels.tolist()
    assert found.looked == found.rows
    monkeypatch.setattr("escalera.studio.samples.LOOKED_AT", 100)
    assert Samples(studio).near(answer).looked == 100
    with pytest.raises(DataError, match="no neighbours by pictures alone"):
        samples.near(Answer(CNN, [], 0, None))


def test_where_two_runs_disagree(studio: Studio) -> None:
    found = disagreement(studio, MLP, CNN, "first")
    one, two = (read_run(studio.out / key, 0).answers for key in (MLP, CNN))
    assert one is not None
    assert two is not None
    expected = one.rows[one.correct & ~two.correct].tolist()
    assert found.rows == expected
    assert found.truth == found.first
    assert all(a != b for a, b in zip(found.truth, found.second, strict=True))
    assert found.both + found.only_first + found.only_second + found.neither == len(one.rows)
    assert found.only_first == len(expected)
    other = disagreement(studio, MLP, CNN, "neither")
    assert all(len({a, b, c}) == 3 for a, b, c in zip(other.truth, other.first, other.second, strict=True))


def test_runs_of_other_pictures_cannot_be_compared(studio: Studio) -> None:
    record = read_json(studio.out / CNN / "run.json")
    write_json(studio.out / CNN / "run.json", {**record, "data": {**record["data"], "source": "other"}})
    with pytest.raises(DataError, match="not tested on the same pictures"):
        disagreement(studio, MLP, CNN, "first")


def test_a_curve_is_drawn_of_numbers_alone() -> None:
    bad: list[Any] = ["0.5", True, None, float("nan"), [1], {}]
    history = [{"epoch": n, "loss": value} for n, value in enumerate(bad, 2)]
    assert curves({"a": history}, "loss", EN) is None
    drawn = curves({"a": [{"epoch": 1, "loss": 1.0}, *history]}, "loss", EN)
    assert drawn is not None and "nan" not in drawn
