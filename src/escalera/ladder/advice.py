"""What to type where there is no ladder: the nearest one, or the lines of a first ladder for one's own data."""

from __future__ import annotations

import json
import shlex
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from escalera.core.errors import closest
from escalera.core.names import LONGEST, composed, fault
from escalera.ladder.document import read_document

ENDINGS = (".yaml", ".yml")
_DATA = (".csv", ".tsv", ".parquet", ".npz", ".jsonl")


def for_folder(source: str, path: Path) -> str:
    """The message about a folder where a ladder is expected."""
    told = f"expected a ladder file, received the folder '{source}'."
    if (path / "ladder.json").is_file():
        return f"{told} It holds the runs of a ladder: climb that ladder, by its name or its file."
    inside = sorted(file.name for ending in ENDINGS for file in path.glob(f"*{ending}"))
    if inside:
        return f"{told} It holds the ladder {inside[0]}: escalera climb {path / inside[0]}"
    return f"{told} {first_ladder(source, path)}"


def for_data(source: str, path: Path) -> str | None:
    """The message about a file of data where a ladder is expected; None for any other file."""
    if path.suffix.lower() not in _DATA:
        return None
    return f"expected a ladder file, received the data in '{source}'. {first_ladder(source, path)}"


def for_nothing(source: str, path: Path, known: Iterable[str]) -> str:
    """The message about a path where there is nothing."""
    told = f"expected a ladder file, but there is none at '{source}'"
    shipped = closest(path.stem, known) if len(path.parts) == 1 else None
    there = {file.stem: file.name for file in path.parent.glob("*") if file.suffix.lower() in ENDINGS}
    near = closest(path.stem, there)
    if near:
        return f"{told}; did you mean '{path.with_name(there[near])}'?"
    return f"{told}; the ladder that ships is called '{shipped}'" if shipped else told


def first_ladder(source: str, path: Path) -> str:
    """Three lines to copy, and the commands that go with them."""
    name, quoted = _name(path), _written(source)
    return (
        f"A first ladder for it, to be saved as {name}.yaml:\n"
        f"name: {_written(name)}\n"
        f"data: {{source: {quoted}, image_size: 64}}\n"
        "rungs: [{name: first, model: {kind: cnn, blocks: [[16], [32], [64]], head: {dense: [64]}}}]\n"
        f"Then: escalera explore {shlex.quote(source)}, to see what is in it; and: escalera climb {name}.yaml"
    )


def _written(text: str) -> str:
    """A text as YAML has it: with quotation marks where it would be read as something else without."""
    plain = read_document(f"{{text: {text}}}").value == {"text": text}
    return text if plain else json.dumps(text, ensure_ascii=False)


def _name(path: Path) -> str:
    """A path as the name of a ladder."""
    stem = path.resolve().stem if path.is_file() else path.resolve().name
    letters = (c if unicodedata.category(c)[0] in "LMN" or c in "._-" else "-" for c in composed(stem))
    name = "".join(letters).strip("._-")[:LONGEST]
    return name if name and unicodedata.category(name[0])[0] in "LN" and fault(name) is None else "mine"
