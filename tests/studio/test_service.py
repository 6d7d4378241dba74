"""The studio without a browser: runs found, pictures answered, models opened from a file."""

import io
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from escalera.core.errors import DataError, RunError
from escalera.core.files import read_json
from escalera.core.rundir import RunDir
from escalera.experiment.results import Run
from escalera.inference import bundle
from escalera.inference.serving.queue import BusyError
from escalera.studio.service import Studio

CNN = "tiny/cnn/seed-0"
Png = Callable[..., bytes]


def test_the_finished_runs_are_listed_in_the_order_of_the_ladder(studio: Studio, runs: Path) -> None:
    found = studio.models()
    assert [(entry.key, entry.label) for entry in found] == [("tiny/mlp/seed-0", "tiny / mlp"), (CNN, "tiny / cnn")]
    assert found[0].accuracy == read_json(runs / "tiny/mlp/seed-0/metrics.json")["test"]["accuracy"]
    RunDir(runs / "tiny/mlp/seed-0").write_record({"state": "running"})
    assert [entry.key for entry in studio.models()] == [CNN]


def test_an_answer_is_what_the_run_itself_says(studio: Studio, runs: Path, png: Png) -> None:
    answer = studio.classify(CNN, [png()]).result()
    pixels = np.array(Image.open(io.BytesIO(png())))[None, ..., None]
    expected = Run(RunDir(runs / CNN)).predict(pixels)[0]
    assert answer.classes == [(str(k), float(expected[k])) for k in np.argsort(-expected, kind="stable")]
    assert answer.label == int(answer.predicted)
    assert answer.seen is not None
    np.testing.assert_array_equal(answer.seen, pixels[0])
    assert answer.to_json(2) == {
        "model": CNN,
        "class": answer.predicted,
        "probability": answer.classes[0][1],
        "classes": [{"name": name, "probability": share} for name, share in answer.classes[:2]],
        "filled_in": [],
        "note": None,
    }


def test_it_says_where_it_looked(studio: Studio, png: Png) -> None:
    map_ = studio.explain(studio.classify(CNN, [png()]).result()).result()
    assert map_ is not None
    assert map_.shape == (4, 4)
    assert studio.explain(studio.classify("tiny/mlp/seed-0", [png()]).result()).result() is None


def test_a_picture_is_shown_larger_than_it_is_seen(studio: Studio, png: Png) -> None:
    assert studio.enlarged(CNN, [png(side=500)]).shape == (320, 320, 1)


@pytest.mark.parametrize(
    "key", ["../x/seed-0", "tiny/cnn/seed-1", "tiny/../../etc", "/etc/passwd", "file:0123456789ab", ""]
)
def test_a_key_that_is_no_run_is_refused(studio: Studio, png: Png, key: str) -> None:
    with pytest.raises(RunError, match="there is no run"):
        studio.classify(key, [png()]).result()


def test_an_unfinished_run_is_refused(studio: Studio, runs: Path, png: Png) -> None:
    RunDir(runs / CNN).write_record({"state": "running"})
    with pytest.raises(RunError, match=f"the run '{CNN}' is running, not done"):
        studio.classify(CNN, [png()]).result()


def test_what_is_no_picture_and_too_few_pictures_are_refused(studio: Studio, png: Png) -> None:
    with pytest.raises(DataError, match="not a picture of a known format"):
        studio.classify(CNN, [b"%PDF-1.4"]).result()
    with pytest.raises(DataError, match=r"looks at 1 picture\(s\): expected as many, received 2"):
        studio.classify(CNN, [png(), png()]).result()


def test_a_run_that_was_trained_again_is_read_again(studio: Studio, runs: Path, png: Png) -> None:
    before = studio.classify(CNN, [png()]).result()
    record = RunDir(runs / CNN).read_record()
    RunDir(runs / CNN).write_record({**record, "data": {**record["data"], "classes": list("abcdefghij")}})
    assert studio.classify(CNN, [png()]).result().predicted == "abcdefghij"[before.label]


def test_only_so_many_models_stay_open(studio: Studio, monkeypatch: pytest.MonkeyPatch, png: Png) -> None:
    monkeypatch.setattr("escalera.studio.service._OPEN", 1)
    for key in ("tiny/mlp/seed-0", CNN):
        studio.classify(key, [png()]).result()
    assert [key for key, _ in studio._predictors] == [CNN]


def test_only_so_many_files_are_offered(studio: Studio) -> None:
    def age(folder: Path, seconds: float) -> None:
        os.utime(folder, (time.time() - seconds,) * 2)

    made = [studio.new_folder() for _ in range(20)]
    assert all(folder.is_dir() for folder in made)  # somebody may write in any of them
    for number, folder in enumerate(made):
        (folder / "model.onnx").write_bytes(b"x")
        age(folder, 10_000 - number)
    age(made[0], 60)  # still being written
    last = studio.new_folder()
    assert [folder for folder in made if folder.is_dir()] == [made[0], *made[6:]]
    assert last.is_dir() and studio.uploads.is_dir()  # where gradio keeps its copies: none of these
    studio.close()
    assert not last.exists() and not studio.uploads.exists()


def test_more_questions_than_may_wait_are_refused(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(studio.queue, "most", 2)
    gate = threading.Event()
    first, second = studio.queue.submit(gate.wait), studio.queue.submit(lambda: 2)
    with pytest.raises(BusyError, match="2 questions wait already"):
        studio.queue.submit(lambda: 3)
    gate.set()
    assert (first.result(), second.result()) == (True, 2)
    # The count is brought down after the result is there.
    studio.queue._worker.submit(lambda: None).result()
    assert studio.queue.submit(lambda: 4).result() == 4


def test_a_model_goes_into_a_file_and_is_opened_from_it(studio: Studio, png: Png, tmp_path: Path) -> None:
    content = bundle.export(studio.of_run(CNN))
    entry = studio.files.open(content, "mine.safetensors")
    assert entry.label == "mine.safetensors"
    assert studio.files.open(content, "again.safetensors") == entry
    assert studio.models()[-1] == entry
    own, opened = (studio.classify(key, [png()]).result() for key in (CNN, entry.key))
    assert own.classes == opened.classes


def test_a_file_that_is_no_model_is_refused_by_its_own_name(studio: Studio) -> None:
    with pytest.raises(RunError, match=r"bad\.safetensors is not a model that Escalera wrote: it cannot be read"):
        studio.files.open(b"not at all", "bad.safetensors")
    assert [entry.key for entry in studio.models()] == ["tiny/mlp/seed-0", CNN]


def test_it_computes_with_one_core_and_leaves_the_others_theirs(studio: Studio) -> None:
    import torch

    before = torch.get_num_threads()
    assert studio.queue.submit(torch.get_num_threads).result() == 1
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == before == torch.get_num_threads()
