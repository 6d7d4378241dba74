"""Where ImageNet weights are looked for, in whichever process or on whichever machine a run is trained."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import timm
from safetensors.torch import save_file

import escalera as esc
from escalera.core.errors import EscaleraError
from escalera.core.translation import translate
from escalera.core.weights_root import ROOT, weights_in, weights_root
from escalera.experiment.stage import tasks_of
from escalera.run import remote

BODY = {"kind": "backbone", "name": "test_resnet", "weights": "imagenet", "trainable": "none"}
LADDER: dict[str, Any] = {
    "name": "bodies",
    "data": {"source": "digits", "validation": 0.2, "test": 0.4, "channels": 3, "image_size": 32},
    "train": {"epochs": 1},
    "rungs": [{"name": "frozen", "model": BODY}, {"name": "again", "change": {"train.batch_size": 64}}],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of weights that nobody has named yet."""
    monkeypatch.delenv(ROOT, raising=False)
    (tmp_path / "weights").mkdir()
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "weights" / "test_resnet.safetensors")
    yield tmp_path / "weights"
    assert weights_root() is None  # nobody has left it behind


@pytest.mark.parametrize("options", [{"rungs": "frozen"}, pytest.param({"jobs": 2}, marks=pytest.mark.slow)])
def test_a_climb_looks_there_whoever_trains(folder: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    runs = esc.climb(LADDER, out=tmp_path / "runs", weights_root=str(folder), quiet=True, **options)
    assert not runs.failed
    for run in runs.values():
        assert [one["file"] for one in run.dir.read_record()["weights"].values()] == [
            str(folder / "test_resnet.safetensors")
        ]


def test_without_it_they_are_not_there(tmp_path: Path) -> None:
    runs = esc.climb(LADDER, out=tmp_path / "runs", rungs="frozen", quiet=True)
    assert "HF_HUB_OFFLINE is set" in runs.failed[0].error


def test_another_machine_is_told_of_the_folder_and_looks_into_its_own_where_it_sees_none(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = esc.load_ladder(LADDER)
    runs = tmp_path / "runs" / "bodies"
    runs.mkdir(parents=True)
    (task,) = tasks_of(reading, [(reading.ladder["frozen"], 0)], runs, None, "cpu", fresh=False, skip_bad=False)
    monkeypatch.chdir(tmp_path)
    with weights_in(Path("weights")):
        order = remote.order(task, (), "a climb")
    assert json.loads(order)["weights"] == str(folder)
    away = json.dumps({**json.loads(order), "weights": "/nowhere/at/all"})
    assert "HF_HUB_OFFLINE is set" in remote.outcome(remote.perform_order(away)).error
    assert remote.outcome(remote.perform_order(order)).state == "done"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EscaleraError) as caught:
        esc.climb(LADDER, out=tmp_path / "runs", weights_root=tmp_path / "nowhere", quiet=True)
    expected = f"weights_root: expected a folder of weights, but there is none at {tmp_path / 'nowhere'}"
    assert str(caught.value) == expected
    assert translate(expected, "es").startswith("weights_root: se esperaba una carpeta de pesos, pero en «")
    with pytest.raises(EscaleraError, match=r"weights_root: expected a folder of weights"):
        esc.auto("digits", out=tmp_path / "runs", weights_root=tmp_path / "nowhere", quiet=True)


def test_a_folder_that_was_named_before_is_named_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv(ROOT, "~/before")
        with weights_in(tmp_path):
            assert weights_root() == str(tmp_path)
        assert weights_root() == str(Path.home() / "before")
