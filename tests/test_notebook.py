"""What a notebook shows of a climb, a run, a comparison and a source."""

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import escalera as esc
from escalera.experiment.notebook import line_html, list_html, table_html

LADDER: dict[str, Any] = {
    "name": "tiny",
    "data": {"source": "digits", "test": 0.3},
    "rungs": [
        {"name": "mlp", "model": {"kind": "mlp", "dense": [8]}, "train": {"epochs": 1}},
        {"name": "wild", "change": {"train.optimizer": {"name": "sgd", "lr": 1e30}}},
    ],
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[esc.Results]:
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESCALERA_CACHE", str(folder / "cache"))
        yield esc.climb(LADDER, out=folder / "a&b", seeds=2, quiet=True)


def cells(html: str) -> list[list[str]]:
    """The table of a page, its heads included."""
    rows = re.findall(r"<tr.*?>(.*?)</tr>", html, re.DOTALL)
    return [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in rows]


def test_results(results: esc.Results) -> None:
    html = results._repr_html_()
    head, *rows = cells(html)
    assert head[:3] == ["rung", "seed", "state"] and "error" not in head and not any("nan" in row for row in rows)
    table = results.table()
    assert [row[:3] for row in rows] == [[str(v) for v in row] for row in table[head[:3]].to_numpy().tolist()]
    done = dict(zip(head, rows[0], strict=True))
    # Whole numbers stay whole, though runs that failed have none; others have four digits.
    assert (done["parameters"], done["epochs"]) == ("610", "1")
    assert done["test_accuracy"] == f"{results['mlp'].metrics['test']['accuracy']:.4g}"
    assert set(rows[-1][3:]) == {""}
    assert len(results.failed) == 2
    assert html.count("<li>wild, seed ") == 2 and results.failed[0].error.split(":")[0] in html
    assert "<p>Report: " in html and f"{escape(str(results.report))}</p>" in html and "a&amp;b" in html


def test_a_run(results: esc.Results) -> None:
    done = dict(row for row in cells(results["mlp"]._repr_html_()) if len(row) == 2)
    assert done["state"] == "done" and done["parameters"] == "610" and done[""] == "mlp/seed-0"
    assert results.runs["mlp", 1]._repr_html_().count("mlp/seed-1") == 1
    failed = results["wild"].summary()
    assert failed == {"state": "failed", "error": results.failed[0].error}
    assert "<th>error</th>" in results["wild"]._repr_html_()
    assert esc.Run(type(results["mlp"].dir)(Path("nowhere"))).summary() == {"state": "absent"}


def test_a_comparison(results: esc.Results) -> None:
    found = esc.compare(results["mlp"], results.runs["mlp", 1])
    shown = dict(row for row in cells(found._repr_html_()) if len(row) == 2)
    assert shown[""] == f"{found.b} over {found.a}" and shown["verdict"] == found.verdict
    assert shown["difference"] == f"{found.difference:+.2%}"
    assert shown["rows gained, lost"] == f"{found.gained}, {found.lost} of 539"


def test_a_source(tmp_path: Path) -> None:
    images = np.zeros((5, 4, 4), np.uint8)
    found = esc.explore({"train": (images, ["<b>", "a", "a", "a", "a"])}, out=tmp_path)
    html = found._repr_html_()
    assert cells(html) == [["", "train"], ["rows", "5"], ["&lt;b&gt;", "1"], ["a", "4"]]
    assert "<p>A training would refuse it:</p><ul><li>" in html and "<b>" not in html
    assert f"<p>Page: {found.page}</p>" in html and "decoded" not in html


def test_numbers_and_lines() -> None:
    frame = pd.DataFrame({"a": [0.123456, 60.0, np.nan], "b": [None, 1234567.0, 0.0]})
    assert cells(table_html(frame, index=False))[1:] == [["0.1235", ""], ["60", "1234567"], ["", "0"]]
    assert list_html("x", []) == "" and list_html("<", ["&"]) == "<p>&lt;</p><ul><li>&amp;</li></ul>"
    assert line_html("x:", Path("<")) == "<p>x: &lt;</p>"
