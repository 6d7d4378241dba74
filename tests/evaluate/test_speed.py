"""The speed of a network: warm, repeated, two figures, or none at all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator

import pytest
import torch

from escalera.evaluate.speed import rows_per_second
from escalera.models.inputs import Inputs


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """A clock that the network moves on: no real time decides here."""
    passed = [0.0]
    monkeypatch.setattr("escalera.evaluate.speed.time.perf_counter", lambda: passed[0])
    yield passed


def measured(clock: list[float], seconds: Callable[[int], float]) -> tuple[float | None, list[int]]:
    network = torch.nn.Linear(3, 2)
    sizes: list[int] = []

    def answer(inputs: Inputs) -> None:
        assert not network.training and torch.is_inference_mode_enabled()
        sizes.append(len(inputs))
        clock[0] += seconds(len(inputs))

    found = rows_per_second(network, answer, (1, 1, 3))
    assert network.training
    return found, sizes


def in_turn(seconds: Iterable[float]) -> Callable[[int], float]:
    times = iter(seconds)
    return lambda _rows: next(times)


def test_the_median_of_what_comes_after_warming_up(clock: list[float]) -> None:
    # The first call with each number of rows is slow: memory is found, a kernel is chosen.
    warming = [9.0, 0.0001] * 4 + [9.0]
    found, sizes = measured(clock, in_turn([*warming, *[0.0101, 0.0100, 0.0102, 0.0099, 0.0101, 0.0100, 0.0102]]))
    assert sizes == [1, 1, 4, 4, 16, 16, 64, 64, 256, *[256] * 7]
    assert found == 25_000  # 256 / 0.0101 is 25,346: two figures


def test_a_fast_network_is_asked_until_enough_was_measured(clock: list[float]) -> None:
    found, sizes = measured(clock, lambda _rows: 0.001)
    assert sizes.count(256) == 1 + 50
    assert found == 260_000


def test_a_batch_grows_while_it_takes_little(clock: list[float]) -> None:
    # What a call takes beside its rows weighs less the more there are: by one row this would be 25 in a second.
    found, sizes = measured(clock, lambda rows: 0.03 + 0.01 * rows)
    assert sizes == [1, 1, 4, 4, 16, 16, *[16] * 7]
    assert found == 84


def test_a_slow_network_is_asked_row_by_row(clock: list[float]) -> None:
    found, sizes = measured(clock, lambda _rows: 0.25)
    assert sizes == [1] * 9
    assert found == 4


@pytest.mark.parametrize("seconds", [itertools.repeat(0.6), itertools.cycle([0.01, 0.02, 0.03])])
def test_too_little_or_too_uneven_is_no_figure(clock: list[float], seconds: Iterator[float]) -> None:
    assert measured(clock, in_turn(seconds))[0] is None
