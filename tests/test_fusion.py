"""A ladder over a table and several pictures of each row: trained parts, their fusion, prediction, and bad input."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import escalera as esc
from escalera.cli import app
from escalera.core.errors import DataError, LadderError
from escalera.core.files import read_json
from escalera.data.query.rows import parse_attributes
from escalera.evaluate.features import features
from escalera.inference.files import predict_files

LADDER = """
name: flats
data: {source: SOURCE, image_column: [front, back], target: price, bands: 2, validation: 0.2, image_size: 8}
train: {epochs: 2, batch_size: 8}
rungs:
  - name: table
    model: {kind: table, dense: [6]}
  - name: photos
    change: {model: {kind: cnn, blocks: [[4]], batch_norm: conv, head: {pool: average}}}
  - name: both
    change:
      model:
        kind: fusion
        branches:
          table: {kind: transfer, weights: {from: table}}
          photos: {kind: transfer, weights: {from: photos}, trainable: none, head: {pool: average}}
        head: {dense: [5]}
  - name: scratch
    change:
      model:
        kind: fusion
        branches:
          table: {kind: table, dense: [6]}
          vector: {kind: conv1d, widths: [4], head: {pool: average}}
"""


@pytest.fixture
def flats(tmp_path: Path) -> Path:
    random = np.random.RandomState(0)
    lines = ["front,back,area,street,price"]
    for i in range(60):
        for side in ("front", "back"):
            Image.fromarray(random.randint(0, 255, (9, 7, 3)).astype(np.uint8)).save(tmp_path / f"{side}{i}.png")
        area = "" if i % 9 == 0 else f"{random.randint(30, 120)}.5"
        lines.append(f"front{i}.png,back{i}.png,{area},{'north' if i % 2 else 'south'},{1000 * (i + 1)}")
    (tmp_path / "flats.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "flats.csv"


@pytest.fixture
def ladder(flats: Path, tmp_path: Path) -> Path:
    file = tmp_path / "flats.yaml"
    file.write_text(LADDER.replace("SOURCE", str(flats)))
    return file


def weights(run: esc.Run) -> dict[str, torch.Tensor]:
    from escalera.train.checkpoint import read_tensors

    return read_tensors(run.dir.best)


def test_a_fusion_starts_from_its_trained_parts(ladder: Path, flats: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"
    runs = esc.climb(esc.load_ladder(ladder), out=out)
    assert {name: run.state for name, run in runs.items()} == dict.fromkeys(runs, "done")
    # The report shows where the branch that looks at pictures looked, with the attributes of the very rows.
    kept = np.load(out / "flats" / "both" / "seed-0" / "explanations.npz")
    assert len(kept["rows"]) > 0
    assert kept["maps"].shape[0] == len(kept["rows"]) and kept["maps"].max() == 255
    photos, both = weights(runs["photos"]), weights(runs["both"])
    frozen = {name: tensor for name, tensor in both.items() if name.startswith("body.branches.photos.body.")}
    assert len(frozen) == 7
    for name, tensor in frozen.items():
        assert np.array_equal(tensor, photos[name.replace("branches.photos.body.", "")])
    record = read_json(runs["both"].dir.record)
    assert set(record["weights"]) == {"table", "photos"}
    assert any(layer["name"].startswith("body.branches.photos") and not layer["trainable"]
               for layer in record["layers"] if layer["parameters"])  # fmt: skip
    # Climbed again, all are finished; with a part trained anew, what stands on it is trained again too.
    again = esc.climb(esc.load_ladder(ladder), out=out)
    assert read_json(again["both"].dir.record) == record
    esc.climb(esc.load_ladder(ladder), out=out, rungs=["table"], fresh=True)
    changed = esc.climb(esc.load_ladder(ladder, ["train.epochs=1"]), out=out)
    assert read_json(changed["both"].dir.record)["weights"] != record["weights"]

    _predictions(flats, out / "flats")


def _predictions(flats: Path, folder: Path) -> None:
    """From pictures and attributes, from a CSV, and from Python: the same, and equal to the test rows' logits."""
    import pyarrow.parquet as pq

    from escalera.evaluate.metrics import softmax

    both = folder / "both"
    found = predict_files(both, [flats])
    assert len(found) == 60
    test = pq.read_table(both / "seed-0" / "predictions.parquet").to_pylist()
    for row in test:
        by_name = {entry["name"]: entry["probability"] for entry in found[row["row"]]["classes"]}
        classes = read_json(both / "seed-0" / "run.json")["data"]["classes"]
        assert [by_name[name] for name in classes] == pytest.approx(softmax(row["logits"]), abs=1e-5)
    line = flats.read_text().splitlines()[2].split(",")
    pair = [flats.parent / line[0], flats.parent / line[1]]
    for text in (f"area={line[2]}, street={line[3]}", json.dumps({"area": float(line[2]), "street": line[3]})):
        [one] = predict_files(both, pair, attributes=[text])
        for here, there in zip(one["classes"], found[1]["classes"], strict=True):
            assert (here["name"], here["probability"]) == (there["name"], pytest.approx(there["probability"], abs=1e-5))
    [row] = predict_files(folder / "table", [], attributes=["area=, street=north"])
    assert row["file"] == "area=, street=north"
    assert sum(entry["probability"] for entry in row["classes"]) == pytest.approx(1)
    assert row["filled_in"] == ["area"]
    run = CliRunner().invoke(app, ["predict", str(folder / "table"), "--attributes", "area=NA,street="])
    assert run.output.endswith("\n  not known, so filled in as in training: area, street\n")
    run = CliRunner().invoke(app, ["predict", str(folder / "table"), "--attributes", "area=50,street=south"])
    assert run.exit_code == 0
    assert " %  ≤" in run.output
    assert "not known" not in run.output

    for files, attributes, expected in (
        (pair[:1], ["area=1,street=north"], "this run sees 2 pictures of each row together (front, back): expected as "
         "many, or a multiple, received 1"),
        (pair, [], "this run reads the attributes area, street too: expected them, received none"),
        ([], ["area=1,street=north"], "this run looks at pictures: expected some, received none"),
        (pair, ["area=1,street=north"] * 2, "expected --attributes once for each of 1 rows, received 2"),
        (pair, ["area=1"], "expected the attributes area, street; received none for street. Give null where a value "
         "is not known."),
    ):  # fmt: skip
        with pytest.raises(DataError) as caught:
            predict_files(both, files, attributes=attributes)
        assert str(caught.value) == expected

    table = flats.with_name("new.csv")
    table.write_text("front,side,area,street\nfront0.png,,50,north\n")
    with pytest.raises(DataError) as caught:
        predict_files(both, [table])
    assert f"{table} has no column 'back'; its columns: front (string), side" in str(caught.value)
    table.write_text(
        "front,back,area,street\nfront0.png,,50,north\nfront1.png,back1.png,50,north\nfront2.png,back2.png,x,north\n"
    )
    with pytest.raises(DataError) as caught:
        predict_files(both, [table])
    assert str(caught.value) == (
        "2 of 3 rows cannot be taken; nothing was predicted:\n"
        "  front0.png: row 0: back: no picture (null)\n"
        "  front2.png, back2.png: row 2: attribute 'area': expected a number, or null where it is not known; received "
        "'x'.\n"
        "Answer for the others with --skip-bad."
    )
    answers = predict_files(both, [table], skip_bad=True)
    assert [(one["row"], bool(one["classes"]), bool(one["error"])) for one in answers] == [
        (0, False, True), (1, True, False), (2, False, True)
    ]  # fmt: skip
    # A model that reads attributes alone needs no pictures of a table.
    table.write_text("area,street\n50,north\n,south\n")
    assert [one["filled_in"] for one in predict_files(folder / "table", [table])] == [[], ["area"]]
    assert predict_files(folder / "table", [table])[1]["file"] == str(table)
    with pytest.raises(
        DataError, match=r"new\.csv: its columns are the attributes: expected no --attributes beside it"
    ):
        predict_files(folder / "table", [table], attributes=["area=1, street=north"])
    with pytest.raises(DataError, match="this run reads attributes alone: expected no pictures, received some"):
        predict_files(folder / "table", pair, attributes=["area=1, street=north"])
    with pytest.raises(DataError, match="and a folder does not say which belong together: give a CSV with these col"):
        predict_files(both, [flats.parent], attributes=["area=1, street=north"])
    # A decimal comma is one where no thousands could be meant.
    point, comma = (
        predict_files(folder / "table", [], attributes=[f"area={area}, street=north"]) for area in ("55.5", "55,5")
    )
    assert point[0]["classes"] == comma[0]["classes"]
    with pytest.raises(DataError) as caught:
        predict_files(folder / "table", [], attributes=["area=1,500, street=north"])
    assert str(caught.value) == (
        "attribute 'area': expected a number, or null where it is not known; received '1,500'. Write 1500, or 1.500, "
        "whichever it is."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1, b=", {"a": "1", "b": None}),
        ("peso=1,5", {"peso": "1,5"}),
        ("peso=1,5,alto=2,25 , street=Mayor, 3", {"peso": "1,5", "alto": "2,25", "street": "Mayor, 3"}),
        ("a = 1,b=", {"a": "1", "b": None}),
        ('{"a": 1, "b": null}', {"a": 1, "b": None}),
    ],
)
def test_attributes_as_typed(text: str, expected: dict[str, Any]) -> None:
    assert parse_attributes(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", "--attributes: expected column=value, column=value, received 'a'"),
        ("a=1, a=2", "--attributes: 'a' is given twice in 'a=1, a=2'"),
        ("a=1, =2", "--attributes: expected column=value, column=value, received 'a=1, =2'"),
        ("=3", "--attributes: expected column=value, column=value, received '=3'"),
        ('{"a"', "--attributes: expected a JSON object, received '{\"a\"': Expecting ':' delimiter: line 1 column 5 "
         "(char 4)"),
    ],
)  # fmt: skip
def test_attributes_that_cannot_be_read(text: str, expected: str) -> None:
    with pytest.raises(DataError) as caught:
        parse_attributes(text)
    assert str(caught.value) == expected


