"""Paths of another spelling, and folders that are no ladder: what to type instead."""

import json
from pathlib import Path

import pytest

from escalera.core.errors import RunError
from escalera.core.neighbours import near, near_run
from escalera.experiment.inventory import inventory
from escalera.inference.files import find_run
from escalera.report.story import read_story
from escalera.report.versus import read_versus


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one ladder, its runs, and other files."""
    run = tmp_path / "runs" / "tiny" / "base" / "seed-0"
    run.mkdir(parents=True)
    (run / "run.json").write_text(json.dumps({"state": "done"}))
    (tmp_path / "runs" / "tiny" / "ladder.json").write_text("{}")
    (tmp_path / "runs" / "tiny" / "figures").mkdir()
    (tmp_path / "tiny.yaml").write_text("name: tiny\n")
    (tmp_path / "other.yaml").write_text("name: 'other'\n")
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    (tmp_path / "photos" / "cats" / "one.jpg").write_text("x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("photo/cats/one.jpg", "photos/cats/one.jpg"), ("photos/cts/ona.jpg", "photos/cats/one.jpg"),
        ("photos/cats/one", "photos/cats/one.jpg"), ("photos/cats/one.jpg", None), ("nowhere/cats", None),
        ("tiny.yaml/x", None),
    ],
)  # fmt: skip
def test_each_name_is_corrected(here: Path, typed: str, meant: str | None) -> None:
    found = near(Path(typed))
    assert (found and found.as_posix()) == meant


@pytest.mark.parametrize("typed", ["tiny/base", "runs/tin/base", "runs/tiny/bsae", "tiny/bas"])
def test_a_run_is_found_here_or_among_the_runs(here: Path, typed: str) -> None:
    assert near_run(Path(typed)) == Path("runs/tiny/base")
    with pytest.raises(RunError, match=r"Did you mean runs/tiny/base\?$"):
        find_run(Path(typed))
    with pytest.raises(RunError, match=r"Did you mean runs/tiny/base\?$"):
        read_versus([Path(typed), Path("runs/tiny/base")], here / "comparison")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("runs/tin", "there is no folder runs/tin; did you mean 'runs/tiny'?"),
        ("tiny", "there is no folder tiny; did you mean 'runs/tiny'?"),
        ("nobody", "there is no folder nobody. In runs: tiny"),
        ("photos", "expected a ladder's folder of runs, as runs/digits, received photos, which holds none. In "),
        ("runs/tiny/base", "runs/tiny/base is a rung of runs/tiny; write escalera report runs/tiny"),
        ("runs/tiny/base/seed-0", "runs/tiny/base/seed-0 is a run of runs/tiny; write escalera report runs/tiny"),
        ("runs/tiny/figures", "runs/tiny/figures is a folder of runs/tiny; write escalera report runs/tiny"),
        ("runs", "runs is no ladder but holds tiny; write escalera report runs/tiny"),
        ("tiny.yaml", "expected a ladder's folder of runs, as runs/digits, received tiny.yaml. Its runs are in "
         "runs/tiny; write escalera report runs/tiny"),
        ("other.yaml", "expected a ladder's folder of runs, as runs/digits, received other.yaml. It has no runs in "
         "runs/other; write escalera climb other.yaml"),
        ("runs/tiny/ladder.json/", "runs/tiny/ladder.json"),
    ],
)  # fmt: skip
def test_what_is_no_folder_of_a_ladder(here: Path, typed: str, told: str) -> None:
    with pytest.raises(RunError) as refused:
        read_story(Path(typed))
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("runs/tin", "runs/tiny"), ("tiny", "runs/tiny"), ("runs/tiny/bas", "runs/tiny/base"), ("photo", "photos")],
)
def test_what_the_list_of_runs_suggests_can_be_typed(here: Path, typed: str, meant: str) -> None:
    with pytest.raises(RunError, match=f"there is no folder {typed}; did you mean '{meant}'"):
        inventory(Path(typed))
    inventory(Path(meant))
