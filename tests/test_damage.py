"""Each file of a run, damaged in each way: told by its name by every command that reads it, and answered from by none.

The cases are those of benchmarks/damage.py, every third one, without the drawing of the pages.
"""

import importlib.util
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from escalera.core.errors import EscaleraError
from escalera.inference import illustrations
from escalera.report import page
from escalera.report.story import read_story

_SPEC = importlib.util.spec_from_file_location(
    "benchmark_damage", Path(__file__).parents[1] / "benchmarks" / "damage.py"
)
assert _SPEC and _SPEC.loader
damage: Any = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = damage
_SPEC.loader.exec_module(damage)

CASES = list(damage.cases())


def told(place: Path) -> tuple[int, str]:
    """What a report would say of the files, without its figures."""
    try:
        story = read_story(place / "runs" / "flats")
    except EscaleraError as error:
        return 2, str(error)
    return 0, "\n".join(str(fault) for rung in story.rungs for run in rung.runs for fault in run.faults)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damage")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ESCALERA_CACHE", str(folder / "cache"))
        patch.setattr(page, "write_page", lambda story, *_, **__: story.path / "report.html")
        patch.setattr(illustrations, "illustrate", lambda *_: None)
        damage.climbed(folder)
    return folder


def test_there_are_as_many_cases_as_there_are_files_and_ways() -> None:
    assert len(CASES) >= 120
    assert len({case.name for case in CASES}) == len(CASES)
    assert {case.file for case in CASES} >= {
        "run.json", "config.yaml", "environment.json", "history.jsonl", "best.safetensors", "predictions.parquet",
        "metrics.json", "splits.parquet", "table.json", "ladder.json", "last/state.json", "last/epoch-3.safetensors",
        "last/best-3.safetensors", "classifiers/linear_svm.skops", "preparation.safetensors",
    }  # fmt: skip


@pytest.mark.parametrize("case", CASES[::3], ids=lambda case: case.name)
def test_what_is_damaged_is_told(case: Any, before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESCALERA_CACHE", str(before / "cache"))
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr(page, "write_page", lambda story, *_, **__: story.path / "report.html")
    monkeypatch.setattr(illustrations, "illustrate", lambda *_: None)
    monkeypatch.setattr(damage, "_report", told)
    outcome = damage.examine(case, before, tmp_path / "place")
    assert outcome.tracebacks == {}
    assert outcome.silent == [], outcome.said
    assert outcome.healed, outcome.said["climb"]
    shutil.rmtree(tmp_path / "place")