def problems(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(LadderError) as caught:
        esc.climb(esc.load_ladder(file), out=tmp_path / "runs")
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in caught.value.problems]


ALONE = "a table learns from the attributes of a row, and the source has pictures alone"


def test_a_table_on_pictures_alone_is_told_before_any_data(tmp_path: Path) -> None:
    text = "name: x\ndata: {source: cifar10}\nrungs:\n- name: base\n"
    assert problems(tmp_path, text + "  model: {kind: table, dense: [4]}\n") == [
        f"bad.yaml:5: rungs[0] (base).model.kind: {ALONE}"
    ]
    fusion = (
        "  model:\n    kind: fusion\n    branches:\n      photo: {kind: cnn, blocks: [[4]]}\n"
        "      row: {kind: table, dense: [4]}\n"
    )
    assert problems(tmp_path, text + fusion) == [
        f"bad.yaml:9: rungs[0] (base).model.branches.row.kind: branch 'row': {ALONE}"
    ]


def test_a_table_on_a_folder_without_one_is_told_before_training(tmp_path: Path) -> None:
    for kind in "ab":
        for number in range(8):
            path = tmp_path / "photos" / kind / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (number, 0, 0)).save(path)
    text = f"name: x\ndata: {{source: {tmp_path}/photos}}\nrungs:\n- name: base\n  model: {{kind: table, dense: [4]}}\n"
    assert problems(tmp_path, text) == [f"bad.yaml:5: rungs[0] (base).model.kind: {ALONE}"]


