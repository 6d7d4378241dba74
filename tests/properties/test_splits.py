"""Splits: every row is in one of them and in one only, each class gives its share, and no group is torn apart."""

import numpy as np
import pyarrow as pa
from hypothesis import assume, given
from hypothesis import strategies as st

from escalera.core.errors import DataError
from escalera.data.dataset import Dataset
from escalera.data.images import Images, ImageSet
from escalera.data.splits import Rare, split, too_few

SHARES = st.floats(0.01, 0.6)
SEEDS = st.integers(0, 2**40)


def images(labels: list[int], groups: list[str] | None = None) -> Images:
    table = pa.table({"who": groups}) if groups else None
    return Images(np.zeros((len(labels), 1, 1, 1), np.uint8), np.array(labels, np.int64), table)


@st.composite
def sources(draw: st.DrawFn) -> ImageSet:
    """Two to four classes, in any order; some with a test or a validation split of their own."""
    counts = draw(st.lists(st.integers(1, 40), min_size=2, max_size=4))
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    splits = {"train": images(draw(st.permutations(labels)))}
    for name in draw(st.sampled_from([(), ("test",), ("validation",), ("validation", "test")])):
        splits[name] = images(list(range(len(counts))) * 2)
    return ImageSet("drawn", [f"class-{label}" for label in range(len(counts))], splits)


@st.composite
def grouped(draw: st.DrawFn) -> ImageSet:
    """Rows with a label and a group, each drawn by itself or the groups of one class."""
    labels = draw(st.lists(st.integers(0, 2), min_size=6, max_size=60))
    pure = draw(st.booleans())
    names = st.integers(0, draw(st.integers(3, 20)))
    groups = [f"{label if pure else ''}-{draw(names)}" for label in labels]
    return ImageSet("drawn", ["x", "y", "z"], {"train": images(labels, groups)})


def parts(data: Dataset) -> dict[str, list[int]]:
    """The rows of train that each split has."""
    named = {"train": data.train, "validation": data.validation, "test": data.test}
    return {name: part.rows.tolist() for name, part in named.items() if part.origin == "train"}


def sizes(rows: int, shares: dict[str, float]) -> dict[str, int]:
    """What each split gets of a class: the test's share first, then that of validation, of what is left."""
    left, found = rows, dict[str, int]()
    for name in [name for name in ("test", "validation") if name in shares]:
        found[name] = max(1, int(shares[name] * left + 0.5))
        left -= found[name]
    return {**found, "train": left}


@given(sources(), SHARES, SHARES, SEEDS, st.sampled_from(["refuse", "train"]))
def test_every_row_is_in_one_split_and_each_class_gives_its_share(
    source: ImageSet, validation: float, test: float, seed: int, rare: Rare
) -> None:
    shares = {name: share for name, share in (("test", test), ("validation", validation)) if name not in source.splits}
    few = too_few(source, shares)
    try:
        data = split(source, validation=validation, test=test, seed=seed, rare_classes=rare)
    except DataError:
        assert few
        assert rare == "refuse" or len(few) == len(source.classes)
        return
    found = parts(data)
    labels = source.splits["train"].labels
    assert sorted(row for rows in found.values() for row in rows) == list(range(len(labels)))
    assert all(rows == sorted(rows) for rows in found.values())
    for label, name in enumerate(source.classes):
        whole = int((labels == label).sum())
        expected = {"train": whole} if name in few else sizes(whole, shares)
        for part, rows in found.items():
            assert int((labels[rows] == label).sum()) == expected.get(part, 0)
    for name, given_rows in source.splits.items():
        if name != "train":
            part = getattr(data, name)
            assert (part.origin, part.rows.tolist()) == (name, list(range(len(given_rows.labels))))


@given(sources(), SHARES, SEEDS)
def test_the_same_seed_gives_the_same_rows(source: ImageSet, share: float, seed: int) -> None:
    shares = {name: share for name in ("test", "validation") if name not in source.splits}
    assume(len(too_few(source, shares)) < len(source.classes))
    first, again = (
        parts(split(source, validation=share, test=share, seed=seed, rare_classes="train")) for _ in range(2)
    )
    assert first == again


@given(grouped(), SHARES, SHARES, SEEDS)
def test_no_group_is_in_two_splits(source: ImageSet, validation: float, test: float, seed: int) -> None:
    def cut() -> Dataset | None:
        try:
            return split(source, validation=validation, test=test, seed=seed, group="who")
        except DataError:
            return None

    data = cut()
    assume(data is not None)
    assert data is not None
    train, found = source.splits["train"], parts(data)
    assert train.table is not None
    names = train.table["who"].to_pylist()
    assert sorted(row for rows in found.values() for row in rows) == list(range(len(names)))
    assert all(found.values())
    groups = [{names[row] for row in rows} for rows in found.values()]
    assert sum(map(len, groups)) == len(set(names))
    # Train learns every class that there is.
    assert set(train.labels[found["train"]]) == set(train.labels)
    again = cut()
    assert again is not None
    assert parts(again) == found
