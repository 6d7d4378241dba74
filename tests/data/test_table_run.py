"""A ladder on a table of pictures: what a run keeps of the table, and that `predict` gives the same from it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import escalera as esc
from escalera import builders
from escalera.core.files import read_json
from escalera.data.dataset import Bands
from escalera.data.table.transform import Transformation
from escalera.experiment.stage import tasks_of
from escalera.run.task import data_kept, open_data

LADDER = """
name: flats
data: {{source: {source}, image_column: picture, target: price, bands: 3, validation: 0.2}}
rungs:
  - name: base
    model: {{kind: table, dense: [4]}}
    train: {{epochs: 1}}
"""


@pytest.fixture
def flats(tmp_path: Path) -> Path:
    random = np.random.RandomState(0)
    lines = ["picture,area,street,price"]
    for i in range(60):
        Image.fromarray(random.randint(0, 255, (4, 4, 3)).astype(np.uint8)).save(tmp_path / f"{i}.png")
        area = "" if i % 9 == 0 else f"{random.randint(30, 120)}.5"
        lines.append(f"{i}.png,{area},{'north' if i % 2 else 'south'},{1000 * (i + 1)}")
    (tmp_path / "flats.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "flats.csv"


def test_a_run_keeps_what_was_fitted_on_the_table(flats: Path, tmp_path: Path) -> None:
    file = tmp_path / "flats.yaml"
    file.write_text(LADDER.format(source=flats))
    reading = esc.load_ladder(file)
    ladder = reading.ladder
    run = esc.climb(reading, out=tmp_path / "runs")["base"]
    assert run.state == "done"
    data = builders.dataset(ladder["base"].config.data, seed=ladder.seed, data_root=None)
    kept = read_json(run.dir.table)
    fitted, bands = Transformation.from_json(kept["attributes"]), Bands.from_json(kept["bands"])
    assert fitted == data.attributes
    assert bands == data.bands
    assert fitted.names == ["area", "area missing", "street = north", "street = south"]
    record = read_json(run.dir.record)
    assert record["data"]["classes"] == bands.names
    assert record["data"]["attributes"] == fitted.names
    row = {"area": None, "street": "north", "price": 5}
    assert data.train.table is not None and data.train.attributes is not None
    where = next(i for i, other in enumerate(data.train.table.to_pylist()) if other["area"] is None and i % 2)
    np.testing.assert_array_equal(fitted.vectors([row])[0], data.train.attributes[where])


def test_what_no_rung_reads_is_told_and_not_transformed(flats: Path, tmp_path: Path) -> None:
    """A text among numbers in a table beside the images keeps nobody from learning from these, wherever it stands."""
    lines = flats.read_text().splitlines()
    file = tmp_path / "flats.yaml"
    file.write_text(LADDER.format(source=flats).replace("table,", "mlp,"))
    for row in range(1, 61, 6):
        name, _, street, price = lines[row].split(",")
        changed = [*lines[:row], f"{name},unknown,{street},{price}", *lines[row + 1 :]]
        flats.write_text("\n".join(changed) + "\n")
        reading = esc.load_ladder(file)
        pending = [(rung, 0) for rung in reading.rungs]
        tasks = tasks_of(reading, pending, tmp_path, None, "cpu", fresh=False, skip_bad=False)
        [source] = {task.source for task in tasks}
        with data_kept():
            data = open_data(source)
        assert data.attributes is None
        told = "\n".join(data.notes)
        assert "read by none of these rungs" in told
        assert ("numeric area" in told) != ("area (mostly numbers" in told)
    run = esc.climb(reading, out=tmp_path / "runs")["base"]
    assert read_json(run.dir.table)["attributes"] is None


def test_without_a_table_nothing_is_kept(tmp_path: Path) -> None:
    reading = esc.load_ladder("digits", ["train.epochs=1"])
    rung = reading.ladder.rungs[0].name
    run = esc.climb(reading, out=tmp_path, rungs=[rung])[rung]
    assert run.state == "done"
    assert not run.dir.table.exists()
    assert read_json(run.dir.record)["data"]["attributes"] is None
