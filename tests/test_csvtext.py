"""One CSV for all: read back as it was, and no cell of it a formula."""

from __future__ import annotations

import ast
import csv
import io
from pathlib import Path

import numpy as np
import pytest

import escalera
from escalera.core.csvtext import csv_text


def cells(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("blank", ["", " ", "\t", "\r", "\n", "\u00a0", "\u200b", "\ufeff"])
@pytest.mark.parametrize("formula", ["=cmd|' '!A0", "+1+1", "-2+3", "@SUM(A1)", "＝1+1", "＋1", "－x", "＠x", "-"])
def test_a_formula_becomes_text(blank: str, formula: str) -> None:
    (head, _), (cell, number) = cells(csv_text([blank + formula, "n"], [[blank + formula, 1]]))
    assert head == cell and cell[0] == "'" and number == "1"
    assert cell.replace("'", "") == (blank + formula).replace("'", "")


def test_what_that_looks_like() -> None:
    assert csv_text(["=1", "\rx"], [["\t=2", "-2+3"]]) == "'=1,\"'\rx\"\n\"'\t'=2\",'-2+3\n"


@pytest.mark.parametrize("name", ["x;=1", "x\t=1", "x\r=1", "x\n=1", "x; @y", 'a"\n-b'])
def test_nor_does_one_that_another_spreadsheet_would_cut_out(name: str) -> None:
    for cut in (";", "\t", "\r", "\n"):
        parts = csv_text(["name"], [[name]]).split(cut)[1:]
        assert not [part for part in parts if part.lstrip()[:1] in set("=+-@")]


@pytest.mark.parametrize(
    "name", ["cat", "-1", "+5", "-1.5e-3", "a-b", "3 = 3", 'say "hi"', "a,b", "a\rb", "a\nb", "á;ñ", " x "]
)
def test_other_names_come_back_as_they_were(name: str) -> None:
    assert cells(csv_text(["name"], [[name]])) == [["name"], [name]]


def test_numbers_and_what_is_absent() -> None:
    row = [None, float("nan"), np.float64(0.1), -0.5, np.int64(-3), True, ""]
    assert csv_text(list("abcdefg"), [row]) == "a,b,c,d,e,f,g\n,,0.1,-0.5,-3,True,\n"


def test_nobody_else_writes_csv() -> None:
    """The csv module reads in many places; its writers, and those of pandas and pyarrow, are used nowhere."""
    found = [
        f"{path.name}: {node.attr}"
        for path in Path(escalera.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in ("writerow", "writerows", "DictWriter", "to_csv", "write_csv")
    ]
    assert found == []
