"""Features of bodies that learn nothing, kept for other seeds, rungs and climbs: a folder of the cache each.

features  (n, D) float32, features.safetensors
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from escalera.core.errors import DataError
from escalera.data.cache import folders, inventory

AT_MOST = 4 * 1024**3
"""Bytes of all that are kept; those that were read the longest ago go first."""
_FILE = "features.safetensors"


def kept(source: str, states: Sequence[str], make: Callable[[], Tensor]) -> Tensor:
    """The features that `states`, all that they depend on, stand for, in the memory of the machine; made where absent.

    A damaged file is made anew, and a disk that takes no more is no reason to do without them.
    """
    root = folders.cache_root()
    key = folders.key(f"features-{source}", states)
    found = _read(root / key)
    if found is not None:
        return found
    shutil.rmtree(root / key, ignore_errors=True)
    made = make().cpu().contiguous()
    with contextlib.suppress(DataError):
        folders.stored(root, key, lambda folder: _write(folder, made, source))
        _prune(root, key)
    return made


def _read(folder: Path) -> Tensor | None:
    try:
        found = load_file(folder / _FILE)["features"]
        os.utime(folder)
    except (OSError, SafetensorError, KeyError):
        return None
    return found


def _write(folder: Path, features: Tensor, source: str) -> None:
    with (folder / _FILE).open("wb") as file:
        file.write(save({"features": features}))
        file.flush()
        os.fsync(file.fileno())
    (folder / "meta.json").write_text(json.dumps({"source": f"features of {source}"}) + "\n", encoding="utf-8")


def _prune(root: Path, newest: str) -> None:
    """Remove what was read the longest ago until the rest is small enough; never the newest."""
    sizes: dict[Path, int] = {}
    ages: dict[Path, float] = {}
    for file in root.glob(f"*/{_FILE}"):
        with contextlib.suppress(OSError):  # another process may remove it just now
            sizes[file.parent], ages[file.parent] = file.stat().st_size, file.parent.stat().st_mtime
    total = sum(sizes.values())
    for folder in sorted(ages, key=lambda folder: ages[folder]):
        if total <= AT_MOST:
            return
        if folder.name != newest:
            inventory.clear(root, [folder.name])
            total -= sizes[folder]
