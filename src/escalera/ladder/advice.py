"""What to type where there is no ladder: the nearest one, or the command that writes a first one."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from escalera.core.errors import closest

ENDINGS = (".yaml", ".yml")
_DATA = (".csv", ".tsv", ".parquet", ".npz", ".jsonl")


def for_folder(source: str, path: Path) -> str:
    """The message about a folder where a ladder is expected."""
    message = f"expected a ladder file, received the folder '{source}'."
    if (path / "ladder.json").is_file():
        return f"{message} It holds the runs of a ladder: climb that ladder, by its name or its file."
    inside = sorted(file.name for ending in ENDINGS for file in path.glob(f"*{ending}"))
    if inside:
        return f"{message} It holds the ladder {inside[0]}: escalera climb {path / inside[0]}"
    return f"{message} {_first_ladder(source)}"


def for_data(source: str, path: Path) -> str | None:
    """The message about a file of data where a ladder is expected; None for any other file."""
    if path.suffix.lower() not in _DATA:
        return None
    return f"expected a ladder file, received the data in '{source}'. {_first_ladder(source)}"


def for_nothing(source: str, path: Path, known: Iterable[str]) -> str:
    """The message about a path where there is nothing."""
    message = f"expected a ladder file, but there is none at '{source}'"
    shipped = closest(path.stem, known) if len(path.parts) == 1 else None
    there = {file.stem: file.name for file in path.parent.glob("*") if file.suffix.lower() in ENDINGS}
    near = closest(path.stem, there)
    if near:
        return f"{message}; did you mean '{path.with_name(there[near])}'?"
    return f"{message}; the ladder that ships is called '{shipped}'" if shipped else message


def _first_ladder(source: str) -> str:
    return f"A first ladder for it is written by: escalera new {shlex.quote(source)}"
