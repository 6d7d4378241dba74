"""Slices in the report: read from beside a run, drawn, and handed on as CSV."""

import base64
import re
from pathlib import Path

import numpy as np
import pytest

import escalera as esc
from escalera.core.rundir import RunDir
from escalera.data.facets import Facet
from escalera.report.page import write_report
from escalera.report.slices import FILE, read_facets, write_facets

LADDER = {
    "name": "mine",
    "data": {"source": "digits"},
    "rungs": [{"name": "base", "model": {"kind": "mlp", "dense": [8]}, "train": {"epochs": 4, "batch_size": 64}}],
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> esc.Results:
    return esc.climb(LADDER, out=tmp_path_factory.mktemp("runs"), quiet=True)


def test_a_climb_keeps_what_its_rows_have_in_common(results: esc.Results) -> None:
    run = results["base"].dir
    assert (run.path / FILE).is_file()
    table = results.slices()
    assert set(table["facet"]) == {"brightness"} and list(table["rung"].unique()) == ["base"]
    assert table["rows"].sum() == 359 and (table["low"] <= table["figure"]).all()
    csv = (run.path / "figures" / "slices.csv").read_text()
    assert csv.splitlines()[0] == "facet,value,rows,accuracy,low,high,rest,difference,p,p_holm,verdict"
    assert len(csv.splitlines()) == 1 + len(table)


@pytest.mark.parametrize(("language", "title"), [("en", "Where it is worse"), ("es", "Dónde falla más")])
def test_the_page_shows_the_worst_and_carries_all(results: esc.Results, language: str, title: str) -> None:
    page = write_report(results.report.parent, language).read_text()
    assert title in page and "slices-base-0-title" in page
    link = re.search(r'download="slices-base-0.csv" href="data:text/csv;charset=utf-8;base64,([^"]+)"', page)
    assert link and base64.b64decode(link[1]).decode("utf-8-sig").startswith("facet,value,rows,accuracy")


def test_facets_of_other_rows_are_not_taken(tmp_path: Path) -> None:
    rows = np.array([3, 5, 9])
    write_facets(tmp_path, rows, [Facet("size", ["20", "40"], np.array([0, -1, 1]))])
    [again] = read_facets(tmp_path, rows) or []
    assert (again.name, list(again.values), again.codes.tolist()) == ("size", ["20", "40"], [0, -1, 1])
    assert read_facets(tmp_path, rows + 1) is None
    (tmp_path / FILE).write_bytes(b"no parquet")
    assert read_facets(tmp_path, rows) is None


def test_without_facets_there_is_no_section(results: esc.Results) -> None:
    kept = RunDir(results["base"].dir.path).path / FILE
    content = kept.read_bytes()
    try:
        kept.unlink()
        assert "slices-base-0" not in write_report(results.report.parent).read_text()
    finally:
        kept.write_bytes(content)
