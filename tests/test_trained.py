"""A model as one file: the same answers on another machine, and nothing in a file is believed."""

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save

from escalera import cli
from escalera.core.errors import RunError
from escalera.core.rundir import RunDir
from escalera.core.translation import translate
from escalera.experiment.climb import climb, load_ladder
from escalera.inference import bundle
from escalera.inference.files import predict_files
from escalera.ladder.schema import Table

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
        return dict(json.loads(opened.metadata()[bundle.KEY]))


def rewrite(file: Path, about: Any, tensors: dict[str, torch.Tensor] | None = None) -> None:
    text = about if isinstance(about, str) else json.dumps(about)
    file.write_bytes(save(load_file(file) if tensors is None else tensors, metadata={bundle.KEY: text}))


def test_the_file_says_what_the_run_says(run: Path, file: Path, tmp_path: Path) -> None:
    Image.effect_noise((20, 12), 200).save(tmp_path / "noise.png")
    assert predict_files(file, [tmp_path / "noise.png"]) == predict_files(run, [tmp_path / "noise.png"])
    found = bundle.of_file(file)
    assert found.name == "tiny/cnn/seed-0"
    assert found.data.source == "digits"


@pytest.mark.parametrize(
    ("name", "english", "spanish"),
    [
        ("a.safetensor", "received .safetensor; did you mean a.safetensors?",
         "se recibió .safetensor; ¿quisiste decir a.safetensors?"),
        ("a.pt", "received .pt.", "se recibió .pt."),
        ("a", "received none.", "y no tiene ninguna."),
    ],
)  # fmt: skip
def test_an_ending_that_nobody_would_open_it_by(run: Path, name: str, english: str, spanish: str) -> None:
    with pytest.raises(RunError) as caught:
        bundle.write_file(bundle.of_run(RunDir(run / "seed-0")), Path(name))
    assert str(caught.value) == f"{name}: expected the ending .safetensors or .onnx, {english}"
    assert translate(str(caught.value), "es").startswith(f"{name}: se esperaba la terminación .safetensors o .onnx")
    assert translate(str(caught.value), "es").endswith(spanish)


def test_a_file_without_configuration_is_refused(file: Path, tmp_path: Path) -> None:
    file.write_bytes(save(load_file(file)))
    with pytest.raises(RunError, match="it holds weights alone, without their configuration"):
        bundle.of_file(file)
    with pytest.raises(RunError, match=r"there is no file other\.safetensors"):
        bundle.of_file(tmp_path / "other.safetensors")


def test_a_damaged_file_is_refused(file: Path) -> None:
    content = file.read_bytes()
    for bad in (b"", b"x" * 100, content[:-1], b"\xff" * 8 + content[8:]):
        file.write_bytes(bad)
        with pytest.raises(RunError, match=r"cnn\.safetensors is not a model that Escalera wrote: it cannot be read"):
            bundle.of_file(file)


def deep(levels: int) -> dict[str, Any]:
    return {"head": deep(levels - 1)} if levels else {}


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("data", "shape"), [8, 8], "data.shape"),
        (("data", "shape"), [100_000, 800, 1], "at most 4096 x 4096"),
        (("data", "shape"), [16, 16, 1], "not those of its configuration"),
        (("data", "classes"), ["0", "1"], "not those of its configuration"),
        (("data", "classes"), [1, 2], "data.classes.0"),
        (("data", "mean"), [0.1, 0.1], "expected a mean for each of 1 channels, received 2"),
        (("data", "mean"), [float("nan")], "data.mean.0: Input should be a finite number"),
        (("data", "mean"), None, "expected a mean and a deviation, or neither, received one of them"),
        (("data", "deviation"), [float("inf")], "data.deviation.0: Input should be a finite number"),
        (("data", "deviation"), [0.0], "data.deviation.0: Input should be greater than 0"),
        (("data", "deviation"), [-1], "data.deviation.0: Input should be greater than 0"),
        (("data", "largest_levels"), [256, 300], "data.largest_levels.0"),
        (("data", "image_columns"), ["a", "b", "c"], "expected 1x3 pictures of one size in 8x8 pixels"),
        (("data",), [], "data: expected a mapping"),
        (("data", "resize"), "../x", "data.resize"),
        (("config", "model", "kind"), "pickle", "pickle"),
        (("config", "model", "blocks"), [[2_000_000_000]], ""),
        (("config", "model", "blocks"), [[2_000_000_000], [2_000_000_000], [2_000_000_000]], "cannot be built"),
        (("config", "model", "blocks"), [[1]] * 20_000, "more than 2,000 settings"),
        (("config", "model", "head", "dense"), [1] * 200_000, "more than 2,000 settings"),
        (("config", "model", "head"), deep(40), "or more than 30 within one another"),
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
        bundle.of_file(file)
    assert message in str(refused.value)
    assert str(file.parent) not in str(refused.value)


