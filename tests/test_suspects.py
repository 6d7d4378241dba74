"""`explore --labels`: from a source to the table, the page and the ladder that climbs without the suspects."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import timm
from numpy.typing import NDArray
from safetensors.torch import save_file

from escalera import cli
from escalera.core.errors import DataError
from escalera.data.explore.source import explore
from escalera.data.images import Images, ImageSet
from escalera.data.sources.open import open_source
from escalera.evaluate.features import features
from escalera.evaluate.predict import predict
from escalera.experiment.explore import explore_source
from escalera.experiment.suspects import find
from escalera.experiment.suspects import out_of_fold as folds
from escalera.experiment.suspects.find import find_suspects

WRONG = {"train": [0, 7, 14], "test": [3]}


@pytest.fixture
def stripes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures whose rows show 0, 1, 0, 1, ...; some labels of train and one of test are wrong."""
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("ESCALERA_WEIGHTS", raising=False)
    random = np.random.RandomState(0)
    arrays: dict[str, Any] = {}
    for split, rows in (("train", 60), ("test", 20)):
        labels = np.arange(rows) % 2
        labels[WRONG[split]] = 1 - labels[WRONG[split]]
        arrays[f"{split}_images"] = random.randint(0, 256, (rows, 8, 8)).astype(np.uint8)
        arrays[f"{split}_labels"] = labels
    path = tmp_path / "stripes.npz"
    np.savez(path, **arrays)
    return path


