"""Ctrl-C from within: a thread that hears of it stops what the main thread does."""

from __future__ import annotations

import signal
import threading


def interrupt_main() -> None:
    """Do to the main thread what Ctrl-C does, also while it waits for something."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:  # Windows
        signal.raise_signal(signal.SIGINT)
