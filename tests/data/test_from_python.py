"""Arrays of a Python program as a source."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import escalera as esc
from escalera.core.errors import DataError, EscaleraError
from escalera.core.translation import translate
from escalera.data.cache import folders, inventory
from escalera.data.sources.from_python import keep_arrays
from escalera.data.sources.open import open_source

RANDOM = np.random.default_rng(0)
LABELS = np.arange(60) % 3
IMAGES = (RANDOM.integers(0, 90, (60, 6, 5, 3)) + 60 * LABELS[:, None, None, None]).astype(np.uint8)
DATA = {"train": (IMAGES[:36], LABELS[:36]), "test": (IMAGES[36:], LABELS[36:])}
LADDER: dict[str, Any] = {
    "name": "mine",
    "data": {"validation": 0.25},
    "rungs": [{"name": "mlp", "model": {"kind": "mlp", "dense": [8]}, "train": {"epochs": 2}}],
}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def opened(data: Any) -> Any:
    return open_source(str(keep_arrays(data)), data_root=None, image_size=None, channels=None)


def test_arrays_come_back_as_they_were() -> None:
    found = opened(DATA)
    assert (list(found.splits), found.classes, found.notes) == (["train", "test"], ["0", "1", "2"], ())
    for split, (images, labels) in DATA.items():
        np.testing.assert_array_equal(found.splits[split].images, images)
        np.testing.assert_array_equal(found.splits[split].labels, labels)


@pytest.mark.parametrize(
    ("images", "labels", "classes"),
    [
        (IMAGES[..., 0], LABELS.tolist(), ["0", "1", "2"]),
        (IMAGES[..., 0].tolist(), LABELS.astype(float), ["0", "1", "2"]),
        (np.moveaxis(IMAGES, 3, 1), np.eye(3)[LABELS], ["0", "1", "2"]),
        (IMAGES[..., 0].reshape(60, 30)[:, :25], LABELS[:, None], ["0", "1", "2"]),
        (torch.from_numpy(IMAGES), torch.from_numpy(LABELS), ["0", "1", "2"]),
        (IMAGES[::1, ::-1], pd.Series(["cat", "dog", "owl"] * 20), ["cat", "dog", "owl"]),
        (IMAGES, ["cat", "dog", "ñu"] * 20, ["cat", "dog", "ñu"]),
        (IMAGES, pd.Categorical(["cat", "dog", "owl"] * 20), ["cat", "dog", "owl"]),
    ],
)
def test_what_numpy_makes_an_array_of(images: Any, labels: Any, classes: list[str]) -> None:
    found = opened({"train": (images, labels)})
    assert found.classes == classes
    assert found.splits["train"].labels.tolist() == LABELS.tolist()


def test_pil_images_are_decoded_as_those_of_files() -> None:
    colours, grey = [Image.fromarray(one) for one in IMAGES[:3]], [Image.fromarray(one[..., 0]) for one in IMAGES[:3]]
    palettes = [Image.fromarray(one[..., 0]).convert("P") for one in IMAGES[:3]]
    clear = [one.convert("RGBA") for one in colours]
    clear[0].putalpha(0)
    for given, expected in (
        (colours, IMAGES[:3]),
        (grey, IMAGES[:3, ..., 0]),
        (palettes, IMAGES[:3, ..., :1].repeat(3, axis=3)),
        ([one.convert("CMYK") for one in colours], IMAGES[:3]),
        (clear, [np.full((6, 5, 3), 255), *IMAGES[1:3]]),
        ([grey[0], colours[1]], [IMAGES[0, ..., :1].repeat(3, axis=2), IMAGES[1]]),
        ([Image.fromarray(np.full((6, 5), 3000, np.uint16))], np.full((1, 6, 5), 3000)),
    ):
        found = np.load(keep_arrays({"train": (given, LABELS[: len(given)])}) / "arrays.npz")["train_images"]
        np.testing.assert_array_equal(found, expected)


def test_tensors_that_learn_or_hold_bfloat16_are_arrays_too() -> None:
    one = torch.full((60, 4, 4), 3.0, dtype=torch.bfloat16, requires_grad=True)
    for given in (one, list(one)):
        found = np.load(keep_arrays({"train": (given, LABELS)}) / "arrays.npz")["train_images"]
        np.testing.assert_array_equal(found, np.full((60, 4, 4), 3, np.float32))


def test_a_source_beside_arrays_is_refused() -> None:
    for sets in ("data.source=digits", {"train.epochs": 1, "data.source": "digits"}):
        with pytest.raises(EscaleraError, match=r"sets: data\.source: expected no source beside data"):
            esc.load_ladder(LADDER, sets, data=DATA)


def test_errors_name_the_arrays_not_the_folder_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "my cache"))
    other = (IMAGES[36:], LABELS[36:] + 7)
    for data, told in (
        ({"train": (IMAGES / 255, LABELS)}, "data: train: images: expected whole numbers from 0 to 255"),
        ({**DATA, "test": (np.full((24, 6, 5), np.nan), LABELS[36:])}, "data: test: images holds values that are not"),
        ({"train": (np.zeros((60, 7), np.uint8), LABELS)}, "data: train: images: 7 pixels in each row make no square"),
        ({"train": (IMAGES, LABELS * 0)}, "data has a single class, '0'."),
        ({**DATA, "test": other}, "data: class '7' is in test"),
    ):
        with pytest.raises(DataError) as error:
            esc.climb(LADDER, data=data, quiet=True)
        assert str(error.value).startswith(told)


def test_the_same_arrays_are_the_same_source() -> None:
    one = keep_arrays(DATA)
    pair: Any = list(DATA["train"])
    assert one == keep_arrays({"test": DATA["test"], "train": pair}) and one.is_absolute()
    assert re.fullmatch("arrays-[0-9a-f]{20}", one.name)
    changed = IMAGES[:36].copy()
    changed[0, 0, 0, 0] += 1
    others: list[dict[str, tuple[Any, Any]]] = [
        {**DATA, "train": (changed, LABELS[:36])},
        {**DATA, "train": (IMAGES[:36], LABELS[:36].astype(np.int32))},
        {"train": DATA["train"], "validation": DATA["test"]},
        {"train": DATA["train"]},
    ]
    assert len({one, *map(keep_arrays, others)}) == 5


def test_the_cache_lists_and_removes_them() -> None:
    place = keep_arrays(DATA)
    [entry] = inventory.entries(folders.cache_root())
    assert (entry.kind, entry.source, entry.name) == ("given", place.name, place.name)
    assert entry.bytes > IMAGES.nbytes
    inventory.clear(folders.cache_root(), [place.name])
    assert not place.exists()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ([IMAGES], "data: expected {'train': (images, labels), ...}, received [array("),
        ({"tets": DATA["test"]}, "data: unknown split 'tets'; did you mean 'test'?"),
        ({1: DATA["test"]}, "data: unknown split 1; known: train, validation, test"),
        ({"test": DATA["test"]}, "data: expected images and labels of train, received those of test."),
        ({}, "data: expected images and labels of train, received those of none."),
        ({"train": IMAGES}, "data: train: expected a pair (images, labels), received ndarray (60, 6, 5, 3)."),
        ({"train": (IMAGES,)}, "data: train: expected a pair (images, labels), received (array("),
        (
            {**DATA, "test": (IMAGES[..., :2], LABELS)},
            "data: test: expected images of shape (N, H, W), (N, H, W, C) or (N, C, H, W) with C 1, 3 or 4, or (N, D), "
            "of numbers, received (60, 6, 5, 2) of uint8.",
        ),
        ({"train": (IMAGES[:0], LABELS[:0])}, "received (0, 6, 5, 3) of uint8, where there is no image."),
        ({"train": (LABELS, LABELS)}, "received (60,) of int64."),
        ({"train": (LABELS[:, None], LABELS)}, "received (60, 1) of int64."),
        ({"train": (["a.png"], [0])}, "received (1,) of <U5."),
        ({"train": (None, [0])}, "received () of object."),
        (
            {"train": (IMAGES, LABELS[:9])},
            "data: train: labels: expected 60 labels, one for each image, as whole numbers, texts, or rows with one 1; "
            "found shape (9,) of int64.",
        ),
        ({"train": (IMAGES, [object()] * 60)}, "found shape (60,) of object."),
        (
            {"train": (IMAGES, [*LABELS[:58].tolist(), None, None])},
            "data: train: labels: there is no label (None or NaN) at 2 of 60 rows, counted from 0: 58, 59. Give each a",
        ),
        (
            {"train": (IMAGES, pd.Series(["a", "b", np.nan] * 20))},
            "at 20 of 60 rows, counted from 0: 2, 5, 8, 11, 14, ...",
        ),
        ({"train": (IMAGES, pd.array([1, 2, None] * 20, "Int64"))}, "at 20 of 60 rows"),
        ({"train": (IMAGES, LABELS + 0.5)}, "data: train: labels: 0.5 in row 0 is no label but a number"),
        (
            {"train": (IMAGES, np.array([b"\xff"] * 60))},
            "data: train: labels: expected texts in UTF-8, received other bytes ('utf-8' codec",
        ),
        (
            {"train": ([[1, 2], [1]], [0, 1])},
            "data: train: images: expected an array that numpy reads, received [[1, 2], [1]] (list): its parts have "
            "several sizes",
        ),
        (
            {"train": ([IMAGES[0], IMAGES[0, 1:]], [0, 1])},
            "data: train: images: expected arrays of one shape, received (6, 5, 3) and (5, 5, 3). Resize them, or name",
        ),
        ({"train": ([Image.new("L", (5, 6)), Image.new("RGB", (6, 5))], [0, 1])}, "received (6, 5, 3) and (5, 6, 3)."),
        ({"train": ([Image.new("L", (5, 0))], [0])}, "data: train: images[0]: there is no pixel in it: it is 5x0."),
    ],
)
def test_what_is_no_data_is_told(data: Any, told: str) -> None:
    with pytest.raises(DataError) as error:
        esc.load_ladder(LADDER, data=data)
    assert told in str(error.value)
    assert not folders.cache_root().exists()
    in_spanish = translate(str(error.value), "es")
    assert in_spanish != str(error.value) and "expected" not in in_spanish, in_spanish


def test_numbers_that_are_no_bytes_are_told_before_anything_is_trained() -> None:
    data = {"train": (IMAGES / 255, LABELS)}
    with pytest.raises(DataError, match=r"expected whole numbers from 0 to 255, found 0 to .* as data.range: \[0, "):
        esc.climb(LADDER, sets="data.test=0.3", data=data, quiet=True)
    assert esc.climb(LADDER, sets=["data.test=0.3", "data.range=[0, 1]"], data=data, quiet=True).failed == []


def test_an_mlp_climbs_from_arrays_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    whole = esc.climb(LADDER, data=DATA, out="whole", quiet=True)["mlp"]
    assert whole.metrics["test"]["accuracy"] > 0
    with monkeypatch.context() as patch:
        patch.setattr("escalera.train.callbacks.History.on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            esc.climb(LADDER, data=DATA, quiet=True)
    assert not Path("runs/mine/mlp/seed-0/metrics.json").exists()
    runs = esc.climb(LADDER, data=DATA, quiet=True)
    assert (runs["mlp"].state, list(runs.history()["epoch"])) == ("done", [1, 2])
    assert runs["mlp"].metrics == whole.metrics
    # Finished runs stay, though the cache be emptied; other arrays are another training.
    inventory.clear(folders.cache_root())
    before = runs["mlp"].dir.read_record()
    assert esc.climb(LADDER, data=DATA, quiet=True)["mlp"].dir.read_record() == before
    other = {**DATA, "train": (IMAGES[:36][::-1], LABELS[:36])}
    assert esc.climb(LADDER, data=other, quiet=True)["mlp"].dir.read_record() != before
    assert runs["mlp"].predict(IMAGES[:2]).shape == (2, 3)


def test_arrays_take_the_place_of_a_ladders_own_source() -> None:
    data = {"train": (IMAGES[..., 0], LABELS)}
    source = str(keep_arrays(data))
    for ladder in ("digits", {**LADDER, "data": {"source": "cifar10"}}):
        reading = esc.load_ladder(ladder, "data.test=0.5", data=data)
        assert {rung.config.data.source for rung in reading.rungs} == {source}
        assert {rung.config.data.test for rung in reading.rungs} == {0.5}


def test_arrays_are_explored() -> None:
    found = esc.explore(DATA)
    assert found["splits"]["test"] == {"rows": 24, "classes": {"0": 8, "1": 8, "2": 8}}
    assert found.page == Path("explored") / keep_arrays(DATA).name / "explore.html"
