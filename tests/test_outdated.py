"""A finished run is not trained again because its source has grown, and a person is told that it has."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import escalera as esc
from escalera.core.files import read_json
from escalera.core.rundir import RunDir
from escalera.core.translation import translate
from escalera.experiment.outdated import outdated

LADDER = """
name: some
data: {source: photos, test: 0.3, validation: 0.2}
rungs:
  - {name: mlp, model: {kind: mlp, dense: [4]}, train: {epochs: 1, batch_size: 8}}
  - {name: wider, change: {model.dense: [8]}}
"""
CHANGED = "photos holds {} images now, and held {} when these learned from it: {}. --fresh trains them on what is there"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ladder, and beside it twenty photos of two classes."""
    for number in range(20):
        _photo(tmp_path, number)
    (tmp_path / "some.yaml").write_text(LADDER, encoding="utf-8")
    return tmp_path


def _photo(folder: Path, number: int) -> Path:
    path = folder / "photos" / ("coat" if number % 2 else "shoe") / f"{number}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)).save(path)
    return path


def _told(
    capsys: pytest.CaptureFixture[str], folder: Path, *rungs: str, fresh: bool = False, skip_bad: bool = False
) -> list[str]:
    """What a climb says of the source and of images."""
    capsys.readouterr()
    esc.climb(folder / "some.yaml", rungs=list(rungs), out=folder / "runs", fresh=fresh, skip_bad=skip_bad)
    return [line for line in capsys.readouterr().out.splitlines() if "images now" in line]


def test_what_was_trained_on_fewer_images_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _told(capsys, folder, "mlp") == []
    assert read_json(folder / "runs/some/mlp/seed-0/run.json")["data"]["listed"] == 20
    _photo(folder, 20)
    assert [line.startswith(CHANGED.format(21, 20, "mlp")) for line in _told(capsys, folder)] == [True]
    _photo(folder, 21)
    told = _told(capsys, folder)
    assert [line.partition(". --fresh")[0] for line in told] == [
        CHANGED.format(22, 20, "mlp").partition(". --fresh")[0],
        CHANGED.format(22, 21, "wider").partition(". --fresh")[0],
    ]
    assert _told(capsys, folder, fresh=True) == [] and _told(capsys, folder) == []


def test_a_copy_elsewhere_and_bad_images_are_no_change(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "photos" / "coat" / "bad.png").write_bytes(b"no picture")
    _told(capsys, folder, skip_bad=True)
    assert read_json(folder / "runs/some/mlp/seed-0/run.json")["data"]["listed"] == 21
    moved = folder / "moved"
    moved.mkdir()
    for name in ("photos", "some.yaml", "runs"):
        shutil.move(folder / name, moved / name)
    assert _told(capsys, moved) == []


def test_what_is_gone_is_not_looked_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _told(capsys, folder, "mlp")
    shutil.rmtree(folder / "photos")
    reading = esc.load_ladder(folder / "some.yaml")
    finished = {("mlp", 0): RunDir(folder / "runs/some/mlp/seed-0")}
    assert outdated(reading.ladder, finished, None, folder) == []


def test_the_hub_is_not_asked(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _told(capsys, folder, "mlp")
    monkeypatch.setattr("escalera.data.sources.locate.hub.fetch", None)
    monkeypatch.setattr("escalera.data.sources.locate.hub.unreachable", lambda address: None)
    (folder / "hub.yaml").write_text(LADDER.replace("source: photos", "source: owner/photos"), encoding="utf-8")
    finished = {("mlp", 0): RunDir(folder / "runs/some/mlp/seed-0")}
    assert outdated(esc.load_ladder(folder / "hub.yaml").ladder, finished, None, folder) == []


def test_it_is_said_in_spanish() -> None:
    text = CHANGED.format("1,200", "1,000", "mlp, wider") + " now."
    assert translate(text, "es") == (
        "photos contiene ahora 1.200 imágenes, y contenía 1.000 cuando aprendieron de ella: mlp, wider. --fresh los "
        "entrena con lo que hay ahora."
    )


def test_to_look_for_it_needs_no_pytorch() -> None:
    """Or every command on a finished ladder would wait two seconds more."""
    code = "import sys, escalera.experiment.climb; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
