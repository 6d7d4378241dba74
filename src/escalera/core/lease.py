"""Who works at something in a folder that several machines share, where locks of files may do nothing.

A lease is a file that its owner writes again and again; one whose beat stands still is anybody's. No clock of another
machine is looked at.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from escalera.core.errors import RunError

BEAT = 1.0
"""Seconds between two beats."""
STALE = 15.0
"""Seconds without a beat after which its owner counts as gone: a network disk may keep what is new for some of them."""
_SETTLES = 0.3
"""Seconds in which somebody else who takes over at the same moment shows."""


@dataclass(frozen=True)
class Holder:
    """Who holds a lease, and how often it has said so."""

    owner: str
    host: str
    process: int
    beat: int = 0


@contextlib.contextmanager
def lease(path: Path, stop: Callable[[], bool], interrupt: Callable[[], None]) -> Iterator[None]:
    """Hold a lease while the body runs, and `interrupt` it once when `stop` says so or somebody else has taken it.

    Waits for one whose beat stands still. Raises RunError, naming its host and process, while another one beats.
    """
    own = Holder(uuid.uuid4().hex, platform.node(), os.getpid())
    _acquire(path, own)
    over = threading.Event()
    beating = threading.Thread(target=_beat, args=(path, own, over, stop, interrupt), daemon=True)
    beating.start()
    try:
        yield
    finally:
        over.set()
        beating.join()
        if _holder(path, own.owner):
            with contextlib.suppress(OSError):
                path.unlink()


def _acquire(path: Path, own: Holder) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError), path.open("x", encoding="utf-8") as file:
        file.write(json.dumps(asdict(own)))
        return
    first, end = _read(path), time.monotonic() + STALE
    while not _is_gone(first) and time.monotonic() < end:
        time.sleep(min(BEAT, STALE) / 4)
        now = _read(path)
        if now is not None and now != first:
            raise RunError(
                f"{now.host} (process {now.process}) is at work at {path.with_suffix('')}. Wait until it is done, or "
                "give this climb a place of its own with --out."
            )
    _write(path, own)
    time.sleep(_SETTLES)
    if not _holder(path, own.owner):
        raise RunError(f"somebody else has begun to work at {path.with_suffix('')} at the same moment")


def _is_gone(holder: Holder | None) -> bool:
    """Whether a process of this machine is over, which needs no waiting; of another machine nobody knows."""
    if holder is None or holder.host != platform.node():
        return False
    import psutil

    return not psutil.pid_exists(holder.process)


def _beat(
    path: Path, own: Holder, over: threading.Event, stop: Callable[[], bool], interrupt: Callable[[], None]
) -> None:
    while not over.wait(BEAT):
        if stop() or not _holder(path, own.owner):
            interrupt()
            return
        own = replace(own, beat=own.beat + 1)
        # A disk that is away for a moment is no reason to stop; what is trained has to be written sooner or later.
        with contextlib.suppress(OSError):
            _write(path, own)


def _holder(path: Path, owner: str) -> bool:
    """Whether a lease is the owner's, as far as can be seen."""
    found = _read(path)
    return found is None or found.owner == owner


def _read(path: Path) -> Holder | None:
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _write(path: Path, holder: Holder) -> None:
    aside = path.with_name(f".{path.name}.{holder.owner}")
    aside.write_text(json.dumps(asdict(holder)), encoding="utf-8")
    aside.replace(path)
