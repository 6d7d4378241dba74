"""`escalera check`: new pictures beside the test rows of a run."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor
from typer.testing import CliRunner

import escalera as esc
from escalera.cli import app
from escalera.core.errors import DataError, RunError
from escalera.core.files import read_sealed, write_sealed
from escalera.inference.drift import as_csv, check
from escalera.models.inputs import Inputs
from escalera.models.network import Network

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
    assert not found["alike"] and found["reason"] == "pictures" and found["p"] < 0.01
    assert [Path(one["file"]).name for one in found["skipped"]] == ["bad.png"] and found["rows"] == 20
    worst = found["pictures"][0]
    assert worst["p"] == min(one["p"] for one in found["pictures"])
    lines = as_csv(found).splitlines()
    assert lines[0] == "file,row,class,p,p_bh,unlike" and len(lines) == 21 and lines[1].startswith(worst["file"])


def test_other_shares_are_named_so(place: Path, tmp_path: Path) -> None:
    found = check(place / "runs/mine/base", [fill(tmp_path / "new", [0] * 45 + [1] * 5, 9)])
    assert not found["alike"] and found["reason"] == "classes" and found["p_within"] >= 0.05
    shares = {one["name"]: (one["reference"], one["new"]) for one in found["classes"]}
    assert list(shares) == ["across", "down"]  # equally far apart
    assert shares["across"][0] == pytest.approx(0.5, abs=0.1) and shares["across"][1] == pytest.approx(0.9, abs=0.1)
    assert sum(shares["down"]) == pytest.approx(2 - sum(shares["across"]))
    named = {Path(one["file"]).stem: one["class"] for one in found["pictures"]}
    assert sum(named[str(k)] == ("across" if k < 45 else "down") for k in range(50)) >= 45


@pytest.mark.parametrize(("language", "words"), [("en", "Fewer than 20"), ("es", "Menos de 20")])
def test_the_command_says_few(place: Path, tmp_path: Path, language: str, words: str) -> None:
    folder = str(fill(tmp_path / "new", [0, 1, 1], 10))
    run = str(place / "runs/mine/base")
    said = CliRunner().invoke(app, ["check", run, folder, "--lang", language])
    assert said.exit_code == 0 and words in said.output and "0.png" in said.output
    values = json.loads(CliRunner().invoke(app, ["check", run, folder, "--json"]).output)
    assert values["few"] and values["rows"] == 3
    assert CliRunner().invoke(app, ["check", run, folder, "--csv"]).output.startswith("file,row,class,p")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stripes in a table that says how thick they are, and a run of each kind on them, the last one in folds."""
    root = tmp_path_factory.mktemp("table")
    labels = [0, 1] * 60
    fill(root / "pictures", labels, 1)
    write_table(root / "all.csv", "pictures", labels, 1)
    data = {"source": str(root / "all.csv"), "label_column": "kind", "image_column": "photo", "test": 0.4}
    cnn, reads = {"kind": "cnn", "blocks": [[4]]}, {"kind": "table", "dense": [4]}
    fusion = {"kind": "fusion", "branches": {"table": reads, "photos": cnn}}
    votes = {"kind": "votes", "features": {"from": "cnn"}, "classifiers": [{"name": "nearest_neighbours", "k": 3}]}
    pooled = {**votes, "features": {"from": "fusion"}, "pool": "average"}
    models = {"cnn": cnn, "table": reads, "fusion": fusion, "votes": votes, "pooled": pooled}
    rungs = [
        {
            "name": name,
            "from": None,
            "data": data,
            "model": model,
            "evaluate": {"tta": "flip" if name == "cnn" else "none"},
        }
        for name, model in models.items()
    ]
    rungs.append({"name": "folds", "from": None, "data": {**data, "folds": 3}, "model": cnn})
    ladder = {"name": "kinds", "train": {"epochs": 2, "batch_size": 32}, "rungs": rungs}
    esc.climb(ladder, out=root / "runs", quiet=True)
    return root


def write_table(file: Path, folder: str, labels: list[int], seed: int) -> Path:
    random = np.random.default_rng(seed)
    rows = [f"{folder}/{k}.png,{label + random.normal(0, 0.2):.3f},{'ab'[label]}" for k, label in enumerate(labels)]
    file.write_text("\n".join(["photo,thick,kind", *rows]) + "\n")
    return file


