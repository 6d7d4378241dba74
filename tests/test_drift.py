"""`escalera check`: new pictures beside the test rows of a run."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import escalera as esc
from escalera.cli import app
from escalera.core.errors import DataError, RunError
from escalera.inference.drift import as_csv, check

LADDER = {
    "name": "mine",
    "rungs": [{"name": "base", "model": {"kind": "cnn", "blocks": [[8]]}, "train": {"epochs": 3, "batch_size": 32}}],
}


def stripes(random: np.random.Generator, label: int) -> np.ndarray:
    """Stripes across or down, with noise."""
    picture = np.zeros((8, 8))
    picture[(slice(None), slice(None, None, 2)) if label else (slice(None, None, 2), slice(None))] = 160
    return np.clip(picture + random.normal(40, 25, (8, 8)), 0, 255).astype(np.uint8)


def fill(folder: Path, labels: list[int], seed: int, scale: float = 1.0) -> Path:
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    for k, label in enumerate(labels):
        Image.fromarray((stripes(random, label) * scale).astype(np.uint8)).save(folder / f"{k}.png")
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drift")
    for name, label in (("across", 0), ("down", 1)):
        fill(root / "data" / name, [label] * 120, label)
    esc.climb({**LADDER, "data": {"source": str(root / "data"), "test": 0.4}}, out=root / "runs", quiet=True)
    return root


def test_pictures_of_the_same_kind_are_alike(place: Path, tmp_path: Path) -> None:
    found = check(place / "runs/mine/base", [fill(tmp_path / "new", [0, 1] * 20, 7)])
    assert found["alike"] and found["reason"] is None and found["p"] > 0.05 and found["reference"] == 96
    assert found["unlike"] == 0 and found["rows"] == 40 and not found["few"] and len(found["pictures"]) == 40


def test_other_pictures_are_told_and_bad_ones_skipped(place: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "new", [0, 1] * 10, 8, scale=0.1)
    (folder / "bad.png").write_text("x")
    found = check(place / "runs/mine/base", [folder])
    assert not found["alike"] and found["reason"] == "pictures" and found["p"] == 0.001
    assert [Path(one["file"]).name for one in found["skipped"]] == ["bad.png"] and found["rows"] == 20
    worst = found["pictures"][0]
    assert worst["p"] == min(one["p"] for one in found["pictures"])
    lines = as_csv(found).splitlines()
    assert lines[0] == "file,row,class,p,p_bh,unlike" and len(lines) == 21 and lines[1].startswith(worst["file"])


def test_other_shares_are_named_so(place: Path, tmp_path: Path) -> None:
    found = check(place / "runs/mine/base", [fill(tmp_path / "new", [0] * 45 + [1] * 5, 9)])
    assert not found["alike"] and found["reason"] == "classes" and found["p_within"] >= 0.05
    assert {one["name"] for one in found["classes"]} == {"across", "down"}


@pytest.mark.parametrize(("language", "words"), [("en", "Fewer than 20"), ("es", "Menos de 20")])
def test_the_command_says_few(place: Path, tmp_path: Path, language: str, words: str) -> None:
    folder = str(fill(tmp_path / "new", [0, 1, 1], 10))
    run = str(place / "runs/mine/base")
    said = CliRunner().invoke(app, ["check", run, folder, "--lang", language])
    assert said.exit_code == 0 and words in said.output and "0.png" in said.output
    values = json.loads(CliRunner().invoke(app, ["check", run, folder, "--json"]).output)
    assert values["few"] and values["rows"] == 3
    assert CliRunner().invoke(app, ["check", run, folder, "--csv"]).output.startswith("file,row,class,p")


def test_what_cannot_be_compared_is_refused(place: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"a model in one file, which does not keep the rows"):
        check(tmp_path / "cnn.onnx", [tmp_path])
    run = place / "runs/mine/base"
    (tmp_path / "bad.png").write_text("x")
    with pytest.raises(DataError, match=r"none of 1 pictures can be decoded:\n  .*bad\.png"):
        check(run, [tmp_path])
    new = fill(tmp_path / "new", [0, 1], 11)
    moved = (place / "data").rename(place / "moved")
    try:
        with pytest.raises(DataError, match=r"the pictures that it was tested on, in '.*data', are not here"):
            check(run, [new])
    finally:
        moved.rename(place / "data")
