"""How far a source is read, for whoever wants to hear of it: of many pictures it takes minutes, or an hour.

A variable of the context and no argument, since all the rooms between a command and the decoder would hand it on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Literal

Step = Literal["heads", "decoding", "comparing", "pairs"]
"""Files are looked into without decoding them, or decoded; pictures are compared, and those that resemble each other
laid upon one another."""

Hear = Callable[[Step, int, int], object]
"""Is told, after some pictures, the step, how many are done, and of how many; 0 of 0 once there is no more to hear."""

_HEARS: ContextVar[Hear] = ContextVar("hears", default=lambda step, done, of: None)


@contextlib.contextmanager
def heard(by: Hear) -> Iterator[None]:
    """Tell a listener all that is read within."""
    token = _HEARS.set(by)
    try:
        yield
    finally:
        _HEARS.reset(token)
        by("decoding", 0, 0)  # however it ended


def tell(step: Step, done: int, of: int) -> None:
    """Say how far a step is."""
    _HEARS.get()(step, done, of)
