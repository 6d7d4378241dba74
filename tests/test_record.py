"""run.json has one type: what is written is what it holds, and what an earlier version wrote is read with it."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import escalera as esc
from escalera.core.fault import Fault
from escalera.core.lenient import Lenient
from escalera.core.record import Data, Metrics, RunRecord

FIXTURES = Path(__file__).parent / "fixtures"
OLD = sorted(path.parent for path in (FIXTURES / "old").glob("*/seed-0/run.json"))


def unknown(value: Any, kind: type[Lenient], place: str = "") -> list[str]:
    """The keys that the type does not have, those of the records within it too."""
    found = [f"{place}{key}" for key in value if key not in kind.model_fields]
    for key, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Lenient) and value.get(key):
            found += unknown(value[key], field.annotation, f"{place}{key}.")
    return found


@pytest.mark.parametrize("run", OLD, ids=[path.parent.name for path in OLD])
def test_what_an_earlier_version_wrote_has_the_type(run: Path) -> None:
    value = json.loads((run / "run.json").read_text())
    faults: list[Fault] = []
    record = RunRecord.read(value, "run.json", faults)
    assert (faults, unknown(value, RunRecord)) == ([], [])
    assert record.filed() == value


def test_what_is_written_now_has_the_same_keys(tmp_path: Path) -> None:
    runs = esc.climb(FIXTURES / "old.yaml", out=tmp_path, rungs=["cnn", "transfer", "votes"], quiet=True, device="cpu")
    for name, run in runs.items():
        now, before = (
            json.loads((folder / "run.json").read_text())
            for folder in (run.dir.path, FIXTURES / "old" / name / "seed-0")
        )
        assert now.keys() == before.keys() | {"energy"}
        assert now["data"].keys() == before["data"].keys() | {"test_digest", "listed"}
        assert [row.keys() for row in now["layers"]] == [row.keys() for row in before["layers"]]
        assert (now["settings"], now["data"]["classes"]) != (None, [])
        assert now["files"].keys() == before["files"].keys() | {"doubt.json"}
        metrics: list[Fault] = []
        Metrics.read(run.metrics, "metrics.json", metrics)
        assert metrics == []


def test_what_does_not_fit_is_refused_in_code_and_told_in_a_file() -> None:
    with pytest.raises(ValidationError, match="seed"):
        RunRecord(seed="first")
    with pytest.raises(ValidationError, match="skipped"):
        RunRecord(data=Data(skipped=-1))
    faults: list[Fault] = []
    record = RunRecord.read({"seed": "first", "rung": "cnn", "data": {"skipped": -1}}, "run.json", faults)
    assert (record.seed, record.rung, record.data.skipped) == (0, "cnn", 0)
    assert [str(fault) for fault in faults] == [
        "run.json: seed: 'first' does not fit",
        "run.json: skipped: -1 does not fit",
    ]


def test_a_whole_number_stays_one() -> None:
    assert json.dumps(RunRecord(data=Data(max_megapixels=60)).filed()) == '{"data": {"max_megapixels": 60}}'
