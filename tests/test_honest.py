"""A climb that learns nothing, from the images to the last line in the terminal."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

import escalera as esc
from escalera.cli import app
from escalera.core.files import read_json

LADDER = """
name: {name}
data: {{source: {source}, validation: 0.2{more}}}
rungs:
  - name: base
    model: {model}
    train: {{epochs: 1, batch_size: 8, optimizer: {{name: sgd, lr: 1e-9}}}}
"""


@pytest.fixture
def skewed(tmp_path: Path) -> Path:
    """Nine in ten are of one class, and a network that hardly moves answers the same to all."""
    for i in range(60):
        folder = tmp_path / "data" / ("enfermo" if i % 10 == 0 else "sano")
        folder.mkdir(parents=True, exist_ok=True)
        level = np.random.RandomState(i).randint(0, 255)
        Image.fromarray(np.full((12, 12), level, np.uint8)).save(folder / f"{i}.png")
    file = tmp_path / "caso.yaml"
    model = "{kind: mlp, dense: [4]}"
    file.write_text(LADDER.format(name="caso", source="data", more=", test: 0.4", model=model))
    return file


def test_the_terminal_calls_it_what_it_is(skewed: Path, tmp_path: Path) -> None:
    # A bias towards the frequent class, whatever the seed draws: learned in an instant at this rate.
    command = ["climb", str(skewed), "--out", str(tmp_path / "runs"), "--set", "train.optimizer.lr=0.3"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    metrics = read_json(tmp_path / "runs/caso/base/seed-0/metrics.json")
    rows = pq.read_table(tmp_path / "runs/caso/base/seed-0/predictions.parquet")
    labels = rows["label"].to_numpy()
    assert metrics["baselines"]["majority"] == {"accuracy": (labels == 1).mean(), "class": "sano"}
    assert rows["beside.baseline:majority"].to_pylist() == [[1]] * len(rows)
    nearest = rows["beside.baseline:nearest_mean_images"].combine_chunks().flatten().to_numpy()
    assert metrics["baselines"]["nearest_mean_images"] == {"accuracy": (nearest == labels).mean()}
    record = read_json(tmp_path / "runs/caso/base/seed-0/run.json")
    assert record["data"]["duplicates"]["near_searched"] is False
    counts = record["data"]["class_rows"]
    assert counts["test"] == np.bincount(labels).tolist()
    assert np.sum(list(counts.values()), axis=0).tolist() == [6, 54]
    assert record["test_looks"] == 1
    assert "always 'sano'" in result.output and "nearest class mean (pixels)" in result.output
    answered = f"base: it answers 'sano' to all {len(labels)} test images; that is right for the"
    assert answered in result.output
    assert "caso: of test images only exact copies were looked for" in result.output or "data: of" in result.output
    again = CliRunner().invoke(app, [*command, "--lang", "es"])
    assert f"base: responde «sano» a las {len(labels)} imágenes de prueba, y acierta" in again.output
    assert "siempre «sano»" in again.output
    told = json.loads(CliRunner().invoke(app, [*command, "--json"]).stdout)
    assert [one["name"] for one in told["baselines"]] == ["majority", "nearest_mean_images"]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("{kind: table, dense: [4]}", ["majority", "nearest_mean_attributes"]),
        (
            "{kind: fusion, branches: {a: {kind: table, dense: [4]}, b: {kind: mlp, dense: [4]}}}",
            ["majority", "nearest_mean_images", "nearest_mean_attributes"],
        ),
    ],
)
def test_a_network_stands_beside_what_reads_the_same(model: str, expected: list[str], tmp_path: Path) -> None:
    lines = ["picture,area,kind"]
    for i in range(60):
        Image.fromarray(np.full((4, 4, 3), 60 * (i % 3), np.uint8)).save(tmp_path / f"{i}.png")
        lines.append(f"{i}.png,{30 * (i % 3) + i % 7},{'abc'[i % 3]}")
    (tmp_path / "flats.csv").write_text("\n".join(lines) + "\n")
    file = tmp_path / "flats.yaml"
    more = ", test: 0.3, image_column: picture, label_column: kind"
    file.write_text(LADDER.format(name="flats", source="flats.csv", more=more, model=model))
    run = esc.climb(esc.load_ladder(file), out=tmp_path / "runs")["base"]
    found = run.metrics["baselines"]
    assert list(found) == expected
    # Both the shade and the area give the class away.
    assert [found[name]["accuracy"] for name in expected[1:]] == [1.0] * (len(expected) - 1)
