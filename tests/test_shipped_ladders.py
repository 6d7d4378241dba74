"""Every ladder in the package climbs: two steps of each rung, at its true sizes, on a few pictures of noise."""

from pathlib import Path
from typing import Any

import pytest
import timm
from safetensors.torch import save_file

import escalera as esc
from escalera.experiment import climb, estimate
from escalera.ladder.shipped import shipped

NAMES = [name for name, _ in shipped()]
LARGE = {"cifar10", "cifar100", "fashion-mnist"}
"""Those with networks of timm in them."""
SLOW = LARGE | {"summit", "summit-fashion"}

JUDGED_ONLY = {"fashion-mnist": ["both-sides"], "summit": ["views"], "summit-fashion": ["views"]}
"""Rungs that take over their parent's training, and so cost none."""

RUNGS = {
    "cifar10": 11, "cifar10-multimodal": 7, "cifar100": 14, "cifar100-mlp": 9, "digits": 8, "fashion-mnist": 10,
    "houses": 10, "houses-folds": 6, "photos": 7, "summit": 12, "summit-fashion": 12,
    "transfer": 5,
}  # fmt: skip


def test_the_ladders_and_their_rungs_are_all_there_each_with_its_reason_in_both_languages() -> None:
    readings = {name: esc.load_ladder(name) for name in NAMES}
    assert {name: len(reading.rungs) for name, reading in readings.items()} == RUNGS
    for reading in readings.values():
        assert reading.ladder.title is not None
        for rung in reading.rungs:
            assert rung.why is not None, rung.name
            assert len(rung.why["en"]) > 80, rung.name
            assert len(rung.why["es"]) > 80, rung.name
            assert rung.why["en"] != rung.why["es"], rung.name


def each(slow: set[str]) -> list[Any]:
    """The ladders' names, some of them for whoever waits."""
    return [pytest.param(name, marks=pytest.mark.slow) if name in slow else name for name in NAMES]


@pytest.mark.parametrize("name", each(SLOW))
def test_every_rung_is_planned(name: str, tiny_sets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "PROBE_SECONDS", 0.01)
    monkeypatch.setattr(estimate, "PROBE_FLOPS", 1e9)
    rows = climb.plan(esc.load_ladder(name), data_root=tiny_sets)
    assert [row.get("error") for row in rows] == [None] * RUNGS[name]
    assert [row["name"] for row in rows if not row["training_seconds"] > 0] == JUDGED_ONLY.get(name, [])


@pytest.mark.parametrize("name", each({*NAMES} - {"digits"}))
def test_every_rung_trains_two_steps(
    name: str, tiny_sets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = 100 if name.startswith("cifar100") else 10
    batch = {"digits": 450, "transfer": 100, "houses": 30, "houses-folds": 30}.get(name, 100 if classes == 100 else 30)
    sets = ["train.epochs=1", f"train.batch_size={batch}"]
    if name == "houses-folds":
        sets.append("data.folds=2")
    if name in ("houses", "houses-folds", "photos"):
        file = tmp_path / "weights" / "tf_efficientnet_lite0.safetensors"
        file.parent.mkdir()
        save_file(timm.create_model("tf_efficientnet_lite0").state_dict(), file)
        monkeypatch.setenv("ESCALERA_WEIGHTS", str(file.parent))
    # No test fetches weights from the hub; tests/models/test_pretrained.py asks one of its own.
    reading = esc.load_ladder(name, [*sets, "model.weights=none"] if name in LARGE else sets)
    runs = esc.climb(reading, out=tmp_path, data_root=tiny_sets)
    errors = {rung: run.dir.record.read_text() for rung, run in runs.items() if run.state != "done"}
    assert errors == {}
    assert list(runs) == [rung.name for rung in reading.rungs]
