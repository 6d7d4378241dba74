"""Ctrl-C from within, and SIGTERM as a kind of it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from escalera.core.errors import Terminated


def interrupt_main() -> None:
    """Do to the main thread what Ctrl-C does, also while it waits for something."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:  # Windows
        signal.raise_signal(signal.SIGINT)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends what is at work as Ctrl-C does."""

    def end(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