def test_metadata_that_is_no_json_or_endless_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite(file, "{")
    with pytest.raises(RunError, match="its content: Invalid JSON"):
        bundle.of_file(file)
    monkeypatch.setattr(bundle, "_LARGEST", 3)
    rewrite(file, "1234")
    with pytest.raises(RunError, match="longer than 3 characters"):
        bundle.of_file(file)


def test_weights_of_another_network_are_refused(file: Path) -> None:
    tensors = load_file(file)
    rewrite(file, about(file), {**tensors, "extra": torch.zeros(1)})
    with pytest.raises(RunError, match="its weights are not those of its configuration"):
        bundle.of_file(file)


def without_a_number(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    tensors["head.layers.0.weight"][0, :3] = torch.nan
    return tensors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without_a_number, "its weights are damaged: 3 of 512 numbers in head.layers.0.weight are not finite"),
        (
            lambda tensors: {name: torch.full_like(tensor, torch.inf) for name, tensor in tensors.items()},
            "its weights are damaged",
        ),
        (
            lambda tensors: {name: tensor.half() for name, tensor in tensors.items()},
            "its weights are not of its type: .* is torch.float16, expected torch.float32",
        ),
        (
            lambda tensors: {name: tensor.view(torch.int32) for name, tensor in tensors.items()},
            "its weights are not of its type: .* is torch.int32, expected torch.float32",
        ),
        (
            lambda tensors: {name: tensor.to(torch.float8_e5m2) for name, tensor in tensors.items()},
            "its weights are not of its type: .* is torch.float8_e5m2, expected torch.float32",
        ),
    ],
)
def test_weights_that_are_no_numbers_are_refused(
    run: Path, file: Path, tmp_path: Path, change: Any, message: str
) -> None:
    changed = change(load_file(file))
    rewrite(file, about(file), changed)
    with pytest.raises(RunError, match=rf"^cnn\.safetensors is not a model that Escalera wrote: {message}"):
        bundle.of_file(file)
    # A folder of a run answers from damaged weights as little, were they written so.
    copy = Path(shutil.copytree(run, tmp_path / "copy"))
    best = copy / "seed-0" / "best.safetensors"
    best.write_bytes(save(changed))
    Image.new("L", (8, 8)).save(tmp_path / "black.png")
    with pytest.raises(RunError, match=rf"^{best} is not what was written \(its SHA-256 differs\)"):
        predict_files(copy, [tmp_path / "black.png"])
    as_earlier(RunDir(copy / "seed-0"))
    with pytest.raises(RunError, match=rf"^{best}: {message}"):
        predict_files(copy, [tmp_path / "black.png"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: {"state": "done"}, "data: it is missing"),
        (lambda record: {**record, "data": []}, "data: expected a mapping"),
        (
            lambda record: {**record, "data": {**record["data"], "shape": None}},
            "data.shape: Input should be a valid list",
        ),
        (lambda record: without(record, "classes"), "data.classes: it is missing"),
        (lambda record: without(record, "deviation"), "data: expected a mean and a deviation, or neither"),
        (
            lambda record: {**record, "data": {**record["data"], "mean": [float("nan")]}},
            "data.mean.0: Input should be a finite number",
        ),
    ],
)
def test_a_record_of_a_run_that_is_damaged_is_refused(run: Path, tmp_path: Path, change: Any, message: str) -> None:
    copy = RunDir(Path(shutil.copytree(run, tmp_path / "copy")) / "seed-0")
    record = as_earlier(copy)
    copy.record.write_text(json.dumps(change(record)))
    with pytest.raises(RunError) as refused:
        bundle.of_run(copy)
    assert str(refused.value).startswith(f"could not read {copy.record}: {message}")
    assert str(refused.value).endswith(" Climb its ladder again to make it anew.")
    assert "\n" not in str(refused.value)


