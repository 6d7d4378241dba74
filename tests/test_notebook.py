"""What a notebook shows of a climb, a run, a comparison and a source."""

import builtins
import re
import sys
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


def test_the_climb_is_drawn_without_scripts_in_the_ink_of_the_page(results: esc.Results) -> None:
    html, again = results._repr_html_(), results._repr_html_()
    assert html.startswith("<div") and html.count("<svg") == 1 and "currentColor" in html
    assert "<script" not in html and "http" not in html.replace("http://www.w3.org/2000/svg", "")
    first, second = (re.findall(r'id="(climb-\d+-title)"', page) for page in (html, again))
    assert len(first) == 1 and first != second and f'aria-labelledby="{first[0]}"' in html
    spanish = esc.Results(results.runs, [], results.report, "es")._repr_html_()
    assert "Exactitud" in spanish and "Exactitud" not in html
    nowhere = esc.Results(results.runs, [], Path("nowhere") / "report.html")._repr_html_()
    assert "<svg" not in nowhere and "<table" in nowhere


def test_the_curves_and_the_history_of_a_run(results: esc.Results, tmp_path: Path) -> None:
    run = results["mlp"]
    html = run.plot_curves()._repr_html_()
    assert html.count("<svg") == 3 and "<script" not in html
    assert "Pérdida" in run.plot_curves("es").html
    history = run.history
    assert list(history["epoch"]) == [1] and {"loss", "accuracy", "val_loss", "lr"} <= set(history)
    with pytest.raises(esc.EscaleraError, match="language: expected en, es, received 'fr'"):
        run.plot_curves("fr")
    with pytest.raises(esc.EscaleraError, match="expected a history with an epoch at least to draw, found none"):
        esc.Run(type(run.dir)(tmp_path)).plot_curves()


def test_without_pandas_a_table_says_what_to_install(results: esc.Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    for asked in (results.table, results.history, lambda: results["mlp"].history):
        with pytest.raises(esc.EscaleraError, match=r"needs pandas, which is not installed\. Install it: pip install"):
            asked()


def test_a_ladder() -> None:
    ladder = {
        **LADDER,
        "title": "<i>Two</i>",
        "rungs": [LADDER["rungs"][0], {"name": "wide", "why": "a < b", "change": {"model.dense": [9]}}],
    }
    html = esc.load_ladder(ladder)._repr_html_()
    head, first, second = cells(html.replace(' style="text-align:left"', ""))
    assert head == ["rung", "parent", "change", "why"] and first[:2] == ["mlp", ""] and "dense: [8]" in first[2]
    assert second == ["wide", "mlp", "model.dense: [9]", "a &lt; b"]
    assert "<p><b>&lt;i&gt;Two&lt;/i&gt;</b></p>" in html


def test_a_notebook_has_one_line_that_is_renewed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class ZMQInteractiveShell:
        """What rich looks for."""

    monkeypatch.setattr(builtins, "get_ipython", ZMQInteractiveShell, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as ipykernel has it
    monkeypatch.setattr("escalera.cli.terminal.progress.RENEW_EVERY", 0.0)
    esc.climb({**LADDER, "rungs": LADDER["rungs"][:1]}, out=tmp_path, sets="train.epochs=3")
    text = capsys.readouterr().out
    line = next(line for line in text.split("\n") if "\r" in line)
    shown = [part for part in line.split("\r") if part.strip()]
    assert sum("epoch" in part for part in shown) > 3, "renewed, and taken away before the result is said"
    assert sum("\r" in line for line in text.split("\n")) == 1 and "✓ test" in shown[-1]
    assert "\x1b" not in text and "<pre" not in text


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
