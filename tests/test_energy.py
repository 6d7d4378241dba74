"""Energy by the machine's counters: a made-up tree of the kernel's, its faults, and what a run says everywhere."""

import json
import shutil
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from escalera.core import energy
from escalera.core.energy import EnergyMeter, Taken, UnmeasuredError, counters
from escalera.core.files import read_sealed, write_sealed
from escalera.core.language import NOTHING, load_words
from escalera.core.record import RunRecord
from escalera.core.rundir import RunDir
from escalera.experiment.climb import climb, load_ladder
from escalera.inference.card import card
from escalera.report.page import write_report
from escalera.run.folds import _all_energy
from escalera.train.energy import Energy

CPU, GPU = torch.device("cpu"), torch.device("cuda")
EN, ES = (load_words(code, "core", plain=True) for code in ("en", "es"))
LADDER = """
name: tiny
data: {source: digits, validation: 0.2, test: 0.5}
rungs:
  - name: mlp
    model: {kind: mlp, dense: [8]}
    train: {epochs: 2}
  - name: vote
    change: {model: {kind: votes, features: {from: mlp}, classifiers: [{name: nearest_neighbours, k: 3}]}}
  - name: folds
    from: mlp
    change: {data: {source: digits, folds: 2}}
"""


class Tree:
    """A powercap folder: package, its cores (which it counts already), memory beside it, and the whole platform."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for zone, name in (("0", "package-0"), ("0:0", "core"), ("0:1", "dram"), ("1", "psys")):
            self.zone(f"intel-rapl:{zone}", name)
        self.zone("intel-rapl-mmio:0", "package-0")

    def zone(self, folder: str, name: str) -> None:
        (self.root / folder).mkdir(parents=True)
        for file, text in (("name", name), ("max_energy_range_uj", "1000000000"), ("energy_uj", "0")):
            (self.root / folder / file).write_text(f"{text}\n")

    def set(self, folder: str, joules: float) -> None:
        (self.root / "aside").write_text(f"{round(1e6 * joules)}\n")
        (self.root / "aside").replace(self.root / folder / "energy_uj")  # as whole as the kernel's


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    monkeypatch.setattr(energy, "POWERCAP", tmp_path / "powercap")
    return Tree(tmp_path / "powercap")


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What this process and all have computed."""
    clock = SimpleNamespace(own=10.0, busy=1000.0)
    monkeypatch.setattr(time, "process_time", lambda: clock.own)
    monkeypatch.setattr(energy, "_busy", lambda: clock.busy)
    return clock


def test_a_package_and_its_memory_are_counted_once(tree: Tree) -> None:
    assert [one.of for one in counters(CPU)] == ["cpu", "memory"]


def test_a_process_is_given_its_share(tree: Tree, times: SimpleNamespace) -> None:
    tree.set("intel-rapl:0", 500)
    meter = EnergyMeter(CPU)
    meter.start()
    tree.set("intel-rapl:0", 860)
    tree.set("intel-rapl:0:0", 300)
    tree.set("intel-rapl:0:1", 40)
    times.own, times.busy = 13.0, 1012.0
    assert meter.stop().to_json() == {"kwh": pytest.approx(100 / 3.6e6, rel=1e-5), "of": ["cpu", "memory"],
                                      "share": 0.25, "why": ""}  # fmt: skip
    tree.set("intel-rapl:0", 900)
    assert meter.take().joules == {"cpu": pytest.approx(360), "memory": pytest.approx(40)}, "it counts no more"


def test_a_counter_that_begins_anew(tree: Tree, times: SimpleNamespace) -> None:
    tree.set("intel-rapl:0", 990)
    meter = EnergyMeter(CPU)
    meter.start()
    tree.set("intel-rapl:0", 5)
    meter.take()
    tree.set("intel-rapl:0", 12)
    assert meter.stop().joules["cpu"] == pytest.approx(22)


def test_it_looks_often_enough(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "EVERY", 0.005)
    tree.set("intel-rapl:0", 900)
    meter = EnergyMeter(CPU)
    meter.start()
    for joules in (200, 900, 200):
        seen = meter.taken.joules.get("cpu", 0.0)
        tree.set("intel-rapl:0", joules)
        for _ in range(1000):
            if meter.taken.joules.get("cpu", 0.0) != seen:
                break
            time.sleep(0.005)
    assert meter.stop().joules["cpu"] == pytest.approx(300 + 700 + 300)


