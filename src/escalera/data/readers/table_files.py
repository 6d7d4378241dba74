"""The tables in a folder, by split: which of them are read, and which lie beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from escalera.core.errors import DataError, nearest
from escalera.data.readers.listing import USUAL, left_by_system
from escalera.data.readers.paths import fault
from escalera.data.readers.split_words import WORDS, bare

TABLES = (".parquet", ".csv", ".tsv", ".jsonl")
"""The endings of tables, those that are read first first."""
_NO_ROWS = re.compile(r"(sample.?)?submission|class(es|.?names|.?dict|.?list)?|label.?(map|names|list)", re.IGNORECASE)
"""Tables that lie beside the one of the images: what to hand in, and what the classes are called."""
_SPLIT = re.compile(rf"({'|'.join(USUAL)})([-_.].*)?", re.IGNORECASE)


def table_files(folder: Path, splits: Mapping[str, str] | Literal[False] | None = None) -> dict[str, list[Path]]:
    """The tables of a folder by split, shards in order: train.parquet, data/train-00000-of-00002.parquet, train.csv.

    Or a table in each of the folders train, valid and test, as Roboflow and the hub lay them out; or those that
    `splits` names. A folder with one table alone, as houses.csv beside its pictures, is a train split. Empty where
    there is none. Raises DataError for a name in `splits` that is no table's.
    """
    if splits:
        return {split: [_named(folder, split, name)] for split, name in splits.items()}
    for place in (folder, folder / "data"):
        for suffix in TABLES:
            there = tables(place, suffix)
            found = _by_split(there, lambda path: _split_called(path.stem))
            if "train" not in found:
                other = _by_split(there, lambda path: WORDS.get(bare(path.stem)))
                found = other if "train" in other and len(other) > 1 else found
            if found:
                return found
            rows = [path for path in there if not _NO_ROWS.fullmatch(path.stem)]
            if len(rows) == 1:
                return {"train": rows}
    for suffix in TABLES:
        below = [path for place in _folders(folder) for path in tables(place, suffix)]
        found = _by_split(below, lambda path: _split_called(path.parent.name))
        if "train" in found:
            return found
    return {}


def _named(folder: Path, split: str, name: str) -> Path:
    path = folder / name
    if fault(name) or path.suffix.lower() not in TABLES or not path.is_file():
        known = nearest(name, [other.name for other in tables(folder, *TABLES)])
        raise DataError(f"data.splits: {split}: expected a table in {folder}, received '{name}'; {known}")
    return path


def _by_split(paths: list[Path], split_of: Callable[[Path], str | None]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in paths:
        if split := split_of(path):
            found.setdefault(split, []).append(path)
    return found


def unread_tables(files: dict[str, list[Path]]) -> list[str]:
    """The names of tables beside those that are read, since nobody could tell what they are for."""
    read = {path for some in files.values() for path in some}
    places = {path.parent for path in read}
    return sorted(path.name for place in places for path in tables(place, *TABLES) if path not in read)


def tables(place: Path, *suffixes: str) -> list[Path]:
    """The tables in a folder whose names end so, by name."""
    try:
        found = [path for path in place.iterdir() if path.suffix.lower() in suffixes and path.is_file()]
    except OSError:
        return []
    return sorted(path for path in found if not left_by_system(path.name))


def _split_called(name: str) -> str | None:
    """The split of a table or folder by the usual words: train, test-00000-of-00002."""
    match = _SPLIT.fullmatch(name)
    return USUAL[match[1].casefold()] if match else None


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not left_by_system(path.name))
    except OSError:
        return []