@pytest.mark.parametrize(
    ("branches", "expected"),
    [
        (
            "{a: {kind: cnn, blocks: [[4]]}}",
            "5: rungs[0] (base).model.branches: expected a mapping of two or more names to mappings such as "
            "{kind: ...}, received {a: {kind: 'cnn', blocks: [[4]]}}",
        ),
        (
            "{a: {kind: cnn, blocks: [[4]]}, b: {kind: tabel, dense: [4]}}",
            "5: rungs[0] (base).model.branches.b.kind: unknown kind 'tabel'; did you mean 'table'?",
        ),
        (
            "{a: {kind: cnn, blocks: [[4]]}, b: {kind: conv1d, width: [4]}}",
            "5: rungs[0] (base).model.branches.b.width: unknown key 'width'; did you mean 'widths'?",
        ),
        (
            "{a: {kind: cnn, blocks: [[4]]}, b: {kind: transfer, weights: {from: bass}}}",
            "5: rungs[0] (base).model.branches.b.weights: unknown rung 'bass'; none is known",
        ),
        (
            "{a: {kind: cnn, blocks: [[4]]}, b: {kind: conv1d, widths: [4, 4, 4, 4, 4, 4]}}",
            "5: rungs[0] (base).model.branches.b.widths: branch 'b': the vector vanishes at the pooling of "
            "convolution 6: expected at least 4 pixels there, received 1 from pictures of 32x32. Take at most 5 "
            "convolutions, a smaller pool, or a larger data.image_size.",
        ),
    ],
)
def test_branches_with_mistakes(tmp_path: Path, branches: str, expected: str) -> None:
    text = (
        f"name: x\ndata: {{source: cifar10}}\nrungs:\n- name: base\n  model: {{kind: fusion, branches: {branches}}}\n"
    )
    assert problems(tmp_path, text) == [f"bad.yaml:{expected}"]


@pytest.mark.parametrize("rung", ["scratch", "both"])
def test_mixing_needs_pictures_alone(ladder: Path, rung: str) -> None:
    text = ladder.read_text()
    marker = "  - name: both\n    change:\n" if rung == "both" else "  - name: scratch\n    change:\n"
    ladder.write_text(text.replace(marker, marker + "      augment: {mixup: 0.2}\n"))
    with pytest.raises(LadderError) as caught:
        esc.load_ladder(ladder)
    assert "mixup and cutmix blend pictures, and two rows of attributes have no blend: expected 0 of both" in str(
        caught.value
    )


