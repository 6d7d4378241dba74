"""Where ladders are: those that ship with the package, by name, and those of the user, by path."""

from __future__ import annotations

from pathlib import Path

from escalera.core.errors import EscaleraError, nearest
from escalera.ladder.advice import ENDINGS, for_data, for_folder, for_nothing

LARGEST = 1_000_000
"""Bytes: no ladder written by a person comes near it."""


def shipped() -> list[tuple[str, Path]]:
    """The names and files of the ladders that ship with the package."""
    return [(path.stem, path) for path in sorted(Path(__file__).parent.glob("*.yaml"))]


def find_ladder(source: str | Path) -> Path:
    """The file of a ladder, given by its shipped name or its path; raises EscaleraError when there is none."""
    known = dict(shipped())
    if str(source) in known and isinstance(source, str):
        return known[source]
    path = Path(source)
    if path.is_dir():
        raise EscaleraError(for_folder(str(source), path))
    if path.exists():
        if hint := for_data(str(source), path):
            raise EscaleraError(hint)
        return path
    if isinstance(source, Path) or path.suffix.lower() in ENDINGS or len(path.parts) > 1:
        raise EscaleraError(for_nothing(str(source), path, known))
    guess = nearest(source, known)
    raise EscaleraError(
        f"unknown ladder '{source}'{f'; {guess}' if guess.startswith('did') else '.'} "
        f"Shipped: {', '.join(known)}. A ladder of your own is given by its path, such as my_ladder.yaml."
    )


def read_bytes(path: Path) -> bytes:
    """The content of a ladder file, one byte more than LARGEST at most; raises EscaleraError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise EscaleraError(f"the ladder file '{path}' cannot be read: {error.strerror or error}") from error
