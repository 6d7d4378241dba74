"""The speed of a network: warm, repeated, two figures, or none at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

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


def measured(clock: list[float], seconds: Iterator[float] | float) -> tuple[float | None, list[int]]:
    network = torch.nn.Linear(3, 2)
    sizes: list[int] = []
    times = seconds if not isinstance(seconds, float) else itertools.repeat(seconds)

    def answer(inputs: Inputs) -> None:
        assert not network.training and torch.is_inference_mode_enabled()
        sizes.append(len(inputs))
        clock[0] += next(times)

    found = rows_per_second(network, answer, (1, 1, 3))
    assert network.training
    return found, sizes


def test_the_median_of_what_comes_after_warming_up(clock: list[float]) -> None:
    # The first three calls are slow: weights are read, memory is found.
    times = itertools.chain([9.0, 0.0001, 9.0], itertools.cycle([0.0101, 0.0100, 0.0102, 0.0099]))
    found, sizes = measured(clock, times)
    assert sizes[:3] == [1, 1, 256]
    assert len(sizes) == 3 + 7
    assert found == 25_000  # 256 / 0.0101 is 25,346: two figures


def test_a_fast_network_is_asked_until_enough_was_measured(clock: list[float]) -> None:
    found, sizes = measured(clock, 0.001)
    assert sizes[2] == 50  # as many as take 50 ms one by one
    assert len(sizes) == 3 + 50
    assert found == 50_000


def test_a_slow_network_is_asked_row_by_row(clock: list[float]) -> None:
    found, sizes = measured(clock, 0.25)
    assert set(sizes) == {1} and len(sizes) == 10
    assert found == 4


@pytest.mark.parametrize("seconds", [0.6, itertools.cycle([0.01, 0.02, 0.03])])
def test_too_little_or_too_uneven_is_no_figure(clock: list[float], seconds: float | Iterator[float]) -> None:
    assert measured(clock, seconds)[0] is None
