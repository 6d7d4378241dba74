"""Who works at something in a place that several machines share, where locks of files may do nothing.

A lease is a file, or an object at a URL, that its owner writes again and again; one whose beat stands still is
anybody's. No clock of another machine is looked at.
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
from typing import Protocol

from escalera.core.errors import EscaleraError, RunError
from escalera.core.store import Store

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


class Slip(Protocol):
    """Where a lease is written; `of` is what it is for, as people call it."""

    of: str

    def create(self, text: str) -> bool:
        """Write it where there is none, and whether that was so."""

    def read(self) -> str:
        """What it holds; raises OSError where there is none."""

    def write(self, text: str, owner: str) -> None:
        """Write it, whole."""

    def remove(self) -> None:
        """Take it away."""


class File:
    """A lease that is a file."""

    def __init__(self, path: Path) -> None:
        self.path, self.of = path, str(path.with_suffix(""))

    def create(self, text: str) -> bool:
        """Write it where there is none; of two at the same moment the system lets one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), self.path.open("x", encoding="utf-8") as file:
            file.write(text)
            return True
        return False

    def read(self) -> str:
        """What it holds."""
        return self.path.read_text(encoding="utf-8")

    def write(self, text: str, owner: str) -> None:
        """Write it aside, and rename it."""
        aside = self.path.with_name(f".{self.path.name}.{owner}")
        aside.write_text(text, encoding="utf-8")
        aside.replace(self.path)

    def remove(self) -> None:
        """Take it away."""
        self.path.unlink()


class Object:
    """A lease that is an object at a URL: of two at the same moment both write, and the last one has it."""

    def __init__(self, store: Store, name: str, of: str) -> None:
        self.store, self.name, self.of = store, name, of

    def create(self, text: str) -> bool:
        """Write it where there is none, and look a moment later whose it is."""
        if self.store.read(self.name) is not None:
            return False
        self.store.write(self.name, text.encode())
        time.sleep(_SETTLES)
        return self.store.read(self.name) == text.encode()

    def read(self) -> str:
        """What it holds."""
        with _as_of_a_disk():
            found = self.store.read(self.name)
        if found is None:
            raise FileNotFoundError(self.name)
        return found.decode()

    def write(self, text: str, owner: str) -> None:
        """Write it."""
        with _as_of_a_disk():
            self.store.write(self.name, text.encode())

    def remove(self) -> None:
        """Take it away."""
        with _as_of_a_disk():
            self.store.remove(self.name)


@contextlib.contextmanager
def _as_of_a_disk() -> Iterator[None]:
    """A store that is away is a disk that is away."""
    try:
        yield
    except EscaleraError as error:
        raise OSError(str(error)) from error


@contextlib.contextmanager
def lease(
    place: Path | Slip, stop: Callable[[], bool], interrupt: Callable[[], None], every: float = 0
) -> Iterator[None]:
    """Hold a lease while the body runs, and `interrupt` it once when `stop` says so or somebody else has taken it.

    It beats `every` so many seconds, BEAT unless that is said. Waits for one whose beat stands still. Raises RunError,
    naming its host and process, while another one beats.
    """
    slip = File(place) if isinstance(place, Path) else place
    own = Holder(uuid.uuid4().hex, platform.node(), os.getpid())
    _acquire(slip, own)
    over = threading.Event()
    beating = threading.Thread(target=_beat, args=(slip, own, over, stop, interrupt, every), daemon=True)
    beating.start()
    try:
        yield
    finally:
        over.set()
        beating.join()
        if _holder(slip, own.owner):
            with contextlib.suppress(OSError):
                slip.remove()


def _acquire(slip: Slip, own: Holder) -> None:
    if slip.create(json.dumps(asdict(own))):
        return
    first, end = _read(slip), time.monotonic() + STALE
    while not _is_gone(first) and time.monotonic() < end:
        time.sleep(min(BEAT, STALE) / 4)
        now = _read(slip)
        if now is not None and now != first:
            raise RunError(
                f"{now.host} (process {now.process}) is at work at {slip.of}. Wait until it is done, or "
                "give this climb a place of its own with --out."
            )
    _write(slip, own)
    time.sleep(_SETTLES)
    if not _holder(slip, own.owner):
        raise RunError(
            f"somebody else has begun to work at {slip.of} at the same moment. Wait until they are done, or give this "
            "climb a place of its own with --out."
        )


def _is_gone(holder: Holder | None) -> bool:
    """Whether a process of this machine is over, which needs no waiting; of another machine nobody knows."""
    if holder is None or holder.host != platform.node():
        return False
    import psutil

    return not psutil.pid_exists(holder.process)


def _beat(
    slip: Slip,
    own: Holder,
    over: threading.Event,
    stop: Callable[[], bool],
    interrupt: Callable[[], None],
    every: float,
) -> None:
    while not over.wait(every or BEAT):
        if stop() or not _holder(slip, own.owner):
            interrupt()
            return
        own = replace(own, beat=own.beat + 1)
        # A disk that is away for a moment is no reason to stop; what is trained has to be written sooner or later.
        with contextlib.suppress(OSError):
            _write(slip, own)


def _holder(slip: Slip, owner: str) -> bool:
    """Whether a lease is the owner's, as far as can be seen."""
    found = _read(slip)
    return found is None or found.owner == owner


def _read(slip: Slip) -> Holder | None:
    try:
        return Holder(**json.loads(slip.read()))
    except (OSError, ValueError, TypeError):
        return None


def _write(slip: Slip, holder: Holder) -> None:
    slip.write(json.dumps(asdict(holder)), holder.owner)
