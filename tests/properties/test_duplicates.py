"""Exact copies: every one is found, from either side, wherever its rows stand."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from escalera.data.duplicates.search import SMALLEST, Duplicates, find_duplicates

Pixels = NDArray[np.uint8]


@st.composite
def planted(draw: st.DrawFn, side: int = 4) -> tuple[dict[str, Pixels], list[int]]:
    """Pictures of noise in one to three splits, and for each row which picture it shows: as many are there twice."""
    shown = draw(st.lists(st.integers(0, 11), min_size=2, max_size=30))
    different = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, (12, side, side, 1), np.uint8)
    pictures = different[shown]
    names = ("train", "validation", "test")[: draw(st.integers(1, 3))]
    cuts = sorted(draw(st.lists(st.integers(0, len(shown)), min_size=len(names) - 1, max_size=len(names) - 1)))
    return dict(zip(names, np.split(pictures, cuts), strict=True)), shown


def together(found: Duplicates) -> set[frozenset[int]]:
    """The rows that are copies of one another, each set of them once."""
    rows = np.arange(len(found.same))
    return {frozenset(rows[found.same == first].tolist()) for first in np.unique(found.same)}


@given(planted())
def test_every_copy_is_found_and_nothing_else(drawn: tuple[dict[str, Pixels], list[int]]) -> None:
    splits, shown = drawn
    expected = {frozenset(row for row, other in enumerate(shown) if other == picture) for picture in shown}
    found = find_duplicates(splits)
    assert together(found) == expected
    # Three copies of one picture are two pairs, told by the split and the row within it.
    pairs = list(found.pairs())
    assert len(pairs) == len(shown) - len(set(shown))
    for pair in pairs:
        (first, one), (second, other) = pair.first, pair.second
        assert (pair.kind, pair.distance) == ("exact", 0)
        assert np.array_equal(splits[first][one], splits[second][other])


@given(planted(), st.data())
def test_a_copy_is_found_from_either_side(drawn: tuple[dict[str, Pixels], list[int]], data: st.DataObject) -> None:
    splits, shown = drawn
    found, rows = find_duplicates(splits), len(shown)
    one, other = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, rows - 1))
    here, there = np.arange(rows) == one, np.arange(rows) == other
    are_copies = one != other and shown[one] == shown[other]
    assert found.beside(here)[other] == found.beside(there)[one] == are_copies
    assert found.beside(here, exact=True)[other] == are_copies


@given(planted(), st.data())
def test_the_order_of_the_rows_does_not_matter(drawn: tuple[dict[str, Pixels], list[int]], data: st.DataObject) -> None:
    pictures = np.concatenate(list(drawn[0].values()))
    order = data.draw(st.permutations(range(len(pictures))))
    moved = together(find_duplicates({"train": pictures[order]}))
    assert {frozenset(order[row] for row in rows) for rows in moved} == together(find_duplicates(drawn[0]))


@settings(max_examples=15)
@given(planted(side=SMALLEST), st.data())
def test_copies_among_pictures_whose_likes_are_looked_for_too(
    drawn: tuple[dict[str, Pixels], list[int]], data: st.DataObject
) -> None:
    splits, shown = drawn
    found = find_duplicates(splits)
    assert found.near_searched
    assert [pair.kind for pair in found.pairs()] == ["exact"] * (len(shown) - len(set(shown)))
    order = data.draw(st.permutations(range(len(shown))))
    again = find_duplicates({"train": np.concatenate(list(splits.values()))[order]})
    assert {frozenset(order[row] for row in rows) for rows in together(again)} == together(found)