MORE = """
  - name: beside-a-picture
    from: both
    change:
      model:
        kind: fusion
        branches:
          photos: {kind: transfer, weights: {from: photos}, trainable: none, head: {pool: average}}
          vector: {kind: conv1d, widths: [4], head: {pool: average}}
          table: {kind: transfer, weights: {from: table}}
        head: {dense: [5]}
  - name: all-frozen
    change:
      model:
        kind: fusion
        branches:
          table: {kind: transfer, weights: {from: table}, trainable: none}
          photos: {kind: transfer, weights: {from: photos}, trainable: none, head: {pool: average}}
        head: {dense: [5]}
  - name: late
    from: both
    change: {model.join: late}
  - name: late-frozen
    from: all-frozen
    change: {model.join: late}
"""
FROZEN = ("both", "beside-a-picture", "all-frozen", "late", "late-frozen")


def run_bodies(ladder: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[esc.Results, int]:
    """The runs of a ladder, and how often a frozen part gave features."""
    made: list[str] = []

    def counted(*given: Any, **more: Any) -> Any:
        made.append(more["part"])
        return features(*given, **more)

    monkeypatch.setattr("escalera.run.kept.features", counted)
    runs = esc.climb(esc.load_ladder(ladder, ["train.precision=fp32"]), out=out)
    assert not runs.failed
    monkeypatch.setattr("escalera.run.kept.features", features)
    return runs, len(made)


@pytest.mark.slow
def test_frozen_branches_run_once_and_never_again_and_learn_the_same(
    ladder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "cache"))
    ladder.write_text(ladder.read_text() + MORE)
    first, made = run_bodies(ladder, tmp_path / "first", monkeypatch)
    # The photos of train, validation and test; the table of each where all is frozen.
    assert made == 6
    again, made = run_bodies(ladder, tmp_path / "again", monkeypatch)
    assert made == 0
    monkeypatch.setattr("escalera.builders.kept_parts", lambda *_: [])
    always, made = run_bodies(ladder, tmp_path / "always", monkeypatch)
    assert made == 0
    for name in FROZEN:
        one, same, other = (weights(runs[name]) for runs in (first, again, always))
        assert one.keys() == same.keys() == other.keys()
        assert all(torch.equal(one[key], same[key]) for key in one), name  # bit for bit
        for key in one:  # batches of other sizes: to the last digits
            torch.testing.assert_close(one[key], other[key], rtol=1e-4, atol=1e-5)
        answers = [read_json(runs[name].dir.metrics) for runs in (first, again)]
        assert answers[0] == answers[1]
        assert first[name].metrics["test"]["accuracy"] == always[name].metrics["test"]["accuracy"]


def test_branches_that_answer_each_for_itself_predict_like_their_run(ladder: Path, tmp_path: Path) -> None:
    ladder.write_text(ladder.read_text() + MORE)
    runs = esc.climb(esc.load_ladder(ladder), out=tmp_path / "runs", rungs=["table", "photos", "late"])
    assert not runs.failed
    learned = weights(runs["late"])["head.layers.weights"]
    assert learned.sum().item() == pytest.approx(1)
    assert len(runs["late"].dir.history.read_text().splitlines()) == 2
    told = runs["late"].summary()
    assert [told["weight_table"], told["weight_photos"]] == pytest.approx(learned.tolist(), abs=1e-6)
    assert "weight_table" not in runs["table"].summary()
    shares = learned.tolist()
    page = runs.report.read_text()
    assert "was learned on the validation rows: table " in page
    assert f"table {shares[0]:.1%} and photos {shares[1]:.1%}." in page
    esc.climb(esc.load_ladder(ladder), out=tmp_path / "runs", rungs=["table", "photos", "late"], language="es")
    assert "lo que pesa su respuesta se aprendió con las filas de validación: table " in runs.report.read_text()


def test_the_folds_of_a_late_fusion_tell_the_mean_of_their_weights(ladder: Path, tmp_path: Path) -> None:
    ladder.write_text((ladder.read_text() + MORE).replace("validation: 0.2,", "validation: 0.2, folds: 2,"))
    run = esc.climb(esc.load_ladder(ladder), out=tmp_path / "runs", rungs=["table", "photos", "late"])["late"]
    each = [run.dir.fold(number).read_record()["branch_weights"]["table"] for number in (1, 2)]
    assert run.summary()["weight_table"] == pytest.approx(sum(each) / 2)
