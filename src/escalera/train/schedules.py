"""Learning-rate schedules: a position in epochs (2.5 is the middle of the third) -> the factor on the learning rate."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, floor, pi

Schedule = Callable[[float], float]


def constant(epochs: int) -> Schedule:
    """Always 1."""
    return lambda position: 1.0


def exponential(epochs: int, *, factor: float = 0.1, every: float = 10.0) -> Schedule:
    """factor ** (epoch / every), changed at the start of each epoch as Keras's scheduler callback does."""
    return lambda position: float(factor ** (floor(position) / every))


def cosine(epochs: int, *, warmup: float = 0.0) -> Schedule:
    """Up along a line for `warmup` epochs, then down to 0 along half a cosine (Loshchilov and Hutter 2017)."""

    def at(position: float) -> float:
        if position < warmup:
            return position / warmup
        return 0.5 * (1 + cos(pi * min(1.0, (position - warmup) / max(epochs - warmup, 1e-9))))

    return at


def linear(epochs: int, *, warmup: float = 0.0) -> Schedule:
    """Up along a line for `warmup` epochs, then down to 0 along another."""

    def at(position: float) -> float:
        if position < warmup:
            return position / warmup
        return max(0.0, 1 - (position - warmup) / max(epochs - warmup, 1e-9))

    return at


def one_cycle(epochs: int, *, warmup: float = 0.3) -> Schedule:
    """From 1/25 up to 1 and down to 1/250,000, both along cosines (Smith 2018); `warmup` is the share of the way up."""
    start, end = 1 / 25, 1 / 250_000

    def between(low: float, high: float, share: float) -> float:
        return low + (high - low) * 0.5 * (1 - cos(pi * share))

    def at(position: float) -> float:
        share = min(1.0, position / epochs)
        if share < warmup:
            return between(start, 1.0, share / warmup)
        return between(1.0, end, (share - warmup) / (1 - warmup))

    return at


SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": constant,
    "exponential": exponential,
    "cosine": cosine,
    "linear": linear,
    "one_cycle": one_cycle,
}
