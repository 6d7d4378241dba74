"""A model as one file: the same answers on another machine, and nothing in a file is believed."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save

from escalera import cli, trained
from escalera.climbing import climb, load_ladder
from escalera.errors import RunError
from escalera.prediction import predict_files

LADDER = """
name: tiny
data: {source: digits, validation: 0.2, test: 0.5, normalize: standard}
rungs:
  - name: cnn
    model: {kind: cnn, blocks: [[4]], head: {dense: [8]}}
    train: {epochs: 1}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    (folder / "tiny.yaml").write_text(LADDER)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESCALERA_CACHE", str(folder / "cache"))
        climb(load_ladder(folder / "tiny.yaml"), out=folder / "runs")
    return folder / "runs/tiny/cnn"


@pytest.fixture
def file(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The model, written by the command line."""
    path = tmp_path / "cnn.safetensors"
    monkeypatch.setattr(sys, "argv", ["escalera", "export", str(run), str(path)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    return path


def about(file: Path) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(file, "pt") as opened:
        return dict(json.loads(opened.metadata()[trained.KEY]))


def rewrite(file: Path, about: Any, tensors: dict[str, torch.Tensor] | None = None) -> None:
    text = about if isinstance(about, str) else json.dumps(about)
    file.write_bytes(save(load_file(file) if tensors is None else tensors, metadata={trained.KEY: text}))


def test_the_file_says_what_the_run_says(run: Path, file: Path, tmp_path: Path) -> None:
    Image.effect_noise((20, 12), 200).save(tmp_path / "noise.png")
    assert predict_files(file, [tmp_path / "noise.png"]) == predict_files(run, [tmp_path / "noise.png"])
    found = trained.of_file(file)
    assert found.name == "tiny/cnn/seed-0"
    assert found.data["source"] == "digits"


def test_a_file_without_configuration_is_refused(file: Path, tmp_path: Path) -> None:
    file.write_bytes(save(load_file(file)))
    with pytest.raises(RunError, match="it holds weights alone, without their configuration"):
        trained.of_file(file)
    with pytest.raises(RunError, match=r"there is no file other\.safetensors"):
        trained.of_file(tmp_path / "other.safetensors")


def test_a_damaged_file_is_refused(file: Path) -> None:
    content = file.read_bytes()
    for bad in (b"", b"x" * 100, content[:-1], b"\xff" * 8 + content[8:]):
        file.write_bytes(bad)
        with pytest.raises(RunError, match=r"cnn\.safetensors is not a model that Escalera wrote: it cannot be read"):
            trained.of_file(file)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("data", "shape"), [8, 8], "data.shape"),
        (("data", "shape"), [100_000, 8, 1], "at most 4096"),
        (("data", "shape"), [16, 16, 1], "not those of its configuration"),
        (("data", "classes"), ["0", "1"], "not those of its configuration"),
        (("data", "classes"), [1, 2], "data.classes.0"),
        (("data", "mean"), [0.1, 0.1], "expected a mean for each of 1 channels, received 2"),
        (("data", "resize"), "../x", "data.resize"),
        (("config", "model", "kind"), "pickle", "pickle"),
        (("config", "model", "blocks"), [[2_000_000_000]], ""),
        (("config", "surprise"), 1, "surprise"),
        (("config",), None, "config"),
        (("run_this",), "import os", "run_this"),
    ],
)
def test_what_does_not_fit_is_refused(file: Path, path: tuple[str, ...], value: Any, message: str) -> None:
    changed = about(file)
    node = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    rewrite(file, changed)
    with pytest.raises(RunError, match=r"cnn\.safetensors is not a model that Escalera wrote") as refused:
        trained.of_file(file)
    assert message in str(refused.value)
    assert str(file.parent) not in str(refused.value)


def test_metadata_that_is_no_json_or_endless_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite(file, "{")
    with pytest.raises(RunError, match="its metadata: Invalid JSON"):
        trained.of_file(file)
    monkeypatch.setattr(trained, "_LARGEST", 3)
    rewrite(file, "1234")
    with pytest.raises(RunError, match="longer than 3 characters"):
        trained.of_file(file)


def test_weights_of_another_network_are_refused(file: Path) -> None:
    tensors = load_file(file)
    rewrite(file, about(file), {**tensors, "extra": torch.zeros(1)})
    with pytest.raises(RunError, match="its weights are not those of its configuration"):
        trained.of_file(file)


def test_a_vote_does_not_fit_into_one_file(run: Path) -> None:
    from dataclasses import replace

    from escalera.ladder.schema import Votes, Weights
    from escalera.prediction import find_trained

    found = find_trained(run)
    votes = Votes(kind="votes", features=Weights.model_validate({"from": "cnn"}))
    with pytest.raises(RunError, match="a vote is several classifiers, which one file of weights cannot hold"):
        trained.export(replace(found, config=found.config.model_copy(update={"model": votes})))
