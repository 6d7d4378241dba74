"""Runs that an earlier version made, of 2026-11-28: they open, answer as they did, are reported, and go on."""

import json
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from rich.console import Console

import escalera as esc
from escalera.cli.terminal import Narrator
from escalera.core.errors import RunError
from escalera.core.files import read_sealed, sha256, write_sealed
from escalera.core.rundir import RunDir
from escalera.core.translation import translate
from escalera.experiment.climb import climb, load_ladder
from escalera.report.page import write_report
from escalera.studio.service import Studio

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


def of_version(
    run: Path, version: str, settings: dict[str, Any], record: Callable[[dict[str, Any]], object] = lambda _: None
) -> RunDir:
    """A run as another version would have written it, whole."""
    files, config = RunDir(run), yaml.safe_load((run / "config.yaml").read_text())
    for section, values in settings.items():
        config[section] = values if section == "model" else config[section] | values
    files.config.write_text(yaml.safe_dump(config))
    files.environment.write_text(json.dumps(json.loads(files.environment.read_text()) | {"escalera": version}))
    written = read_sealed(files.record)
    record(written)
    written["files"] |= {name: sha256(run / name) for name in ("config.yaml", "environment.json")}
    write_sealed(files.record, written)
    return files


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"train": {"warmth": 3}}, "train.warmth: unknown key 'warmth'; known: epochs, "),
        ({"model": {"kind": "capsule"}}, "model.kind: unknown kind 'capsule'; known: alexnet, "),
    ],
)
def test_a_configuration_of_another_version_names_it(settings: dict[str, Any], what: str, runs: Path) -> None:
    run = of_version(runs / "old/cnn/seed-0", "0.0.7", settings)
    studio = Studio(runs)
    asked: list[tuple[Callable[[], object], str]] = [
        (lambda: esc.open(runs / "old/cnn"), "fresh=True"),
        (lambda: studio.trained("old/cnn/seed-0"), "--fresh"),
    ]
    for ask, fresh in asked:
        with pytest.raises(RunError) as told:
            ask()
        assert str(told.value).startswith(f"could not read {run.config}: {what}")
        assert str(told.value).endswith(
            f". Escalera 0.0.7 wrote this run, and this is {esc.__version__}. Open it with that version, or climb its "
            f"ladder with {fresh} to make it anew."
        )
    assert translate(str(told.value), "es").endswith(
        f". Esta ejecución la escribió Escalera 0.0.7, y esta es la {esc.__version__}. Ábrela con esa versión, o "
        "entrena su escalera con --fresh para rehacerla."
    )
    studio.close()
    page = write_report(runs / "old").read_text()  # which needs no configuration
    assert "wrote this run" not in page and "cnn" in page


def test_a_climb_says_which_version_wrote_what_it_makes_again(runs: Path) -> None:
    run = of_version(runs / "old/cnn/seed-0", "0.0.7", {"model": {"kind": "capsule"}})
    file = StringIO()
    climb(
        load_ladder(FIXTURES / "old.yaml"), out=runs, device="cpu", rungs=["cnn"], events=Narrator(Console(file=file))
    )
    assert f"Escalera 0.0.7 wrote this run, and this is {esc.__version__}. It is made again, and" in file.getvalue()
    assert run.read_record()["state"] == RunDir(runs / "old/cnn/seed-0.kept-001").state() == "done"
    assert run.versions() is None


def test_a_record_of_a_newer_version_names_it(runs: Path) -> None:
    def newer(record: dict[str, Any]) -> None:
        record["data"]["shape"] = {"height": 8, "width": 8}
        record["best_epoch"] = {"epoch": 2}
        record["unheard_of"] = True

    run = of_version(runs / "old/cnn/seed-0", "9.0.0", {}, newer)
    with pytest.raises(RunError, match=r"run.json: data.shape: .*\. Escalera 9\.0\.0 wrote this run, and this is "):
        esc.open(run.path)
    told = f"environment.json: Escalera 9.0.0 wrote this run, and this is {esc.__version__}, which does not understand"
    assert told in write_report(runs / "old").read_text()
    assert "esta ejecución la escribió Escalera 9.0.0" in write_report(runs / "old", "es").read_text()


def test_a_run_that_does_not_say_its_version_is_made_anew(runs: Path) -> None:
    run = of_version(runs / "old/cnn/seed-0", "0.0.7", {"train": {"warmth": 3}})
    run.environment.write_text("[]")
    with pytest.raises(RunError, match=r"unknown key 'warmth'.*\. Climb its ladder again to make it anew\.$"):
        esc.open(run.path)
