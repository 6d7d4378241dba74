"""What people write for arguments in Python, and what they are told where it is none."""

from __future__ import annotations

import json
import os
import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from escalera.core.errors import EscaleraError, perhaps
from escalera.core.store import is_url

DEVICES = ("auto", "cpu", "cuda")
_SHORT = reprlib.Repr()
"""Of a list of a million numbers the first ones."""
_SHORT.maxstring = _SHORT.maxother = 90
Name = str | os.PathLike[str]
"""A name, as `digits`, or a path."""
Sets = str | Sequence[str] | Mapping[str, Any]
"""Settings on top of every rung: `train.epochs=5`, several of them in a list, or {"train.epochs": 5}."""


def ladder(given: Name | Mapping[str, Any]) -> str | Path | Mapping[str, Any]:
    """A ladder's name, path or content; raises EscaleraError for anything else."""
    if isinstance(given, str | Mapping):
        return given
    if isinstance(given, os.PathLike):
        return Path(given)
    raise EscaleraError(f"expected the name of a ladder, a path or a mapping, received {shown(given)}")


def with_source(
    given: str | Path | Mapping[str, Any], sets: Sequence[str], source: Path
) -> tuple[str | Path | Mapping[str, Any], list[str]]:
    """A ladder and settings by which all of its rungs learn from another source; a mapping need not name one."""
    if isinstance(given, Mapping) and isinstance(section := given.get("data", {}), Mapping):
        given = {**given, "data": {**section, "source": str(source)}}
    return given, [*sets, f"data.source={json.dumps(str(source))}"]


def settings(sets: Sets) -> list[str]:
    """Settings as `--set` takes them; raises EscaleraError for a value that no ladder holds."""
    if not isinstance(sets, Mapping):
        return texts("sets", sets)
    found = []
    for key, value in sets.items():
        try:
            found.append(f"{key}={json.dumps(value, default=_plain)}")
        except (TypeError, ValueError, RecursionError) as error:  # ValueError: a list that holds itself
            what = "expected a number, a text, a list or a mapping"
            raise EscaleraError(f"sets: {key}: {what}, received {shown(value)}") from error
    return found


def _plain(value: Any) -> Any:
    """A path as a text, a number of numpy or torch as one of Python, as in a ladder made of a mapping."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return value.item()
    raise TypeError


def texts(name: str, given: str | Sequence[str]) -> list[str]:
    """One text or several, as a list; raises EscaleraError for anything else."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, Sequence) or not all(isinstance(one, str) for one in given):
        raise EscaleraError(f"{name}: expected a text, or a list of texts, received {shown(given)}")
    return list(given)


def text(name: str, given: str) -> str:
    """A text; raises EscaleraError for anything else."""
    if not isinstance(given, str):
        raise EscaleraError(f"{name}: expected a text or a path, received {shown(given)}")
    return given


def path(name: str, given: Name) -> Path:
    """A path; raises EscaleraError for what is none."""
    if not isinstance(given, str | os.PathLike):
        raise EscaleraError(f"{name}: expected a path, received {shown(given)}")
    return Path(given)


def paths(name: str, given: Name | Sequence[Name]) -> list[Path]:
    """One path or several, as a list; raises EscaleraError for anything else, and for none."""
    if isinstance(given, str | os.PathLike):
        return [Path(given)]
    if not isinstance(given, Sequence) or not given or not all(isinstance(one, str | os.PathLike) for one in given):
        raise EscaleraError(f"{name}: expected a path, or a list of paths, received {shown(given)}")
    return [Path(one) for one in given]


def place(name: str, given: Name) -> str | Path:
    """A path, or a URL as it is written; raises EscaleraError for what is neither."""
    return given if isinstance(given, str) and is_url(given) else path(name, given)


def path_or_none(name: str, given: Name | None) -> Path | None:
    """A path, or None where none is given."""
    return None if given is None else path(name, given)


def one_of(name: str, given: str, known: Sequence[str]) -> str:
    """One of the words that are known; raises EscaleraError, with the nearest, for another."""
    if given not in known:
        guess = perhaps(given, known) if isinstance(given, str) else ""
        raise EscaleraError(f"{name}: expected {', '.join(known)}, received {shown(given)}{guess}")
    return given


def count(name: str, given: int) -> int:
    """A number of things, 1 or more; raises EscaleraError for another."""
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise EscaleraError(f"{name}: expected how many, 1 or more, received {shown(given)}")
    return given


def count_or_auto(name: str, given: int | str) -> int | Literal["auto"]:
    """A number of things, 1 or more, or `auto`; raises EscaleraError for another."""
    if given == "auto":
        return "auto"
    if isinstance(given, str):
        raise EscaleraError(f"{name}: expected how many, 1 or more, or 'auto', received {shown(given)}")
    return count(name, given)


def minutes(name: str, given: float) -> float:
    """A time, more than none; raises EscaleraError for another."""
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 < given < float("inf"):
        raise EscaleraError(f"{name}: expected minutes, more than 0, received {shown(given)}")
    return float(given)


def shown(value: object) -> str:
    """A value and its type, in a few letters on one line."""
    return f"{' '.join(_SHORT.repr(value).split()):.60} ({type(value).__name__})"
