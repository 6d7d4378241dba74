"""What the cache holds, for people: it is listed, and removed."""

from __future__ import annotations

import contextlib
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from escalera.core.errors import DataError, nearest
from escalera.data.cache.folders import GIVEN, PART, CacheError, abandoned, remove
from escalera.data.cache.mirrors import MIRROR, in_use, url_of

Kind = Literal["decoded", "outdated", "downloaded", "given", "mirrored", "unfinished"]
"""`outdated` was decoded before its source changed: it was decoded again since."""


@dataclass(frozen=True)
class Entry:
    """A folder of the cache, for people: its source, its bytes, and when it was made."""

    name: str
    source: str
    kind: Kind
    bytes: int
    made: str


def entries(root: Path, names: Sequence[str] = (), *, outdated: bool = False) -> list[Entry]:
    """What is in the cache, in order, all or those of some names or sources; what is not the cache's own is left out.

    `outdated`: those alone that are. Raises DataError for a name that is not there.
    """
    found: list[Entry] = []
    states: defaultdict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for folder in sorted(root.iterdir()) if root.is_dir() else []:
        kind = _kind(folder)
        if kind is None:
            continue
        with contextlib.suppress(OSError):  # another process may remove it just now
            files = [path.stat() for path in folder.rglob("*") if path.is_file()]
            made = datetime.fromtimestamp(folder.stat().st_mtime, UTC).isoformat(timespec="seconds")
            size, about = sum(file.st_size for file in files), _about(folder)
            found.append(Entry(folder.name, _source(folder, kind, about), kind, size, made))
            origin, _, bad = str(about.get("origin", "")).partition(" ")
            if origin and kind == "decoded":
                # Where pictures are bad, what becomes of them makes several of one state.
                same = origin, bad if about.get("skipped") or about.get("faults") else ""
                states[same].append(((folder / "meta.json").stat().st_mtime_ns, folder.name))
    # Of all the states of a source that which was opened last is as it is now; a file system's clock ticks in
    # milliseconds, and of two in one tick neither is known to be older.
    before = {name for several in states.values() for opened, name in several if opened < max(several)[0]}
    found = [replace(entry, kind="outdated") if entry.name in before else entry for entry in found]
    known = list(dict.fromkeys(name for entry in found for name in (entry.source, entry.name)))
    for name in names:
        if name not in known:
            raise DataError(f"the cache in {root} holds nothing called '{name}'; {nearest(name, known)}")
    found = [entry for entry in found if not outdated or entry.kind == "outdated"]
    return [entry for entry in found if not names or entry.name in names or entry.source in names]


def clear(root: Path, names: Sequence[str] = (), *, outdated: bool = False) -> list[Entry]:
    """Remove entries, by name or by the name of their source, or all; what was removed. Raises as `entries` does, and
    for what cannot be removed, after all the others are.

    Only what nobody else is writing is removed. A process that reads a removed entry goes on reading it; on Windows its
    entry stays. A mirror stays too, unless it is named, while somebody works there or it holds what its URL has not.
    """
    chosen = entries(root, names, outdated=outdated)
    chosen = [entry for entry in chosen if names or entry.kind != "mirrored" or not in_use(root / entry.name)]
    chosen = [entry for entry in chosen if entry.kind != "unfinished" or abandoned(root / entry.name)]
    stay = []
    for entry in chosen:
        try:
            remove(root / entry.name)
        except OSError as error:
            if (root / entry.name).exists():
                stay.append(f"{entry.name} ({error.strerror or error})")
    if stay:
        more = f", and {len(stay) - 3} more" if len(stay) > 3 else ""
        raise CacheError(
            f"of {len(chosen)} entries these could not be removed from {root}: {', '.join(stay[:3])}{more}. "
            "End what reads them (a climb, the studio), or look at who may write there; then type the command again."
        )
    return chosen


def _kind(folder: Path) -> Kind | None:
    if not folder.is_dir():
        return None
    if re.fullmatch(r"\..+~.+~\d+~.+", folder.name):
        return "unfinished"
    if re.fullmatch(r".+-[0-9a-f]{20}", folder.name) and (folder / "meta.json").is_file():
        return "decoded"
    if re.fullmatch(rf".+-[0-9a-f]{{20}}{re.escape(PART)}", folder.name):
        return "decoded"
    if re.fullmatch(rf"{GIVEN}[0-9a-f]{{20}}", folder.name) and (folder / "arrays.npz").is_file():
        return "given"
    if re.fullmatch(rf"{MIRROR}[0-9a-f]{{20}}", folder.name) and url_of(folder):
        return "mirrored"
    return "downloaded" if folder.name.startswith("hub-") and any(folder.glob("*.parquet")) else None


def _source(folder: Path, kind: str, about: Mapping[str, Any]) -> str:
    if kind == "downloaded":
        return folder.name.removeprefix("hub-").replace("--", "/")
    if kind == "given":
        return folder.name
    if kind == "mirrored":
        return url_of(folder)
    if source := about.get("source"):
        return str(source)
    return folder.name.lstrip(".").rsplit("~", 3)[0].rsplit("-", 1)[0]


def _about(folder: Path) -> dict[str, Any]:
    """What meta.json knows; nothing where it is absent or damaged."""
    with contextlib.suppress(OSError, ValueError):
        about = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        if isinstance(about, dict):
            return about
    return {}
