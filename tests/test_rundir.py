"""Files that know themselves again: what was changed in them since they were written is noticed, and named."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from escalera.core.errors import RunError
from escalera.core.files import DEEPEST, plain_yaml, read_sealed, sha256, write_sealed
from escalera.core.rundir import RESULT, RunDir, rungs, standing
from escalera.ladder.saved import read_config

VALUE = {"state": "done", "seconds": 12.125, "layers": [{"name": "ä", "shape": [3, 4]}], "none": None, "files": {}}
CURE = "Climb its ladder again to make it anew."


def test_a_sealed_file_comes_back(tmp_path: Path) -> None:
    write_sealed(tmp_path / "run.json", VALUE)
    assert read_sealed(tmp_path / "run.json") == VALUE


@pytest.mark.parametrize("value", [VALUE, {"settings": "0" * 64, "a": 1}, {"a": {"b": [1, 2.5]}}])
def test_no_flipped_bit_of_it_is_read_as_something_else(tmp_path: Path, value: dict[str, Any]) -> None:
    path = tmp_path / "run.json"
    write_sealed(path, value)
    content = path.read_bytes()
    for place in range(len(content)):
        for bit in (1, 4, 16, 128):
            path.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
            try:
                # What the flip made of a blank between values says nothing.
                assert read_sealed(path) == value, (place, bit)
            except RunError as error:
                assert str(path) in str(error)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", f"is not what was written: expected a mapping, received []. {CURE}"),
        (b'{"state": "done", "files": {}}', f"is not what was written (its SHA-256 differs). {CURE}"),
        (b'{"state": "done", "digest": 3}', f"is not what was written (its SHA-256 differs). {CURE}"),
    ],
)
def test_a_file_that_was_changed(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_sealed(path)
    assert str(caught.value) == f"{path} {message}"
    assert RunDir(tmp_path).state() == "damaged"
    for other in ('{"a": 1}', '{"state": null}', '{"state": ["done"]}'):
        path.write_text(other)
        assert RunDir(tmp_path).state() == "damaged"


@pytest.mark.parametrize("content", [b"", b'{"state": ', b'{"state": "\xff"}', b"[" * 100_000])
def test_a_file_that_is_no_json(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with pytest.raises(RunError, match=rf"could not read {path}: .*{CURE}"):
        read_sealed(path)


def test_one_of_an_earlier_version_has_no_digest(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text('{"state": "done", "seconds": 3}')
    assert read_sealed(path) == {"state": "done", "seconds": 3}
    assert RunDir(tmp_path).faults() == {}
    RunDir(tmp_path).check()


def filled(folder: Path, salt: str = "") -> RunDir:
    """A run with a few files, as a training leaves it."""
    run = RunDir(folder)
    (folder / "last").mkdir(parents=True)
    for name in ("config.yaml", "best.safetensors", "metrics.json", "predictions.parquet", "last/state.json"):
        (folder / name).write_text(name + salt)
    (folder / ".best.safetensors.x1").write_text("left by a crash")
    run.write_record({"state": "done"}, RESULT)
    return run


def test_each_file_of_a_result_is_known(tmp_path: Path) -> None:
    run = filled(tmp_path / "seed-0")
    assert sorted(run.read_record()["files"]) == [
        "best.safetensors", "config.yaml", "last/state.json", "metrics.json", "predictions.parquet",
    ]  # fmt: skip
    run.check()
    run.metrics.write_text("metrics.jsom")
    assert run.faults() == {"metrics.json": "is not what was written (its SHA-256 differs)"}
    assert run.faults("best.safetensors", "last/") == {}
    with pytest.raises(RunError) as caught:
        run.check("metrics.json")
    assert str(caught.value) == f"{run.metrics} is not what was written (its SHA-256 differs). {CURE}"
    run.check("best.safetensors")
    run.best.unlink()
    (run.last / "state.json").unlink()
    (run.last / "state.json").mkdir()
    assert run.faults("best.safetensors", "last/") == {
        "best.safetensors": "is gone",
        "last/state.json": "cannot be read (Is a directory)",
    }


def test_a_run_json_of_another_run_is_told_from_damaged_files(tmp_path: Path) -> None:
    one, other = filled(tmp_path / "seed-0"), filled(tmp_path / "seed-1", "other")
    one.record.write_bytes(other.record.read_bytes())
    assert list(one.faults("best.safetensors")) == ["run.json"]
    with pytest.raises(RunError, match=r"run.json is another run's: it knows the files beside it by other SHA-256s"):
        one.check("best.safetensors")


def test_a_file_is_read_once_until_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("one")
    first = sha256(path)
    path.write_text("two")  # at once, perhaps within one tick of the clock
    assert sha256(path) != first
    os.utime(path, (1, 1))
    second = sha256(path)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("read again"))
    assert sha256(path) == second


def test_the_runs_that_a_rung_stands_by(tmp_path: Path) -> None:
    for name in ("seed-10", "seed-2", "seed-2.kept-001", "seed-0.previous", "seed-x", "kept"):
        filled(tmp_path / "cnn" / name)
    (tmp_path / "cnn" / "seed-3").mkdir()
    assert [run.path.name for run in standing(tmp_path / "cnn")] == ["seed-2", "seed-10"]
    assert [run.seed for run in standing(tmp_path / "cnn")] == [2, 10]
    assert RunDir(tmp_path / "cnn" / "seed-2.kept-001").seed == 2
    assert rungs(tmp_path) == ["cnn"]


def test_a_history_with_lines_that_are_none(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    run.history.write_text(
        '{"epoch": 1, "loss": 2}\n[]\n3\n{"loss": 1}\nnull\n{"epoch": 2}\n{"epoch": 2, "loss": 1}\n{"ep'
    )
    assert run.read_history() == [{"epoch": 1, "loss": 2}, {"epoch": 2, "loss": 1}]
    run.history.write_bytes(b'{"epoch": 1}\n\xff\xfe\n')
    with pytest.raises(RunError, match=rf"could not read {run.history}: 'utf-8' codec can't decode .*{CURE}"):
        run.read_history()


BOMB = "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, r"the alias '\*a' is not taken"),
        ("a: &a [*a]", r"the alias '\*a' is not taken"),
        ("[" * 60 + "]" * 60, f"nested more than {DEEPEST} deep"),
        ("a: [1", "expected ',' or ']'"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
    ],
)
def test_yaml_that_is_not_plain(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plain_yaml(text)
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(RunError, match=rf"could not read {path}: [^$]*{CURE}"):
        read_config(path)


def test_a_configuration_of_another_shape(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("[1]")
    with pytest.raises(RunError, match=rf"could not read {path}: expected a mapping. {CURE}"):
        read_config(path)
    path.write_text(json.dumps({"data": {"source": "digits"}, "model": {"kind": "mpl"}}))
    with pytest.raises(RunError, match=rf"could not read {path}: model.kind: .*did you mean 'mlp'.* {CURE}"):
        read_config(path)
    path.write_text("1: 2\n[3]: 4\n")
    with pytest.raises(RunError, match=rf"could not read {path}: "):
        read_config(path)