def as_earlier(run: RunDir) -> dict[str, Any]:
    """A run as a version without hashes left it; its run.json."""
    found = run.read_record().items()
    record = {key: value for key, value in found if key != "files" and not re.fullmatch("[0-9a-f]{64}", str(value))}
    run.record.write_text(json.dumps(record))
    return record


def without(record: dict[str, Any], key: str) -> dict[str, Any]:
    return {**record, "data": {name: value for name, value in record["data"].items() if name != key}}


def test_how_attributes_become_numbers_is_not_believed_either(run: Path) -> None:
    from escalera.inference.files import find_trained

    found = find_trained(run)
    table = found.config.model_copy(update={"model": Table(kind="table", dense=[4])})
    number = {"column": "a", "low": 0, "high": 1, "median": 0, "mean": 0, "deviation": 1, "flag": False}
    name = {"column": "b", "categories": ["x"], "rare": False, "fill": "x"}
    whole = {"numeric": [number], "categorical": [name], "left_out": {}, "ranking": {}}

    def fitted(attributes: Any) -> Any:
        return bundle.fitted(replace(found, config=table, table={"attributes": attributes}))

    assert fitted(whole).columns == ["a", "b"]
    broken: tuple[Any, ...] = (
        None,
        [],
        {**whole, "numeric": None},
        {**whole, "numeric": [{**number, "deviation": 0}]},
        {**whole, "numeric": [{**number, "mean": float("nan")}]},
        {**whole, "numeric": [{**number, "median": "x"}]},
        {**whole, "numeric": [{"column": "a"}]},
        {**whole, "categorical": [{**name, "categories": [3]}]},
        {**whole, "categorical": [{**name, "fill": None}]},
        {name: value for name, value in whole.items() if name != "ranking"},
    )
    for bad in broken:
        with pytest.raises(
            RunError, match=r"tiny/cnn/seed-0: how its attributes become numbers \(table.json\) is damaged: "
        ):
            fitted(bad)
    with pytest.raises(RunError, match=r"has lost how they become numbers \(table.json\)"):
        bundle.fitted(replace(found, config=table, table=None))


def test_a_transfer_that_continues_nothing_is_refused(file: Path) -> None:
    changed = about(file)
    changed["config"]["model"] = {"kind": "transfer", "weights": {"from": "cnn"}, "like": None}
    rewrite(file, changed)
    with pytest.raises(
        RunError, match=r"cnn\.safetensors is not a model that Escalera wrote: its network cannot be built"
    ):
        bundle.of_file(file)


def test_a_vote_does_not_fit_into_one_file(run: Path) -> None:
    from escalera.inference.files import find_trained
    from escalera.ladder.schema import Votes, Weights

    found = find_trained(run)
    votes = Votes(kind="votes", features=Weights.model_validate({"from": "cnn"}))
    with pytest.raises(RunError, match="a vote is several classifiers, which one file of weights cannot hold"):
        bundle.export(replace(found, config=found.config.model_copy(update={"model": votes})))