def test_one_that_only_root_may_read(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(energy, "_reader", lambda file: refused)
    with pytest.raises(UnmeasuredError, match=r"^unreadable$"):
        counters(CPU)
    meter = EnergyMeter(CPU)
    meter.start()
    assert meter.stop().to_json() == {"kwh": None, "why": "unreadable"}
    assert "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj" in EN.say("energy.unreadable")


def test_none_at_all(tree: Tree) -> None:
    shutil.rmtree(tree.root / "intel-rapl:0")
    with pytest.raises(UnmeasuredError, match=r"^absent$"):
        counters(CPU)
    shutil.rmtree(tree.root)
    assert EnergyMeter(CPU).stop().to_json() == {"kwh": None, "why": "absent"}


def test_one_that_goes_away_ends_no_training(tree: Tree) -> None:
    meter = EnergyMeter(CPU)
    meter.start()
    shutil.rmtree(tree.root)
    assert meter.stop().to_json() == {"kwh": None, "why": "unreadable"}


def test_a_graphics_card(tree: Tree, times: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a made-up NVML: its own counter whole, and of the processor the share."""
    taken, asked = [5000], list[str]()
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=asked.append,
        nvmlDeviceGetTotalEnergyConsumption=lambda _: taken[0],
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(uuid="abc"))
    meter = EnergyMeter(GPU)
    meter.start()
    taken[0] = 65000
    tree.set("intel-rapl:0", 60)
    times.own, times.busy = 11.0, 1002.0
    found = meter.stop().to_json()
    assert (found["of"], asked) == (["cpu", "gpu", "memory"], ["GPU-abc"])
    assert found["kwh"] == pytest.approx((60 + 30) / 3.6e6, rel=1e-5)
    shutil.rmtree(tree.root)
    assert [one.of for one in counters(GPU)] == ["gpu"]
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(UnmeasuredError, match=r"^gpu$"):
        counters(GPU)


def test_it_goes_on_after_an_interruption(tree: Tree, times: SimpleNamespace) -> None:
    first = EnergyMeter(CPU)
    first.start()
    tree.set("intel-rapl:0", 100)
    first.take()
    kept = json.loads(json.dumps(first.state()))
    second = EnergyMeter(CPU)
    second.go_on(kept)
    second.start()
    tree.set("intel-rapl:0", 150)
    assert second.stop().joules["cpu"] == pytest.approx(150)
    for unknown in (None, {**kept, "why": "absent"}, {**kept, "joules": {"gpu": 1.0}}):
        third = EnergyMeter(CPU)
        third.go_on(unknown)
        assert third.taken.to_json() == {"kwh": None, "why": "part"}


def test_a_checkpoint_that_kept_no_energy_makes_what_follows_a_part(tree: Tree) -> None:
    energy_of = Energy(EnergyMeter(CPU))
    energy_of.restore(None)
    assert energy_of.meter.taken.to_json() == {"kwh": None, "why": "part"}


def test_folds_add_up() -> None:
    def fold(seconds: float, **energy: Any) -> dict[str, Any]:
        return {"seconds": seconds, "energy": energy}

    one = fold(30, kwh=0.5, of=["cpu"], share=1.0, why="")
    other = fold(90, kwh=0.25, of=["cpu", "memory"], share=0.4, why="")
    assert _all_energy([one, one]) == {"kwh": 1.0, "of": ["cpu"], "share": 1.0, "why": ""}
    # The share is that of the time of all folds: three quarters of it at 0.4.
    assert _all_energy([one, other]) == {"kwh": 0.75, "of": ["cpu", "memory"], "share": 0.55, "why": ""}
    assert _all_energy([one, fold(1, kwh=None, why="unreadable")]) == {"kwh": None, "why": "unreadable"}
    assert _all_energy([one, {"seconds": 1}]) == {"kwh": None, "why": "part"}


def test_nothing_counted_is_no_figure() -> None:
    assert Taken({}).to_json() == {"kwh": None, "why": "absent"}


@pytest.mark.parametrize(
    ("kwh", "en", "es"),
    [
        (1.72e-5, "17.2 mWh", "17,2 mWh"),
        (0.0042, "4.20 Wh", "4,20 Wh"),
        (1.31, "1.31 kWh", "1,31 kWh"),
        (None, NOTHING, NOTHING),
    ],
)
def test_it_is_written_in_both_languages(kwh: float | None, en: str, es: str) -> None:
    assert (EN.energy(kwh), ES.energy(kwh)) == (en, es)


@pytest.fixture
def growing(tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counters that go on by 1.8 joules at each look."""
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    joules = [0.0]

    def reader(_: Path) -> Any:
        def read() -> float:
            joules[0] += 1.8
            return joules[0]

        return read

    monkeypatch.setattr(energy, "_reader", reader)


def test_run_of_each_kind_says_it(growing: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Network, votes and folds, then an interruption's leftover; report, card, table and terminal have the figure."""
    (tmp_path / "tiny.yaml").write_text(LADDER)
    results = climb(load_ladder(tmp_path / "tiny.yaml"), out=tmp_path / "runs")
    table = results.table().set_index("rung")
    for rung in ("mlp", "vote", "folds"):
        record = json.loads((tmp_path / "runs/tiny" / rung / "seed-0/run.json").read_text())["energy"]
        assert record["of"] == ["cpu", "memory"] and 0 < record["share"] <= 1 and record["kwh"] == table.kwh[rung] > 0
    page = (tmp_path / "runs/tiny/report.html").read_text()
    assert ">Energy</th>" in page and "counters say of processor and memory" in page and "not measured" not in page
    text = card(RunDir(tmp_path / "runs/tiny/mlp/seed-0"), "es")
    assert "Energía: " in text and "según los contadores de la máquina (procesador, memoria)." in text
    monkeypatch.setattr(energy, "POWERCAP", tmp_path / "nowhere")
    climb(load_ladder(tmp_path / "tiny.yaml", ["train.epochs=3"]), out=tmp_path / "runs", language="es")
    page = (tmp_path / "runs/tiny/report.html").read_text()
    assert "La energía no se midió: esta máquina no muestra contadores de energía" in page
    record = json.loads((tmp_path / "runs/tiny/mlp/seed-0/run.json").read_text())
    assert record["energy"] == {"kwh": None, "why": "absent"}


def test_the_trials_of_a_search_are_counted(growing: None, tmp_path: Path) -> None:
    """Those that were stopped early too; where one is not known, the page says of which search."""
    space = {"over": {"model.dense": [[4], [8], [12], [16]]}, "method": "grid", "prune": True}
    rung = {"name": "tuned", "model": {"kind": "mlp", "dense": [8]}, "train": {"epochs": 3}, "search": space}
    ladder = {"name": "s", "data": {"source": "digits", "validation": 0.2, "test": 0.5}, "rungs": [rung]}
    climb(load_ladder(ladder), out=tmp_path / "runs")
    file = tmp_path / "runs/s/tuned/search/search.json"
    found = read_sealed(file)
    assert {trial["state"] for trial in found["trials"]} == {"done", "pruned"}
    assert all(trial["kwh"] > 0 for trial in found["trials"])
    taken = EN.energy(sum(trial["kwh"] for trial in found["trials"]))
    page = (tmp_path / "runs/s/report.html").read_text().replace("\xa0", " ").replace("\u202f", " ")
    assert f"<small>+ search {taken}</small>" in page and f"<dt>Energy of the search</dt><dd>{taken}</dd>" in page
    assert "is not in it" not in page
    found["trials"][0]["kwh"] = None
    write_sealed(file, found)
    page = write_report(tmp_path / "runs/s", "es").read_text()
    assert "La de la búsqueda de tuned no está incluida" in page and "Energía de la búsqueda" not in page


def test_old_runs_go_on_reading() -> None:
    assert RunRecord().energy is None
    faults: list[Any] = []
    read = RunRecord.read({"energy": {"kwh": -1, "why": "part"}}, "run.json", faults)
    assert read.energy is not None and read.energy.kwh is None and len(faults) == 1