@pytest.mark.parametrize("kind", ["cnn", "table", "fusion", "votes", "pooled", "folds"])
def test_runs_of_all_kinds_are_compared_by_one_look(table: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = [0, 1] * 10
    fill(table / f"new-{kind}", labels, 3)
    new = write_table(table / f"{kind}.csv", f"new-{kind}", labels, 2)
    run = table / "runs/kinds" / kind
    passes = []
    seen = Network.feature_map

    def counted(network: Network, inputs: Inputs) -> Tensor:
        passes.append(1)
        return seen(network, inputs)

    monkeypatch.setattr(Network, "feature_map", counted)
    found = esc.check(run, new)
    # 48 rows of test, 40 of a fold, and 20 new ones: a pass for either side, two where a picture is mirrored too.
    assert len(passes) == {"cnn": 4, "pooled": 0}.get(kind, 2)
    assert found["alike"] and found["rows"] == 20 and found["reference"] == (40 if kind == "folds" else 48)
    assert [row["row"] for row in sorted(found["pictures"], key=lambda row: row["row"])] == list(range(20))
    predictor = esc.open(run)
    assert isinstance(predictor, esc.Predictor)
    pixels = np.stack([np.asarray(Image.open(table / f"new-{kind}/{k}.png"))[..., None] for k in range(20)])
    rows = [{"thick": 0.5 * k} for k in range(20)]
    given = (None if kind == "table" else pixels, rows if kind in ("table", "fusion", "pooled") else None)
    made, said = predictor.look(*given)
    assert (said == predictor.predict(*given)).all() and len(made) == 20
    assert kind in ("votes", "pooled") or (made == predictor.features(*given)).all()


def test_a_run_in_folds_that_lost_them_is_refused(table: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(table / "runs/kinds/folds/seed-0", tmp_path / "seed-0"))
    shutil.rmtree(run / "fold-1")
    with pytest.raises(RunError, match=r"fold-1 has no answers \(predictions\.parquet\), whose rows the new ones are"):
        check(run, [table / "pictures"])


@pytest.mark.parametrize(
    ("sealed", "text"), [(True, "is not what was written"), (False, "does not hold answers to rows")]
)
def test_answers_that_are_damaged_are_told(place: Path, tmp_path: Path, sealed: bool, text: str) -> None:
    run = Path(shutil.copytree(place / "runs/mine/base/seed-0", tmp_path / "seed-0"))
    (run / "predictions.parquet").write_bytes((run / "predictions.parquet").read_bytes()[:200])
    if not sealed:
        record = read_sealed(run / "run.json")
        record["files"].pop("predictions.parquet")
        write_sealed(run / "run.json", record)
    with pytest.raises(RunError, match=rf"predictions\.parquet .*{text}"):
        check(run, [place / "data"])


def test_a_model_that_reads_a_table_asks_for_one(table: Path) -> None:
    runs = table / "runs/kinds"
    with pytest.raises(DataError, match="this run reads the attributes thick too: expected them, received none"):
        check(runs / "fusion", [table / "pictures"])
    with pytest.raises(DataError, match="this run reads attributes alone: expected no pictures, received some"):
        check(runs / "table", [table / "pictures"])


def test_from_python(place: Path, tmp_path: Path) -> None:
    folder = fill(tmp_path / "new", [0, 1] * 10, 12)
    (folder / "notes.txt").write_text("x")
    run = esc.climb({**LADDER, "data": {"source": str(place / "data"), "test": 0.4}}, out=place / "runs", quiet=True)
    found = esc.check(run["base"], [str(folder / "0.png"), folder])
    assert isinstance(found, esc.Check) and found["rows"] == 21 and "notes.txt" in found["notes"][0]
    assert list(found.table()["p"]) == sorted(one["p"] for one in found["pictures"])
    assert "21 new, 96 of the run:" in found._repr_html_() and "notes.txt" in found._repr_html_()
    assert found == check(place / "runs/mine/base", [folder / "0.png", folder])
    for wrong in (3, [], [3], None):
        with pytest.raises(esc.EscaleraError, match="new: expected a path, or a list of paths, received"):
            esc.check(run["base"], wrong)  # type: ignore[arg-type]


def test_what_cannot_be_compared_is_refused(place: Path, tmp_path: Path) -> None:
    for one in ("cnn.onnx", "cnn.ONNX", "cnn.safetensors", "hf:me/cnn", "HF:me/cnn"):
        with pytest.raises(RunError, match=r"a model in one file, which does not keep the rows"):
            check(tmp_path / one if "." in one else Path(one), [tmp_path])
    run = place / "runs/mine/base"
    with pytest.raises(RunError, match=r"It is a file of the run in .*seed-0: name that"):
        check(run / "seed-0/best.safetensors", [tmp_path])
    (tmp_path / "bad.png").write_text("x")
    with pytest.raises(DataError, match=r"bad\.png: not a picture of a known format"):
        check(run, [tmp_path])
    with pytest.raises(DataError, match=r"^nope: there is no such file$"):
        esc.check(run, "nope")
    with pytest.raises(
        DataError, match=r"none of 2 pictures can be decoded:\n  nope: there is no such file\n  .*bad\.png"
    ):
        check(run, [Path("nope"), tmp_path])
    new = fill(tmp_path / "new", [0, 1], 11)
    moved = (place / "data").rename(place / "moved")
    try:
        with pytest.raises(DataError, match=r"the pictures that it was tested on, in '.*data', are not here"):
            check(run, [new])
    finally:
        moved.rename(place / "data")
