"""Sets of the hub that cannot be learned from; the library that loads them is replaced."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from escalera.core.errors import DataError
from escalera.data.sources import hub


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Any]], None]:
    def load(splits: dict[str, Any]) -> None:
        monkeypatch.setattr(datasets, "load_dataset", lambda _: splits)

    return load


def test_a_set_without_pictures_lists_its_columns(given: Callable[[dict[str, Any]], None], tmp_path: Path) -> None:
    given({"train": datasets.Dataset.from_dict({"text": ["a"], "label": [0]})})
    with pytest.raises(DataError) as error:
        hub.fetch("some/texts", tmp_path)
    assert str(error.value) == "some/texts has no column of images; its columns: text, label."


def test_a_set_with_nothing_to_train_on_lists_its_splits(
    given: Callable[[dict[str, Any]], None], tmp_path: Path
) -> None:
    rows = datasets.Dataset.from_dict({"text": ["a"]})
    given({"test": rows, "extra": rows})
    with pytest.raises(DataError) as error:
        hub.fetch("some/set", tmp_path)
    assert str(error.value) == "some/set has no split called train; its splits: test, extra."


def test_what_the_library_says_is_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(_: str) -> None:
        raise ValueError("the script is not allowed")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(DataError) as error:
        hub.fetch("some/set", tmp_path)
    assert str(error.value) == "some/set could not be loaded from the hub: the script is not allowed"
