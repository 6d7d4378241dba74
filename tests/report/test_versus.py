"""Any runs side by side: the numbers of the ladder's own steps, and a reason where there can be none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console
from typer.testing import CliRunner

from escalera.cli import app
from escalera.cli.terminal import load_terminal, print_rungs
from escalera.core.errors import RunError
from escalera.experiment.comparison import compare_runs
from escalera.report.language import load_language
from escalera.report.page import write_page
from escalera.report.story import read_story
from escalera.report.versus import read_versus


def test_two_rungs_compare_as_in_their_ladder(ladder_dir: Path, tmp_path: Path) -> None:
    story = read_versus([ladder_dir / "base", ladder_dir / "deeper"], tmp_path / "comparison", "escalera compare")
    assert [rung.name for rung in story.rungs] == ["base", "deeper"]
    own = read_story(ladder_dir).rungs[1].step
    step = story.rungs[1].step
    assert step and own and step.comparison == own.comparison
    assert step.verdict == "better"
    assert step.comparison is not None and step.p == step.comparison.p  # a single step needs no correction


def test_a_comparison_names_its_metric_and_the_two_figures_of_it(ladder_dir: Path) -> None:
    by_accuracy = compare_runs(ladder_dir / "base", ladder_dir / "deeper")
    assert by_accuracy.metric == "accuracy"
    assert (by_accuracy.score_a, by_accuracy.score_b) == (by_accuracy.accuracy_a, by_accuracy.accuracy_b)
    for rung in ("base", "deeper"):
        # While the two are judged by different figures, both are compared by accuracy.
        assert compare_runs(ladder_dir / "base", ladder_dir / "deeper").metric == "accuracy"
        config = ladder_dir / rung / "seed-0/config.yaml"
        config.write_text(config.read_text() + "evaluate: {metric: macro_f1}\n")
    found = compare_runs(ladder_dir / "base", ladder_dir / "deeper")
    assert found.metric == "macro_f1"
    assert found.difference == pytest.approx(found.score_b - found.score_a)
    assert found.score_a != found.accuracy_a
    assert "macro F1 of base" in found._repr_html_()


def test_a_rung_of_which_a_seed_is_missing_has_its_figures(build: Callable[..., Path]) -> None:
    folder = build(seeds=2)
    shutil.rmtree(folder / "deeper/seed-1")
    text = StringIO()
    print_rungs(Console(file=text, width=120), read_story(folder), load_terminal("en"))
    [line] = [line for line in text.getvalue().splitlines() if line.lstrip().startswith("deeper")]
    assert "not" not in line and "better" in line


def test_three_runs_stand_beside_the_first_and_are_corrected(ladder_dir: Path, tmp_path: Path) -> None:
    paths = [ladder_dir / name for name in ("deeper", "batch-norm", "base/seed-0")]
    story = read_versus(paths, tmp_path)
    assert [step.parent for step in story.steps] == ["deeper", "deeper"]
    assert [step.verdict for step in story.steps] == ["no evidence", "worse"]
    worse = story.steps[1]
    assert worse.comparison and worse.p == pytest.approx(2 * worse.comparison.p)


def test_several_ladders_and_seeds(ladder_dir: Path, build: Callable[..., Path], tmp_path: Path) -> None:
    other = build(seeds=2)
    story = read_versus([other / "base", ladder_dir / "base"], tmp_path)
    assert [rung.name for rung in story.rungs] == ["ladder/base", "cifar10/base"]
    assert [len(rung.runs) for rung in story.rungs] == [2, 1]
    story = read_versus([other / "base/seed-0", other / "base/seed-1"], tmp_path)
    assert [rung.name for rung in story.rungs] == ["ladder/base/seed-0", "ladder/base/seed-1"]
    twice = ["ladder/base/seed-0 (1)", "ladder/base/seed-0 (2)"]
    story = read_versus([other / "base", other / "base"], tmp_path)
    assert [rung.name for rung in story.rungs] == twice
    story = read_versus([other / "base/seed-0", other / "base/seed-0", other / "base/seed-1"], tmp_path)
    assert [rung.name for rung in story.rungs] == [*twice, "ladder/base/seed-1"]


def test_the_settings_that_differ(ladder_dir: Path, tmp_path: Path) -> None:
    (ladder_dir / "deeper/seed-0/config.yaml").write_text(
        "data: {source: cifar10}\nmodel: {kind: cnn, blocks: [[32]]}\n"
    )
    story = read_versus([ladder_dir / "base", ladder_dir / "deeper"], tmp_path)
    assert [(c.path, c.before, c.after) for c in story.rungs[1].change] == [("model.blocks", None, [[32]])]
    (ladder_dir / "base/seed-0/config.yaml").unlink()
    assert read_versus([ladder_dir / "base", ladder_dir / "deeper"], tmp_path).rungs[1].change == []


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_page(ladder_dir: Path, tmp_path: Path, language: str) -> None:
    before = sorted(ladder_dir.rglob("*"))
    story = read_versus([ladder_dir / "base", ladder_dir / "augmentation"], tmp_path / "out" / "comparison")
    page = write_page(story, load_language(language), keep_runs=False)
    text = page.read_text(encoding="utf-8")
    assert page == tmp_path / "out" / "comparison" / "report.html"
    assert 'id="rung-augmentation"' in text
    assert sorted(ladder_dir.rglob("*")) == before
    assert len(list((page.parent / "figures").glob("*.csv"))) == 1 + 2 * 8


def other_rows(folder: Path) -> None:
    path = folder / "deeper/seed-0/predictions.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(0, "row", [np.arange(100, 600)]), path)


def other_source(folder: Path) -> None:
    path = folder / "deeper/seed-0/run.json"
    record = json.loads(path.read_text())
    record["data"]["source"] = "mnist"
    path.write_text(json.dumps(record))


def other_classes(folder: Path) -> None:
    path = folder / "deeper/seed-0/run.json"
    record = json.loads(path.read_text())
    record["data"]["classes"][0] = "aeroplane"
    path.write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (other_rows, "tested on 500 rows and the first on 500, 400 of them common"),
        (other_source, "it was tested on 'mnist', the first on 'cifar10'"),
        (other_classes, "it has 10 classes, the first 10, or they are called otherwise"),
        (
            lambda folder: shutil.rmtree(folder / "deeper"),
            "expected the folder of a run or a rung, .*received .*deeper",
        ),
        (
            lambda folder: (folder / "deeper/seed-0/predictions.parquet").unlink(),
            r"cannot be read \(predictions.parquet: absent\)",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(
    ladder_dir: Path, tmp_path: Path, spoil: Callable[[Path], Any], text: str
) -> None:
    spoil(ladder_dir)
    with pytest.raises(RunError, match=text):
        read_versus([ladder_dir / "base", ladder_dir / "deeper"], tmp_path)


def test_other_mistakes(ladder_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected at least two runs to compare"):
        read_versus([ladder_dir / "base"], tmp_path)
    with pytest.raises(RunError, match="vgg16-scratch is failed, not done"):
        read_versus([ladder_dir / "base", ladder_dir / "vgg16-scratch"], tmp_path)
    (ladder_dir / "vgg16-scratch/seed-0/run.json").write_text("{")
    with pytest.raises(RunError, match=r"seed-0: .*run.json.* Climb its ladder again to make it anew\.$"):
        read_versus([ladder_dir / "base", ladder_dir / "vgg16-scratch"], tmp_path)
    with pytest.raises(RunError, match=r"It holds the rungs augmentation, base, .*name them"):
        read_versus([ladder_dir, ladder_dir / "base"], tmp_path)


def test_the_command(ladder_dir: Path, tmp_path: Path) -> None:
    runs = [str(ladder_dir / "base"), str(ladder_dir / "deeper")]
    said = CliRunner().invoke(app, ["compare", *runs, "--out", str(tmp_path), "--lang", "es"])
    assert said.exit_code == 0, said.output
    assert "▲ mejor" in said.output and "comparison/report.html" in said.output
    assert 'lang="es"' in (tmp_path / "comparison/report.html").read_text()[:300]
    said = CliRunner().invoke(app, ["compare", *runs, "--out", str(tmp_path), "--json"])
    assert [rung["verdict"] for rung in json.loads(said.output)["rungs"]] == [None, "better"]


@pytest.mark.parametrize(("terminal", "width"), [(False, 80), (True, 80), (True, 120)])
def test_no_name_is_broken_in_the_table(ladder_dir: Path, terminal: bool, width: int) -> None:
    file = StringIO()
    console = Console(file=file, width=width, force_terminal=terminal, color_system=None)
    print_rungs(console, read_story(ladder_dir), load_terminal("en"))
    lines = file.getvalue().splitlines()
    assert len(lines) == 6
    assert [line.split()[0] for line in lines[1:]] == ["base", "deeper", "batch-norm", "vgg16-scratch", "augmentation"]
    assert ("parameters" in lines[0]) == (width == 120 or not terminal)
    assert all(line.rstrip().endswith("s") for line in lines[1:4])
