"""Which run is asked, and what is said when there is none."""

import json
from pathlib import Path

import pytest

import escalera as esc
from escalera.core.errors import RunError
from escalera.inference.files import find_run


def put(folder: Path, state: str = "done") -> Path:
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"state": state}))
    return folder


def test_a_rung_stands_for_its_first_seed(tmp_path: Path) -> None:
    tenth, second = put(tmp_path / "cnn" / "seed-10"), put(tmp_path / "cnn" / "seed-2")
    put(tmp_path / "cnn" / "seed-0.previous")
    assert find_run(tmp_path / "cnn").path == second
    assert find_run(tenth).path == tenth


def test_a_folder_without_a_run_names_the_rungs_below_it(tmp_path: Path) -> None:
    with pytest.raises(RunError) as error:
        find_run(tmp_path)
    assert str(error.value) == f"expected the folder of a run, as runs/digits/cnn, received {tmp_path}."
    put(tmp_path / "cnn" / "seed-0")
    put(tmp_path / "base" / "seed-0")
    with pytest.raises(RunError) as error:
        find_run(tmp_path)
    assert str(error.value).endswith(f" It holds the rungs base, cnn: name one, as {tmp_path}/base.")


def test_a_run_that_is_not_done(tmp_path: Path) -> None:
    folder = put(tmp_path / "cnn" / "seed-0", "failed")
    with pytest.raises(RunError) as error:
        find_run(tmp_path / "cnn")
    assert str(error.value) == f"{folder} is failed, not done. Climb its ladder again to finish it."
    (folder / "run.json").write_text(json.dumps({"state": "failed", "error": "the loss became nan."}))
    with pytest.raises(RunError) as error:
        find_run(folder)
    assert str(error.value) == f"{folder} failed: the loss became nan. Climb its ladder again to finish it."


def test_the_package_has_what_it_says_and_no_more() -> None:
    assert callable(esc.climb)
    with pytest.raises(AttributeError, match="module 'escalera' has no attribute 'clim'"):
        _ = esc.clim
