"""The tables in a folder, by split: which of them are read, and which lie beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from escalera.data.readers.listing import SPLITS, left_by_system
from escalera.data.readers.paths import fault
from escalera.data.readers.split_words import WORDS, bare

TABLES = (".parquet", ".csv", ".tsv", ".jsonl")
"""The endings of tables, those that are read first first."""
_NO_ROWS = re.compile(r"(sample.?)?submission|class(es|.?names|.?dict|.?list)?|label.?(map|names|list)", re.IGNORECASE)
"""Tables that lie beside the one of the images: what to hand in, and what the classes are called."""
_SPLIT = re.compile(rf"({'|'.join(name for usual in SPLITS.values() for name in usual)})([-_.].*)?", re.IGNORECASE)


def table_files(folder: Path, splits: Mapping[str, str] | Literal[False] | None = None) -> dict[str, list[Path]]:
    """The tables of a folder by split, shards in order: train.parquet, data/train-00000-of-00002.parquet, train.csv.

    Or a table in each of the folders train, valid and test, as Roboflow and the hub lay them out; or those that
    `splits` names. A folder with one table alone, as houses.csv beside its pictures, is a train split. Empty where
    there is none.
    """
    if splits:
        named = {split: folder / name for split, name in splits.items() if not fault(name)}
        return {split: [path] for split, path in named.items() if path.is_file() and path.suffix.lower() in TABLES}
    for place in (folder, folder / "data"):
        for suffix in TABLES:
            there = tables(place, suffix)
            found: dict[str, list[Path]] = {}
            for path in there:
                if match := _SPLIT.fullmatch(path.stem):
                    found.setdefault(_split_called(match[1]), []).append(path)
            if found or (found := _in_other_words(there)):
                return found
            rows = [path for path in there if not _NO_ROWS.fullmatch(path.stem)]
            if len(rows) == 1:
                return {"train": rows}
    for suffix in TABLES:
        below = {path.name: tables(path, suffix) for path in _folders(folder) if _SPLIT.fullmatch(path.name)}
        found = {_split_called(name): some for name, some in below.items() if some}
        if "train" in found:
            return found
    return {}


def _in_other_words(there: list[Path]) -> dict[str, list[Path]]:
    """The tables called by words for the splits in other languages, as entrenamiento and prueba; {} without train."""
    called = [(WORDS[bare(path.stem)], path) for path in there if bare(path.stem) in WORDS]
    found = {split: [path for one, path in called if one == split] for split in SPLITS if split in dict(called)}
    return found if "train" in found and len(found) > 1 else {}


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


def _split_called(name: str) -> str:
    folded = name.casefold()
    return next(split for split, usual in SPLITS.items() if folded in usual)


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not left_by_system(path.name))
    except OSError:
        return []
