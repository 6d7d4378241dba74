"""Runs that an earlier version made, of 2026-11-28: they open, answer as they did, are reported, and go on."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

import escalera as esc

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    shutil.copytree(FIXTURES / "old", tmp_path / "runs" / "old")
    return tmp_path / "runs"


@pytest.mark.parametrize("rung", ["cnn", "transfer", "votes"])
def test_it_answers_as_it_did(rung: str, runs: Path) -> None:
    from sklearn.datasets import load_digits

    table = pq.read_table(runs / "old" / rung / "seed-0" / "predictions.parquet").to_pydict()
    rows = [int(row) for row in table["row"][:20]]
    images = np.rint(load_digits().images[rows] * (255 / 16)).astype(np.uint8)
    answered = esc.open(runs / "old" / rung).predict(images).argmax(1)
    assert answered.tolist() == np.array(table["logits"][:20]).argmax(1).tolist()


def test_it_is_left_as_it_is_and_what_was_begun_goes_on(runs: Path) -> None:
    before = {path: path.read_bytes() for path in (runs / "old").rglob("best.safetensors")}
    found = esc.climb(FIXTURES / "old.yaml", out=runs, quiet=True, device="cpu")
    assert {name: run.state for name, run in found.items()} == dict.fromkeys(
        ["cnn", "transfer", "votes", "begun"], "done"
    )
    assert len(before) == 3 and {path: path.read_bytes() for path in before} == before
    # What it had learned is kept: the first two epochs are those of the earlier version.
    lines = (FIXTURES / "old" / "begun" / "seed-0" / "history.jsonl").read_text().splitlines()
    epochs = found["begun"].dir.history.read_text().splitlines()
    assert (epochs[:2], len(epochs)) == (lines[:2], 4)
    report = (runs / "old" / "report.html").read_text()
    assert all(name in report for name in found)
