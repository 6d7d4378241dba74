"""A run whose classes stand in the order of an earlier version is never judged by another order."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from escalera.core.files import read_json
from escalera.experiment.climb import climb, load_ladder

LADDER = """
name: order
data: {source: SOURCE, validation: 0.2, test: 0.3}
rungs:
  - {name: base, model: {kind: mlp, dense: [8]}, train: {epochs: 2, batch_size: 8}}
"""


@pytest.fixture
def ladder(tmp_path: Path) -> Path:
    """Ten pictures of each of the classes 2, 10 and 1, which alphabet and numbers order otherwise."""
    for grey, name in ((20, "class 2"), (120, "class 10"), (220, "class 1")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for n in range(10):
            Image.fromarray(np.full((4, 4), grey + n, np.uint8)).save(tmp_path / "data" / name / f"{n}.png")
    path = tmp_path / "order.yaml"
    path.write_text(LADDER.replace("SOURCE", str(tmp_path / "data")))
    return path


def test_a_run_of_an_earlier_order_is_trained_anew(
    ladder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr("escalera.data.readers.class_folders.natural", str)
        before.setattr("escalera.data.cache.labels.natural", str)
        before.setenv("ESCALERA_CACHE", str(tmp_path / "before"))
        old = climb(load_ladder(ladder), out=tmp_path / "runs")["base"].dir
    assert read_json(old.record)["data"]["classes"] == ["class 1", "class 10", "class 2"]
    weights = old.best.read_bytes()
    same = climb(load_ladder(ladder), out=tmp_path / "runs")["base"].dir  # it is finished, and stays what it is
    assert same.best.read_bytes() == weights
    assert read_json(same.record)["data"]["classes"] == ["class 1", "class 10", "class 2"]
    judged = climb(load_ladder(ladder, ["evaluate.tta=flip"]), out=tmp_path / "runs")["base"].dir
    record = read_json(judged.record)
    assert record["data"]["classes"] == ["class 1", "class 2", "class 10"]
    assert judged.best.read_bytes() != weights
    assert "trained_as" not in record
