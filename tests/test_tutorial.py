"""The tutorial can be followed: its commands one after the other, on little pictures of three classes."""

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from escalera.cli import main

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_tutorial_can_be_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of its commands, on little pictures of three classes; `auto` and the studio have tests of their own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    draw = np.random.default_rng(0)
    for number, name in enumerate(("dress", "hat", "shirt")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for picture in range(12):
            pixels = np.clip(draw.normal(60 * number + 60, 20, (24, 24, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{picture}.jpg")
    shorter = {
        "escalera climb digits": "escalera climb digits --rung mlp --set train.epochs=1",
        "escalera climb photos.yaml": "escalera climb photos.yaml --set train.epochs=1",
        "escalera export runs/photos/convolutions clothes.onnx": "escalera export runs/photos/baseline a.safetensors",
    }
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    elsewhere = ("escalera studio", "escalera auto photos/ --minutes 10")
    lines = [line for line in re.findall(r"^escalera .*$", text, re.MULTILINE) if line not in elsewhere]
    assert len(lines) == 8
    for line in lines:
        monkeypatch.setattr(sys, "argv", shlex.split(shorter.get(line, line)))
        with pytest.raises(SystemExit) as ended:
            main()
            raise SystemExit(0)
        assert not ended.value.code, f"{line}\n{capsys.readouterr()}"
    assert Path("explored/photos/explore.html").exists() and Path("runs/photos/report.html").exists()
    addition = re.search(r"^  - name: dropout\n.*?\n$", text, re.MULTILINE | re.DOTALL)
    assert addition is not None
    added = Path("photos.yaml").read_text(encoding="utf-8") + addition[0].split("```")[0]
    assert [rung["name"] for rung in yaml.safe_load(added)["rungs"]][-1] == "dropout"
    assert Path("a.safetensors").stat().st_size > 1000
