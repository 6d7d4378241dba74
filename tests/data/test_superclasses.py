"""The super-class of each class, where a set has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from escalera.data.dataset import Dataset, Split
from escalera.data.sources.open import open_source
from escalera.data.sources.superclasses import superclasses
from escalera.data.splits import split


def dataset(name: str, groups: list[int] | None, labels: list[int]) -> Dataset:
    table = None if groups is None else pa.table({"coarse_label": groups})
    part = Split(np.zeros((len(labels), 2, 2, 1), np.uint8), np.array(labels), np.arange(len(labels)), table)
    return Dataset(name, ["a", "b", "c"], part, part, part)


def test_the_most_frequent_group_of_each_class() -> None:
    found = superclasses(dataset("cifar100", [1, 1, 0, 7, 2], [0, 0, 0, 1, 2]))
    assert found == ["fish", "insects", "flowers"]


@pytest.mark.parametrize(
    "data",
    [
        dataset("mnist", [0], [0]),
        dataset("cifar100", None, [0]),
        dataset("cifar100", [20], [0]),
        dataset("x", [0], [0]),
    ],
)
def test_a_set_without_them(data: Dataset) -> None:
    assert superclasses(data) is None


@pytest.mark.slow
@pytest.mark.data
def test_those_of_cifar100(real_data: Path) -> None:
    images = open_source("cifar100", data_root=real_data, image_size=None, channels=None)
    data = split(images, validation=0.1, test=0.1, seed=0)
    found = superclasses(data)
    assert found is not None and len(set(found)) == 20
    named = dict(zip(data.classes, found, strict=True))
    assert named["beaver"] == named["whale"] == "aquatic mammals"
    assert named["streetcar"] == "vehicles 2"
    assert all(found.count(group) == 5 for group in found)
