"""`climb --find-lr`: what the range test tries, suggests and says, and that it leaves and reads nothing else."""

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from rich.console import Console

import escalera as esc
from escalera import cli
from escalera.cli.terminal import load_terminal
from escalera.cli.terminal.rates import curve, print_rates
from escalera.core.errors import EscaleraError
from escalera.core.runtime import threads
from escalera.experiment.rates import find_rates, ladder_line, short_rate
from escalera.run import range_test
from escalera.run.task import open_data
from escalera.train.range_test import HIGHEST, LOWEST, STEPS, Curve, rate_at, smoothed

LADDER = """
name: mine
data: {source: digits, validation: 0.1}
rungs:
  - {name: base, model: {kind: mlp, dense: [16]}, train: {batch_size: 128}}
  - {name: steep, change: {train.optimizer: {name: sgd, lr: 0.1, backbone_lr: 0.05}}}
  - {name: vote, from: base, change: {model: {kind: votes, features: {from: base}, classifiers: [{name: logistic_regression}]}}}
"""  # noqa: E501


@pytest.fixture
def ladder(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(LADDER)
    return path


def test_rates_grow_by_one_factor() -> None:
    found = [rate_at(step) for step in range(STEPS)]
    assert found[0] == LOWEST and found[-1] == pytest.approx(HIGHEST)
    assert np.diff(np.log(found)) == pytest.approx(np.log(HIGHEST / LOWEST) / (STEPS - 1))


def test_a_tenth_of_the_rate_with_the_least_smoothed_loss() -> None:
    losses = [2.0] * 30 + list(np.linspace(2, 0.5, 40)) + [0.5 + step for step in range(10)]
    found = Curve(losses)
    smooth = smoothed(losses)
    assert smooth[0] == pytest.approx(2.0)
    assert smooth[50] == pytest.approx(np.mean(losses[46:55]))
    assert found.burst
    assert found.least == rate_at(int(np.argmin(smooth)))
    assert found.suggested == pytest.approx(found.least / 10)
    assert Curve([2.0] * STEPS).suggested is None
    assert not Curve([2.0] * STEPS).burst
    assert Curve([]).suggested is None


def test_a_rung_by_rung_row_without_a_file_or_a_row_of_test(
    ladder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = open_data

    def sealed(source: Any) -> Any:
        data = opened(source)
        object.__setattr__(data.test, "rows", np.array([10**9]))  # whoever reads it fails
        return data

    monkeypatch.setattr("escalera.experiment.rates.open_data", sealed)
    heard: list[str] = []
    rows = find_rates(esc.load_ladder(ladder), out=tmp_path / "runs", device="cpu", begins=heard.append)
    assert heard == [row["name"] for row in rows] == ["base", "steep"]
    for row in rows:
        assert 1e-5 < row["suggested"] < 1
        assert len(row["rates"]) == len(row["losses"]) == len(row["smoothed"]) <= STEPS
    assert not (tmp_path / "runs").exists()
    again = find_rates(esc.load_ladder(ladder), out=tmp_path / "runs", device="cpu", rungs=["base"])
    assert again == rows[:1]


def test_the_line_is_a_ladders(ladder: Path) -> None:
    base, steep, _ = esc.load_ladder(ladder).ladder.rungs
    assert ladder_line(base, 0.0032) == "train: {optimizer: {name: adam, lr: 3.2e-3}}"
    line = ladder_line(steep, 0.2)
    assert line == "change: {train.optimizer.lr: 2.0e-1, train.optimizer.backbone_lr: 1.0e-1}"
    text = LADDER.replace("change: {train.optimizer: {name: sgd, lr: 0.1, backbone_lr: 0.05}}", "change: {}")
    assert text != LADDER
    more = yaml.safe_load(LADDER)
    more["rungs"].insert(2, {"name": "found", **yaml.safe_load(line)})
    found = esc.load_ladder(more).ladder["found"].config.train.optimizer
    assert (found.lr, getattr(found, "backbone_lr", None)) == (0.2, 0.1)
    assert [short_rate(rate) for rate in (10, 1, 0.00123)] == ["1.0e+1", "1.0e+0", "1.2e-3"]


def test_a_rung_without_a_rate_and_one_that_cannot_begin(ladder: Path, tmp_path: Path) -> None:
    reading = esc.load_ladder(ladder)
    wanted = "--find-lr: 'vote' trains no network, and so has no learning rate. Leave it out."
    with pytest.raises(EscaleraError, match=re.escape(wanted)):
        find_rates(reading, rungs=["vote"], out=tmp_path)
    values = yaml.safe_load(LADDER)
    values["rungs"][2] = {
        "name": "more",
        "from": "base",
        "change": {"model": {"kind": "transfer", "weights": {"from": "base"}, "head": {"dense": [8]}}},
    }
    (row,) = find_rates(esc.load_ladder(values), rungs=["more"], out=tmp_path)
    assert row["error"].startswith("it starts from the weights of the rung 'base', which was never trained")


def test_a_small_network_is_tried_with_the_one_thread_that_a_climb_gives_it(
    ladder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def watched(*_: Any) -> Curve:
        tried.append(torch.get_num_threads())
        return Curve([2.0] * STEPS)

    monkeypatch.setattr(range_test, "range_test", watched)
    with threads(4):
        find_rates(esc.load_ladder(ladder), rungs=["base"], out=tmp_path)
        assert torch.get_num_threads() == 4
    assert tried == [1]


def said(row: dict[str, Any], code: str) -> str:
    file = io.StringIO()
    print_rates(Console(file=file, width=120), [row], load_terminal(code))
    return file.getvalue()


@pytest.mark.parametrize(("code", "word"), [("en", "suggested 1.0e-3"), ("es", "se sugiere 1.0e-3")])
def test_it_is_drawn_and_told_with_its_reason(code: str, word: str) -> None:
    losses = [2.0] * 40 + [1.0] * 40 + [9.0]
    tried = [rate_at(step) for step in range(81)]
    row = {
        "name": "a[b]", "rate": 0.01, "suggested": 1e-3, "least": 1e-2, "burst": True, "line": "change: {}",
        "rates": tried, "losses": losses, "smoothed": losses,
    }  # fmt: skip
    text = said(row, code)
    assert word in text and "a[b]" in text and "change: {}" in text and "↑" in text and "1.0e-2" in text
    bars = curve(tried, losses, 1e-3)[0]
    assert bars[0] == "█" and "▁" in bars and bars[-1] == "█"
    assert len(bars) == 50
    assert ("no suggestion" if code == "en" else "sin sugerencia") in said({**row, "suggested": None}, code)
    assert "x: why" in said({"name": "x", "error": "why"}, code)


def test_the_command(
    ladder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)

    def run(*more: str) -> object:
        given = ["escalera", "climb", str(ladder), "--rung", "base", "--find-lr", "--device", "cpu", *more]
        monkeypatch.setattr(sys, "argv", given)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return ended.value.code

    assert not run("--json")
    (row,) = json.loads(capsys.readouterr().out)
    assert row["line"].startswith("train: {optimizer: {name: adam, lr: ")
    assert run("--plan")
    assert "expected one of --plan and --find-lr, received both" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
