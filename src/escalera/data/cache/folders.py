"""The cache: what was downloaded, decoded or given in Python once, a folder per key, each complete or absent.

images  (N, H, W, C) uint8, <split>-images.npy, memory-mapped when opened
labels  (N,) int64, <split>-labels.npy
table   N rows, <split>-table.parquet, where the source has other columns
listed  (N,) int64, <split>-listed.npy, where bad pictures were left out: the rows of the source
digests (N, 16) uint8, <split>-digests.npy: by what each picture is known when its source has changed
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from escalera.core.errors import DataError
from escalera.core.files import FULL
from escalera.data.cache.store import InMemory, OnDisk, Store, read_folder
from escalera.data.home import expanded
from escalera.data.images import ImageSet

VERSION = 5
"""Raise it when the decoder or the layout changes: older folders are then made anew."""

GIVEN = "arrays-"
"""How the folder of arrays that a Python program gave begins; their SHA-256 follows."""

WORTH_KEEPING = 16_000
"""Bytes of the digests of a thousand pictures: more are kept of what was stopped or refused before it was whole."""
PART = ".part"

_DAY = 86_400
_QUIET = 900
"""Seconds without a write after which a process that cannot be seen is taken for gone: another container may have this
one's host name. 256 pictures are decoded before the next write, large ones on a busy machine for minutes."""


class CacheError(DataError):
    """The disk takes no more, or the folder of the cache cannot be written."""


def cache_root() -> Path:
    """The folder named by ESCALERA_CACHE, else ~/.cache/escalera; raises DataError where nobody knows what ~ is."""
    named = os.environ.get("ESCALERA_CACHE")
    return expanded(named, "ESCALERA_CACHE") if named else expanded("~/.cache/escalera", "no ESCALERA_CACHE is set")


def key(name: str, states: Iterable[str], **settings: object) -> str:
    """A folder's name: the source, and a hash of the state of its files and of how they are decoded."""
    digest = hashlib.sha256(json.dumps([VERSION, name, *states, settings], sort_keys=True).encode())
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name).strip('.-')[-60:] or 'source'}-{digest.hexdigest()[:20]}"


def stored(root: Path, key: str, write: Callable[[Path], str | None]) -> Path:
    """`root/key`, made by `write(folder)` if it is absent; it stands under the key that `write` gives, if it gives one.

    It is written aside and renamed, so that it is whole or absent; of two processes the first one's stays. Raises
    CacheError, with nothing left behind, when the disk takes no more; `write` raises OSError for writing alone.
    """
    folder = root / key
    if folder.is_dir():
        return folder
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        with _aside(root, key) as aside:
            folder = root / (write(aside) or key)
            aside.chmod(0o755)
            try:
                aside.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
        shutil.rmtree(_part(root, key), ignore_errors=True)
    except OSError as error:
        if error.errno in FULL and _drop_parts(root):
            return stored(root, key, write)
        free = "Free some space there, or name" if error.errno in FULL else "Name"
        raise CacheError(
            f"could not write the cache in {root}: {error.strerror or error}. {free} another folder with "
            "ESCALERA_CACHE."
        ) from error
    return folder


@contextlib.contextmanager
def _aside(root: Path, key: str) -> Iterator[Path]:
    """A folder to write in, which is gone afterwards unless it was renamed.

    Of pictures whose decoding is stopped or refused, those that were decoded stay as a part, for who tries again.
    """
    aside = Path(tempfile.mkdtemp(dir=root, prefix=f".{key}~{socket.gethostname()}~{os.getpid()}~"))
    part = _part(root, key)
    try:
        yield aside
    except (KeyboardInterrupt, DataError):
        if _known(aside) > max(WORTH_KEEPING, _known(part)):
            shutil.rmtree(part, ignore_errors=True)
            with contextlib.suppress(OSError):
                aside.chmod(0o755)
                aside.rename(part)
        raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _part(root: Path, key: str) -> Path:
    return root / f"{key}{PART}"


def _drop_parts(root: Path) -> bool:
    """Make room on a full disk; whether any part is gone."""
    parts = list(root.glob(f"*{PART}"))
    for part in parts:
        shutil.rmtree(part, ignore_errors=True)
    return any(not part.exists() for part in parts)


def _known(folder: Path) -> int:
    """Bytes of the digests of the pictures that are decoded in a folder."""
    return sum(path.stat().st_size for path in folder.glob("*-digests.npy"))


def image_set(root: Path, key: str, name: str, write: Callable[[Store], str | None], origin: str = "") -> ImageSet:
    """The set in `root/key`, memory-mapped; made by `write` where it is absent, and made anew where it is damaged.

    Of two with one `origin`, what was read and how, the older one is outdated.

    It stands under the key that `write` gives, if it gives one. Where the disk takes no more it is made in memory, and
    says so in its notes.
    """
    reason = ""
    for _ in range(2):
        try:
            folder = stored(root, key, lambda aside: write(OnDisk(aside, origin)))
        except CacheError as error:
            memory = InMemory(str(error))
            write(memory)
            return memory.image_set(name)
        try:
            images = read_folder(folder, name)
            with contextlib.suppress(OSError):  # nobody may write there
                os.utime(folder / "meta.json")  # the state of a source that was opened last is not outdated
            return images
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = str(error)  # not the error itself, which would hold on to the files that it had mapped
            with contextlib.suppress(OSError):  # another process may have removed it just now
                remove(folder)
    raise DataError(f"could not read {root / key}: {reason}. Remove it, or name another folder with ESCALERA_CACHE.")


def remove(folder: Path) -> None:
    """Remove a folder of the cache; raises OSError for one that cannot be, which stays whole then.

    Renamed first, so that nobody finds half a folder; a process killed in between leaves what _sweep removes.
    """
    aside = folder.with_name(f".cleared~{socket.gethostname()}~{os.getpid()}~{folder.name}")
    try:
        folder.rename(aside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what killed processes left half written."""
    for folder in root.glob(".*~*~*~*"):
        if abandoned(folder):
            shutil.rmtree(folder, ignore_errors=True)


def abandoned(folder: Path) -> bool:
    """Whether nobody writes in a folder any more: its process is gone and was silent, or is silent for a day."""
    import psutil

    _, host, process, _ = folder.name.rsplit("~", 3)
    gone = host == socket.gethostname() and not psutil.pid_exists(int(process))
    try:
        # At all depths: what is downloaded is first kept in folders within.
        written = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
    except OSError:  # its own process renames it just now
        return False
    return time.time() - written > (_QUIET if gone else _DAY)
