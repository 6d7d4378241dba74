"""Climbs on data as people have them: a folder of photographs, a CSV with attributes, sets with duplicates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

import escalera as esc
from escalera.cli.terminal import reading
from escalera.core.errors import DataError
from escalera.core.files import read_json
from escalera.core.rundir import RunDir
from escalera.data.dataset import Split
from escalera.data.sources.open import open_source
from escalera.inference.predictor import Predictor, open_run
from escalera.inference.run_rows import RunRows
from escalera.run.artifacts import digest_of_rows

RUNG = "rungs: [{name: mlp, model: {kind: mlp, dense: [8]}, train: {epochs: 1, batch_size: 64}}]"


def climbed(tmp_path: Path, data: str, **more: Any) -> tuple[dict[str, Any], pq.ParquetFile]:
    """run.json and the predictions of a ladder with this data section."""
    ladder = tmp_path / "some.yaml"
    ladder.write_text(f"name: some\ndata: {data}\n{RUNG}\n")
    esc.climb(esc.load_ladder(ladder), out=tmp_path / "runs", fresh=True, **more)
    run = RunDir(tmp_path / "runs/some/mlp/seed-0")
    record = read_json(run.record)
    assert record["state"] == "done"
    return record, pq.read_table(run.predictions)


def picture(seed: int, height: int, width: int) -> Image.Image:
    return Image.fromarray(np.random.RandomState(seed).randint(0, 256, (height, width, 3)).astype(np.uint8))


def test_a_folder_of_photographs_of_all_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reading, "QUIET", 1e-9)  # as if it took long
    monkeypatch.setattr(reading, "LINE_EVERY", 0.0)
    for split, count in (("train", 8), ("validation", 2), ("test", 3)):
        for i in range(2 * count):
            path = tmp_path / "photos" / split / ("coat" if i % 2 else "shoe") / f"a photo {i}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture(i, 20 + i, 30 - i).save(path)
    record, predictions = climbed(tmp_path, "{source: photos, image_size: 16, resize: pad}", data_root=tmp_path)
    assert record["data"]["rows"] == {"train": 16, "validation": 4, "test": 6}
    assert record["data"]["classes"] == ["coat", "shoe"]
    assert predictions["label"].to_pylist() == [0, 0, 0, 1, 1, 1]
    assert "decoding: 20 of 26 images" in capsys.readouterr().out


def csv(folder: Path, rows: int = 40) -> Path:
    folder.mkdir()
    lines = ["photo,kind,rooms,town"]
    for i in range(rows):
        picture(i, 16, 16).save(folder / f"{i}.png")
        lines.append(f"{i}.png,{'ab'[i % 2]},{i % 7 if i % 9 else ''},{('Lima', 'Quito')[i % 2]}")
    (folder / "homes.csv").write_text("\n".join(lines) + "\n")
    return folder / "homes.csv"


def test_a_csv_with_attributes(tmp_path: Path) -> None:
    record, predictions = climbed(tmp_path, f"{{source: {csv(tmp_path / 'homes')}, label_column: kind}}")
    assert record["data"]["rows"] == {"train": 28, "validation": 4, "test": 8}
    assert record["data"]["attributes"] is None  # since nothing reads them
    assert len(predictions) == 8
    named = f"{{source: {tmp_path / 'homes' / 'homes.csv'}, label_column: kind, attributes: [rooms]}}"
    assert climbed(tmp_path, named)[0]["data"]["attributes"][0] == "rooms"


def leaky(tmp_path: Path) -> str:
    """A set whose test holds two pictures of train and two new ones."""
    random = np.random.RandomState(0)
    train, test = (random.randint(0, 256, (count, 16, 16, 3)).astype(np.uint8) for count in (40, 4))
    validation = random.randint(0, 256, (4, 16, 16, 3)).astype(np.uint8)
    test[1], test[2], validation[0] = train[10], train[11], train[12]
    arrays = {"train": train, "test": test, "val": validation}
    np.savez(
        tmp_path / "leaky.npz",
        allow_pickle=True,
        **{f"x_{name}": images for name, images in arrays.items()},
        **{f"y_{name}": np.arange(len(images)) % 2 for name, images in arrays.items()},
    )
    return str(tmp_path / "leaky.npz")


def test_duplicates_are_reported_and_nothing_is_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record, predictions = climbed(tmp_path, f"{{source: {leaky(tmp_path)}}}")
    assert record["data"]["rows"] == {"train": 40, "validation": 4, "test": 4}
    assert record["data"]["duplicates"] == {
        "test": 2,
        "test_exact": 2,
        "validation": 1,
        "dropped": 0,
        "near_searched": True,
    }
    assert predictions["in_train"].to_pylist() == [False, True, True, False]


def test_duplicates_are_dropped_from_train_and_never_from_test(tmp_path: Path) -> None:
    record, predictions = climbed(tmp_path, f"{{source: {leaky(tmp_path)}, duplicates: drop}}")
    assert record["data"]["rows"] == {"train": 37, "validation": 4, "test": 4}
    assert record["data"]["duplicates"] == {
        "test": 0,
        "test_exact": 0,
        "validation": 0,
        "dropped": 3,
        "near_searched": True,
    }
    assert predictions["in_train"].to_pylist() == [False] * 4
    splits = pq.read_table(tmp_path / "runs/some/mlp/seed-0/splits.parquet").to_pylist()
    kept = {row["row"] for row in splits if row["split"] == "train"}
    assert kept == set(range(40)) - {10, 11, 12}


def test_a_copy_is_judged_by_the_labels_that_its_run_had(tmp_path: Path) -> None:
    """Corrections reach train and validation; the source still has what it had."""
    labels = open_source("digits", data_root=None, image_size=None, channels=None).splits["train"].labels
    lines = [f"{row},{(label + 1) % 10}" for row, label in enumerate(labels[:200])]
    (tmp_path / "labels.csv").write_text("\n".join(["row,label", *lines]))
    data = f"{{source: digits, labels: {{corrections: {tmp_path / 'labels.csv'}}}}}"
    climbed(tmp_path, data)
    (tmp_path / "labels.csv").unlink()
    predictor = open_run(RunDir(tmp_path / "runs/some/mlp/seed-0"))
    assert isinstance(predictor, Predictor)
    rows = RunRows(predictor)
    corrected = np.concatenate([(labels[:200] + 1) % 10, labels[200:]])
    for split, known in (("train", corrected), ("validation", corrected), ("test", labels)):
        part = rows.part(split)
        assert part.labels.tolist() == known[part.rows].tolist() and (part.rows < 200).any()


def test_a_run_knows_its_test_pictures_by_their_pixels_and_their_rows() -> None:
    """A report keeps them by that: another folder may have as many, and a new file may stand before one."""

    def digest(rows: list[int], pixel: int, other: int = 0) -> Any:
        images = np.full((6, 8, 8, 1), other, np.uint8)
        images[rows] = pixel
        return digest_of_rows(Split(images, np.arange(6) % 2, np.array(rows)))

    assert digest([4], 9) == digest([4], 9, other=1) and len({digest([4], 9), digest([5], 9), digest([4], 8)}) == 3


def test_one_class_is_said_before_training(tmp_path: Path) -> None:
    for i in range(4):
        path = tmp_path / "photos" / "coat" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(i, 8, 8).save(path)
    with pytest.raises(DataError, match=r"photos has a single class, 'coat'\. A classifier needs two or more\."):
        climbed(tmp_path, "{source: photos}", data_root=tmp_path)
    assert not (tmp_path / "runs/some/mlp").exists()


def test_a_class_with_one_image_is_said_before_training(tmp_path: Path) -> None:
    for i in range(21):
        path = tmp_path / "photos" / ("hat" if i == 20 else "coat" if i % 2 else "shoe") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(i, 8, 8).save(path)
    with pytest.raises(DataError, match=r"photos: 1 class has too few pictures in train .*: 'hat' \(1\)"):
        climbed(tmp_path, "{source: photos}", data_root=tmp_path)
    assert not (tmp_path / "runs/some/mlp").exists()


@pytest.mark.data
def test_clothing(tmp_path: Path, real_data: Path) -> None:
    data = "{source: clothing, image_size: 32, resize: pad}"
    record, predictions = climbed(tmp_path, data, data_root=real_data)
    assert record["data"]["rows"] == {"train": 3068, "validation": 341, "test": 372}
    assert record["data"]["skipped"] == 0
    assert len(predictions) == 372


@pytest.mark.data
def test_houses(tmp_path: Path, real_data: Path) -> None:
    data = "{source: houses, image_column: frontal, target: price, bands: 4, image_size: 32}"
    record, _ = climbed(tmp_path, data, data_root=real_data)
    assert sum(record["data"]["rows"].values()) == 535
    assert json.dumps(record["data"]["classes"]).count("\\u202f") >= 4
