"""`explore --labels`: from a source to the table, the page and the ladder that climbs without the suspects."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from escalera.core.errors import DataError
from escalera.data.explore.source import explore
from escalera.data.images import Images
from escalera.data.sources.open import open_source
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

    def said(splits: Mapping[str, Images], classes: int, weights: Path | None) -> dict[str, NDArray[np.float64]]:
        return {name: np.eye(2)[np.arange(len(part.labels)) % 2] * 0.8 + 0.1 for name, part in splits.items()}

    monkeypatch.setattr(find, "out_of_fold", said)


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


def test_a_row_is_asked_of_those_that_have_not_learned_from_it() -> None:
    labels = np.repeat([0, 1, 2], [10, 7, 3])
    found = folds.folds_of(labels, 5, 0)
    assert np.bincount(found).tolist() == [4, 4, 4, 4, 4]
    assert [len(np.unique(found[labels == label])) for label in range(3)] == [5, 5, 3]
    assert np.array_equal(found, folds.folds_of(labels, 5, 0))


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
    learned: list[int] = []

    def fit(network: Any, batches: Any, epochs: int, seed: int) -> None:
        learned.append(batches.images_per_epoch)
        real(network, batches, epochs, seed)

    real = folds._fit
    monkeypatch.setattr(folds, "_fit", fit)
    splits = open_source(str(stripes), data_root=None, image_size=None, channels=None).splits
    found = folds.out_of_fold(splits, 2, None)
    assert learned == [48] * 5
    assert {name: said.shape for name, said in found.items()} == {"train": (60, 2), "test": (20, 2)}
    for said in found.values():
        assert said.sum(axis=1) == pytest.approx(np.ones(len(said)))
    again = folds.out_of_fold(splits, 2, None)
    assert np.array_equal(found["train"], again["train"])
