"""One climb at a time in a folder, and one process after the other, on any system."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from escalera.core.errors import RunError

HOLDER = ".lock-holder"
"""The file in which whoever holds a folder leaves its number; it stays there afterwards."""
_LOCK = ".lock"


@contextlib.contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone; the system lets go of it when the process ends, however it ends.

    A folder that was made for it and in which nothing was put is taken away again, so that of a ladder that is refused
    nothing stays.
    Raises RunError, naming the other process, when one holds it already, and where nothing can be written or locked.
    """
    import filelock

    held = filelock.FileLock(folder / _LOCK)
    # Its number has a file of its own: Windows lets nobody read a file that is locked, and the lock empties it.
    holder = folder / HOLDER
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held.acquire(timeout=0)
        holder.write_text(str(os.getpid()), encoding="ascii")
    except filelock.Timeout:
        raise RunError(
            f"another climb (process {_read(holder) or 'unknown'}) is at work in {folder}. "
            "Wait until it is done, or give this one a place of its own with --out."
        ) from None
    except (OSError, NotImplementedError) as error:
        held.release()
        reason = getattr(error, "strerror", None) or error
        raise RunError(f"could not write in {folder}: {reason}. Give another place with --out.") from error
    try:
        yield
    finally:
        emptied = bool(made) and folder.is_dir() and {path.name for path in folder.iterdir()} <= {_LOCK, holder.name}
        # While it is held, so that nobody takes what is about to go; Windows lets nobody do that.
        gone = emptied and _unlink(holder, folder / _LOCK)
        held.release()
        if emptied:
            if not gone:  # else what is there now is somebody else's
                _unlink(holder, folder / _LOCK)
            with contextlib.suppress(OSError):
                for path in made:
                    path.rmdir()


def is_held(folder: Path) -> bool:
    """Whether somebody holds a folder now, as the lock itself says: the number of a process may be another's by now."""
    import filelock

    free = filelock.FileLock(folder / _LOCK)
    try:
        free.acquire(timeout=0)
    except (OSError, NotImplementedError):  # a Timeout too; and where nothing can be asked somebody may
        return True
    free.release()
    return False


@contextlib.contextmanager
def in_turn(path: Path) -> Iterator[None]:
    """Have processes of this machine come one after the other; where the disk has no locks, all at once."""
    import filelock

    held = filelock.FileLock(path)
    with contextlib.suppress(OSError, NotImplementedError):
        path.parent.mkdir(parents=True, exist_ok=True)
        held.acquire()
    try:
        yield
    finally:
        held.release()


def _unlink(*paths: Path) -> bool:
    """Take files away as far as that can be; says whether all are gone."""
    left = False
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            left = True
    return not left


def _read(holder: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return holder.read_text(encoding="ascii").strip()
    return ""
