"""What a plan says of a search: how many trials, how long, at what price, and how flattered."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import escalera as esc
from escalera import cli
from escalera.cli.terminal import load_terminal, print_plan
from escalera.core.files import write_sealed
from escalera.experiment import climb, estimate
from escalera.experiment.answers import identity
from escalera.experiment.estimate import around
from escalera.experiment.prospect import BESIDE, halved, search_plan
from escalera.ladder.schema import Rung

LADDER = """
name: planned
data: {source: cifar10, validation: 0.1}
rungs:
  - name: base
    model: {kind: mlp, dense: [8]}
    train: {epochs: 10, batch_size: 64}
    evaluate: {price_per_hour: 36, currency: EUR}
  - name: tuned
    search:
      over: {train.optimizer.lr: {log: [1e-4, 1e-2]}, model.dropout: [0.0, 0.5]}
      trials: 20
      epochs: 5
  - name: more
    change: {train.epochs: 20}
"""


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "PROBE_SECONDS", 0.02)


def rung(tmp_path: Path, search: str) -> Rung:
    text = LADDER[: LADDER.index("      over:")] + f"      {search}\n"
    (tmp_path / "one.yaml").write_text(text)
    return esc.load_ladder(tmp_path / "one.yaml").ladder["tuned"]


def ahead(tmp_path: Path, search: str, rows: int = 400) -> dict[str, Any]:
    return search_plan(rung(tmp_path, search), {"training_seconds": 100.0, "validation_rows": rows})


def test_trials_of_fewer_epochs_take_their_share_of_the_time(tmp_path: Path) -> None:
    found = ahead(tmp_path, "{over: {model.dropout: {uniform: [0, 1]}}, trials: 8, epochs: 5}".replace("1]", "0.9]"))
    assert (found["trials"], found["epochs"], found["size"], found["share"]) == (8, 5, None, 1.0)
    assert found["seconds"] == pytest.approx(8 * (50 + BESIDE))
    assert found["price"] == {"amount": pytest.approx(found["seconds"] / 100), "currency": "EUR"}
    assert found["flattery"] == pytest.approx(1.43 * 0.5 / 20, abs=2e-4)


def test_a_grid_has_its_size(tmp_path: Path) -> None:
    found = ahead(tmp_path, "{over: {model.dropout: [0, 0.1, 0.2], model.dense: [[8], [16]]}, method: grid}")
    assert (found["size"], found["trials"], found["epochs"]) == (6, 6, 10)


def test_minutes_hold_what_fits(tmp_path: Path) -> None:
    over = "over: {model.dropout: [0, 0.1, 0.2, 0.3]}"
    found = ahead(tmp_path, f"{{{over}, minutes: 10}}")
    assert (found["trials"], found["minutes"]) == (5, 10)
    assert found["seconds"] <= 600
    assert ahead(tmp_path, f"{{{over}, minutes: 10, trials: 2}}")["trials"] == 2
    assert ahead(tmp_path, f"{{{over}, minutes: 0.1}}")["trials"] == 1


def test_successive_halving_trains_a_share_of_the_epochs(tmp_path: Path) -> None:
    assert halved(1, 9) == 1.0
    assert halved(1000, 9) == pytest.approx((1 + 2 / 3 + 6 / 9) / 9, abs=0.01)
    assert halved(20, 1) == 1.0
    found = ahead(tmp_path, "{over: {model.dropout: [0, 0.1]}, trials: 20, prune: true}")
    assert found["share"] == pytest.approx(halved(20, 10), abs=1e-3)
    assert found["seconds"] == pytest.approx(20 * (100 * halved(20, 10) + BESIDE))


def told(rows: list[dict[str, Any]], language: str = "en", *, side_by_side: bool = False) -> str:
    console = Console(file=io.StringIO(), width=2000)
    print_plan(console, rows, 1, load_terminal(language), side_by_side=side_by_side)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_plan_says_what_a_search_adds(tmp_path: Path) -> None:
    (tmp_path / "planned.yaml").write_text(LADDER)
    rows = climb.plan(esc.load_ladder(tmp_path / "planned.yaml"), out=tmp_path)
    assert [("search" in row, row.get("settings_from")) for row in rows] == [
        (False, None), (True, None), (False, "tuned")
    ]  # fmt: skip
    assert rows[1]["seconds"] > 0  # it takes over nothing from its parent, though the settings are still the same
    assert rows[1]["search"]["validation_rows"] == 5000
    text = told(rows)
    assert "tuned: its search tries 20 trials of 5 epochs each (tpe), which adds about" in text
    assert " EUR. The best is chosen on 5,000 rows of validation: it may look up to 1.3 points better" in text
    assert "more: its settings come from the search of tuned, which is still to be done" in text
    assert "tuned: su búsqueda hace 20 ensayos de 5 épocas cada uno (tpe)" in told(rows, "es")
    rows[1]["search"] |= {"flattery": 0.005, "size": 6, "share": 0.4, "price": None}
    text = told(rows)
    assert "its grid has 6 combinations; it tries 20 trials" in text
    assert text.rstrip().splitlines()[-2].endswith("Successive halving trains about 40 % of their epochs.")
    rows[1]["search"] |= {"size": None, "minutes": 3.0}
    assert "its search tries what fits into its time, about 20 trials of 5 epochs each" in told(rows)


def test_the_sum_has_the_search(tmp_path: Path) -> None:
    row = {"name": "a", "parameters": {"total": 1, "trainable": 1}, "flops_per_image": 1, "memory_bytes": 1,
           "images_per_second": 1.0, "epochs": 1, "seconds": 10.0, "validation_rows": 9}  # fmt: skip
    search = {"method": "tpe", "trials": 2, "size": None, "epochs": 1, "minutes": None, "share": 1.0, "seconds": 5.0,
              "price": None, "validation_rows": 9, "flattery": None}  # fmt: skip
    text = told([row, {**row, "name": "b", "search": search}])
    assert "10.0 s + 5.0 s" in text and f"{25 + around([row, row]):.1f} s" in text


def test_what_a_search_has_found_is_known(tmp_path: Path) -> None:
    (tmp_path / "planned.yaml").write_text(LADDER)
    reading = esc.load_ladder(tmp_path / "planned.yaml")
    tuned = reading.ladder["tuned"]
    assert tuned.search is not None
    found = {
        "fingerprint": identity(tuned, reading.ladder.seed),
        "state": "done",
        "search": tuned.search.model_dump(),
        "answer": {"train.optimizer.lr": 0.005, "model.dropout": 0.5},
    }
    path = tmp_path / "planned" / "tuned" / "search" / "search.json"
    write_sealed(path, found)
    rows = climb.plan(reading, out=tmp_path)
    assert not any("search" in row or "settings_from" in row for row in rows)
    assert "search" in climb.plan(reading)[1]
    assert "search" in climb.plan(reading, out="s3://bucket/runs")[1]
    # What is damaged is as good as not there: a climb searches anew.
    path.write_text(path.read_text().replace("0.005", "0.006"))
    assert "search" in climb.plan(reading, out=tmp_path)[1]


def test_the_command_prints_it_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "planned.yaml").write_text(LADDER)
    monkeypatch.setattr(
        sys, "argv", ["escalera", "climb", str(tmp_path / "planned.yaml"), "--plan", "--json", "--out", str(tmp_path)]
    )
    with pytest.raises(SystemExit):
        cli.main()
    rows = json.loads(capsys.readouterr().out)
    assert rows[1]["search"]["trials"] == 20 and rows[2]["settings_from"] == "tuned"


@pytest.mark.parametrize(("asked", "said"), [([], False), (["--jobs", "1"], False), (["--jobs", "2"], True),
                                             (["--cluster", "ray"], True), (["--devices", "2"], True)])  # fmt: skip
def test_a_plan_says_that_its_times_are_of_one_after_the_other(
    asked: list[str], said: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "planned.yaml").write_text(LADDER)
    row = {"name": "base", "error": "none"}
    monkeypatch.setattr(climb, "plan", lambda *_, **__: [row])
    monkeypatch.setattr(
        sys, "argv", ["escalera", "climb", str(tmp_path / "planned.yaml"), "--plan", "--lang", "es", *asked]
    )
    with pytest.raises(SystemExit):
        cli.main()
    assert ("el tiempo de una ejecución tras otra" in " ".join(capsys.readouterr().out.split())) is said
