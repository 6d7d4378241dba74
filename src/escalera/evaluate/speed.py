"""How fast a network answers: the median of repeated batches once all is warm, or nothing where too few were seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn

from escalera.models.inputs import Inputs, blank

_LARGEST, _GROWTH = 256, 4
"""Rows of a batch, where the network is fast enough, and how many times as many the next one has."""
_SHORT, _ENOUGH, _PATIENCE = 0.1, 0.05, 3.0
"""Seconds up to which a batch is made larger, that are measured at least, and after which nobody waits any longer."""
_CALLS = 7
_APART = 0.5
"""How far apart the quartiles may lie, in medians: beyond that the machine is too busy for a figure to mean much."""


def rows_per_second(
    network: nn.Module, answer: Callable[[Inputs], object], image_shape: tuple[int, int, int], attributes: int = 0
) -> float | None:
    """To two figures, how many rows (see `models.inputs.blank`) are answered in a second; the rows are made up.

    `answer` is what is made of a batch with the network. None where that takes too long to be repeated, or takes now
    so long and now so long.
    """
    device = next(network.parameters()).device

    def answered(inputs: Inputs) -> None:
        answer(inputs)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    was_training = network.training
    network.eval()
    with torch.inference_mode():
        rows, batch = 1, blank(image_shape, attributes, device)
        answered(batch)
        while rows < _LARGEST and _timed(partial(answered, batch)) <= _SHORT:
            rows = min(_GROWTH * rows, _LARGEST)
            batch = blank(image_shape, attributes, device, rows)
            answered(batch)
        times = timed(partial(answered, batch))
    network.train(was_training)
    return _figure(rows, times) if len(times) >= _CALLS else None


def timed(call: Callable[[], object]) -> list[float]:
    """Seconds of calls that are repeated once all is warm: of seven at least, unless three seconds are over before."""
    times: list[float] = []
    while len(times) < _CALLS or sum(times) < _ENOUGH:
        times.append(_timed(call))
        if sum(times) > _PATIENCE:
            break
    return times


def _timed(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _figure(rows: int, times: list[float]) -> float | None:
    low, middle, high = np.quantile(times, [0.25, 0.5, 0.75])
    return None if high - low > _APART * middle else float(f"{rows / middle:.2g}")
