"""Holm's correction: what its definition says, whatever the order in which the comparisons come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalera.evaluate.compare import holm

P_VALUES = st.lists(st.floats(0, 1), max_size=12)


def naive(p_values: list[float]) -> list[float]:
    """The definition (Holm 1979), word by word: the largest of (m - j) p_j over all p_j that are no larger."""
    ranked = sorted(p_values)
    scaled = [min(1.0, (len(ranked) - rank) * p) for rank, p in enumerate(ranked)]
    return [max(scaled[: len([other for other in ranked if other <= p])]) for p in p_values]


@given(P_VALUES)
def test_it_is_the_definition(p_values: list[float]) -> None:
    assert holm(p_values) == naive(p_values)


@given(P_VALUES)
def test_no_p_becomes_smaller_and_none_exceeds_one(p_values: list[float]) -> None:
    assert all(p <= adjusted <= 1 for p, adjusted in zip(p_values, holm(p_values), strict=True))


@given(P_VALUES)
def test_a_larger_p_is_never_below_a_smaller_one(p_values: list[float]) -> None:
    pairs = sorted(zip(p_values, holm(p_values), strict=True))
    assert [adjusted for _, adjusted in pairs] == sorted(adjusted for _, adjusted in pairs)


@given(P_VALUES.flatmap(lambda p_values: st.tuples(st.just(p_values), st.permutations(range(len(p_values))))))
def test_the_order_of_the_comparisons_does_not_matter(drawn: tuple[list[float], list[int]]) -> None:
    p_values, order = drawn
    adjusted = holm(p_values)
    assert holm([p_values[i] for i in order]) == pytest.approx([adjusted[i] for i in order], abs=0)


@given(st.floats(0, 1))
def test_a_single_comparison_stays_as_it_is(p: float) -> None:
    assert holm([p]) == [p]