@pytest.fixture
def knowing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks that know what the pictures show."""

    def said(
        images: ImageSet, weights: Path | None, folds: NDArray[np.int64], *, tell: Callable[[int, int], object]
    ) -> dict[str, NDArray[np.float64]]:
        assert np.bincount(folds).tolist() == [12] * 5
        tell(1, 5)
        found = {}
        for name, part in images.splits.items():
            rows = np.arange(len(part.labels))
            own = np.where(rows % 5 == 1, 0.7, 0.97)
            found[name] = np.where(np.eye(2)[rows % 2] == 1, own[:, None], 1 - own[:, None])
        return found

    monkeypatch.setattr(find, "out_of_fold", said)


@pytest.mark.usefixtures("knowing")
def test_the_terminal_says_which_network_is_at_work(
    stripes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["explore", str(stripes), "--labels", "--out", str(tmp_path / "out"), "--json", "--lang", "es"]
    monkeypatch.setattr(sys, "argv", ["escalera", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    said = capsys.readouterr()
    assert ended.value.code == 0
    assert said.err == "Buscando etiquetas erróneas: red 1 de 5\n"
    assert json.loads(said.out)["labels"]["folds"] == 5


@pytest.mark.usefixtures("knowing")
def test_the_wrong_labels_are_listed_and_shown(stripes: Path, tmp_path: Path) -> None:
    page, facts = explore_source(str(stripes), out=tmp_path / "out", labels=True, language="es")
    with (page.parent / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    listed = [(row["split"], int(row["row"]), row["given"], row["suggested"]) for row in rows]
    assert sorted(listed) == [
        ("test", 3, "0", "1"),
        ("train", 0, "1", "0"),
        ("train", 7, "0", "1"),
        ("train", 14, "1", "0"),
    ]
    assert facts["labels"]["suspects"] == {"train": 3, "test": 1}
    assert facts["labels"]["share"] == pytest.approx(0.05)
    assert facts["labels"]["by"] is None
    assert json.loads((page.parent / "explore.json").read_text())["labels"] == facts["labels"]
    html = page.read_text(encoding="utf-8")
    section = html[html.index('<section id="labels">') :].partition("</section>")[0]
    assert section.count('class="tile"') == 4
    assert "Etiquetas probablemente erróneas" in section
    assert "{" not in section.replace("{corrections: labels.csv}", "").replace("{drop: labels.csv}", "")


def test_without_the_option_nothing_is_trained(stripes: Path, tmp_path: Path) -> None:
    page, facts = explore_source(str(stripes), out=tmp_path / "out")
    assert "labels" not in facts
    assert '<section id="labels">' not in page.read_text(encoding="utf-8")
    assert not (page.parent / "labels.csv").exists()


def test_a_single_class_has_no_suspects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESCALERA_CACHE", str(tmp_path / "cache"))
    found = explore("digits")
    found.images.splits["train"] = Images(found.images.splits["train"].images, np.zeros(1797, np.int64))
    with pytest.raises(DataError, match="--labels: digits has rows of one class alone: expected two or more"):
        find_suspects(found)
    found.images.classes.clear()
    with pytest.raises(DataError, match="--labels: digits has no classes: expected two or more"):
        find_suspects(found)


def test_networks_are_trained_on_the_other_folds_alone(stripes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "_STEPS", 2)
    monkeypatch.setattr(folds, "EPOCHS", 1)
    learned: list[tuple[int, int]] = []
    told: list[tuple[int, int]] = []

    def fit(network: Any, batches: Any, epochs: int, seed: int) -> None:
        learned.append((batches.images_per_epoch, len(batches)))
        real(network, batches, epochs, seed)

    real = folds._fit
    monkeypatch.setattr(folds, "_fit", fit)
    images = open_source(str(stripes), data_root=None, image_size=None, channels=None)
    cut = np.arange(60) % 5
    found = folds.out_of_fold(images, None, cut, tell=lambda *network: told.append(network))
    assert learned == [(48, 2)] * 5  # few rows, small batches
    assert told == [(number, 5) for number in range(1, 6)]
    assert {name: said.shape for name, said in found.items()} == {"train": (60, 2), "test": (20, 2)}
    for said in found.values():
        assert said.sum(axis=1) == pytest.approx(np.ones(len(said)))
    again = folds.out_of_fold(images, None, cut)
    assert np.array_equal(found["train"], again["train"])


def test_how_sure_a_network_is_of_itself_does_not_matter(stripes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "_STEPS", 2)
    monkeypatch.setattr(folds, "EPOCHS", 1)
    images = open_source(str(stripes), data_root=None, image_size=None, channels=None)
    found = folds.out_of_fold(images, None, np.arange(60) % 5)
    whole = predict

    def surer(*given: Any) -> Any:
        said = whole(*given)
        return type(said)(3 * said.logits, said.labels)

    monkeypatch.setattr(folds, "predict", surer)
    again = folds.out_of_fold(images, None, np.arange(60) % 5)
    for split in found:
        assert again[split] == pytest.approx(found[split], abs=0.02)


def test_rows_of_a_group_are_asked_together() -> None:
    table = pa.table({"house": [f"h{row // 4}" for row in range(24)], "one": ["x"] * 24})
    part = Images(np.zeros((24, 2, 2, 1), np.uint8), np.arange(24) % 2, table)
    images = ImageSet("mine", ["a", "b"], {"train": part})
    cut = find._folds(images, "house")
    assert [len(np.unique(cut[4 * house : 4 * house + 4])) for house in range(6)] == [1] * 6
    assert cut.max() == 4
    with pytest.raises(DataError, match=r"--labels: data\.group 'one' of mine has one value in train: expected two or"):
        find._folds(images, "one")


def test_features_are_computed_once(stripes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tmp_path / "test_resnet.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), weights)
    monkeypatch.setattr(folds, "_STEPS", 2)
    monkeypatch.setattr(folds, "_HEAD_EPOCHS", 1)
    images = open_source(str(stripes), data_root=None, image_size=(32, 32), channels=3)
    whole, times = features, list[int]()

    def counted(*given: Any) -> Any:
        times.append(1)
        return whole(*given)

    monkeypatch.setattr(folds, "features", counted)
    one = folds.out_of_fold(images, weights, np.arange(60) % 5)
    again = folds.out_of_fold(images, weights, np.arange(60) % 5)
    assert len(times) == 2, "train and test, the first time"
    assert np.array_equal(one["train"], again["train"])
