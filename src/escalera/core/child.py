"""Processes that work for this one."""

from __future__ import annotations

import subprocess
from typing import IO, Any

APART: dict[str, Any] = {
    "start_new_session": True,
    "creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same on Windows
}
"""How Popen begins a process that a terminal's Ctrl-C does not reach: its parent hears it, and stops it."""


def thread_limits(threads: int) -> dict[str, str]:
    """The environment in which libraries take so many threads, which they look up when they are loaded."""
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))


def last_line(log: IO[bytes]) -> str:
    """What a process has written last into its log, of which 500 letters count; "" where it has written nothing."""
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    return lines[-1][:500] if lines else ""
