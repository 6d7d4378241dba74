"""The cache: what was downloaded or decoded once, a folder per key, each complete or absent.

images  (N, H, W, C) uint8, <split>-images.npy, memory-mapped when opened
labels  (N,) int64, <split>-labels.npy
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from escalera.data.images import Images, ImageSet
from escalera.errors import DataError

VERSION = 1
"""Raise it when the decoder or the layout changes: older folders are then made anew."""

_END = 1_000_000
_DAY = 86_400


def cache_root() -> Path:
    """The folder named by ESCALERA_CACHE, else ~/.cache/escalera."""
    named = os.environ.get("ESCALERA_CACHE")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "escalera"


def key(name: str, files: Iterable[Path], **settings: object) -> str:
    """A folder's name: the source, and a hash of its files and of how they are decoded.

    A file counts by its name, size, time of change, first and last megabyte, so that a large one costs no more.
    """
    digest = hashlib.sha256(json.dumps([VERSION, name, settings], sort_keys=True).encode())
    for path in files:
        state = path.stat()
        digest.update(f"{path.name} {state.st_size} {state.st_mtime_ns}".encode())
        with path.open("rb") as file:
            digest.update(file.read(_END))
            file.seek(max(0, state.st_size - _END))
            digest.update(file.read(_END))
    return f"{name}-{digest.hexdigest()[:20]}"


def stored(root: Path, key: str, write: Callable[[Path], None]) -> Path:
    """`root/key`, made by `write(folder)` if it is absent.

    It is written aside and renamed, so that it is whole or absent; of two processes the first one's stays. Raises
    DataError, with nothing left behind, when the disk takes no more; `write` raises OSError for writing alone.
    """
    folder = root / key
    if folder.is_dir():
        return folder
    aside: Path | None = None
    try:
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        aside = Path(tempfile.mkdtemp(dir=root, prefix=f".{key}~{socket.gethostname()}~{os.getpid()}~"))
        write(aside)
        aside.chmod(0o755)
        try:
            aside.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    except OSError as error:
        raise DataError(
            f"could not write the cache in {root}: {error.strerror or error}. "
            "Free some space there, or name another folder with ESCALERA_CACHE."
        ) from error
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
    return folder


def write_array(path: Path, rows: int, chunks: Iterable[NDArray[Any]]) -> None:
    """Write a .npy file of `rows` rows from its parts, in order, and sync it.

    By plain writes and not through a memory map, where a full disk would kill the process instead of raising OSError.
    """
    with path.open("wb") as file:
        for chunk in chunks:
            if file.tell() == 0:
                descr = np.lib.format.dtype_to_descr(chunk.dtype)
                header = {"descr": descr, "fortran_order": False, "shape": (rows, *chunk.shape[1:])}
                np.lib.format.write_array_header_1_0(file, header)
            file.write(np.ascontiguousarray(chunk).data)
        file.flush()
        os.fsync(file.fileno())


def write_meta(folder: Path, classes: list[str], splits: list[str]) -> None:
    """Write meta.json: the classes in order and the names of the splits."""
    text = json.dumps({"classes": classes, "splits": splits}, ensure_ascii=False, indent=2)
    (folder / "meta.json").write_text(text + "\n", encoding="utf-8")


def image_set(root: Path, key: str, name: str, write: Callable[[Path], None]) -> ImageSet:
    """The set in `root/key`, memory-mapped; made by `write` where it is absent, and made anew where it is damaged."""
    reason: Exception | None = None
    for _ in range(2):
        folder = stored(root, key, write)
        try:
            return _load(folder, name)
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = error
            shutil.rmtree(folder, ignore_errors=True)
    raise DataError(f"could not read {root / key}: {reason}. Remove it, or name another folder with ESCALERA_CACHE.")


def _load(folder: Path, name: str) -> ImageSet:
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    splits = {
        split: Images(_map(folder / f"{split}-images.npy"), np.load(folder / f"{split}-labels.npy"))
        for split in meta["splits"]
    }
    return ImageSet(name, meta["classes"], splits)


def _map(path: Path) -> NDArray[np.uint8]:
    # Copy-on-write, since torch warns of arrays that are not writable. Linux refuses such a map when it is larger than
    # the memory (it might all be copied), so that a set of that size is mapped read-only.
    try:
        array: NDArray[np.uint8] = np.load(path, mmap_mode="c")
    except OSError:
        array = np.load(path, mmap_mode="r")
    return array


def _sweep(root: Path) -> None:
    """Remove what killed processes left half written."""
    import psutil

    for folder in root.glob(".*~*~*~*"):
        _, host, process, _ = folder.name.rsplit("~", 3)
        dead = host == socket.gethostname() and not psutil.pid_exists(int(process))
        times = [path.stat().st_mtime for path in (folder, *folder.glob("*"))] if not dead else [0.0]
        if time.time() - max(times) > _DAY:
            shutil.rmtree(folder, ignore_errors=True)
