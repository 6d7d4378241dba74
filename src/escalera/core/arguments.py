"""What people write for arguments in Python, and what they are told where it is none."""

from __future__ import annotations

import contextlib
import json
import operator
import os
import re
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from escalera.core.errors import EscaleraError, perhaps
from escalera.core.extras import refuse_half_imported
from escalera.core.store import is_url

_DEVICES = ("auto", "cpu", "cuda")
_SHORT = reprlib.Repr()
"""Of a list of a million numbers the first ones."""
_SHORT.maxstring = _SHORT.maxother = 90
Name = str | os.PathLike[str]
"""A name, as `digits`, or a path."""
Sets = str | Sequence[str] | Mapping[str, Any]
"""Settings on top of every rung: `train.epochs=5`, several of them in a list, or {"train.epochs": 5}."""
_OPTIONS = {
    "set": "sets", "rung": "rungs", "cluster": "executor", "lang": "language", "fresh": "fresh=True",
    "skip-bad": "skip_bad=True",
    **{name.replace("_", "-"): name for name in (
        "data_root", "device", "devices", "file", "jobs", "minutes", "name", "out", "seeds", "weights_root",
    )},
}  # fmt: skip
"""What an option of the command is called in Python."""
_OPTION = re.compile(rf"(?<![\w./-])--({'|'.join(sorted(_OPTIONS, key=len, reverse=True))})(?![\w-])")
_KEPT = re.compile(r"(?:[A-Za-z]:)?[/\\][^'\n]*?arrays-[0-9a-f]{20}(?:: '?(\w+)_(images|labels)\b'?)?")
"""The folder in the cache that holds the arrays of `data`, and perhaps which of them."""


@contextlib.contextmanager
def in_python() -> Iterator[None]:
    """Errors that name arguments, not the options of the command, and `data`, not where its arrays are kept.

    Raises EscaleraError where nothing can be done any more, since Ctrl-C came while PyTorch was loaded.
    """
    refuse_half_imported("torch", "PyTorch")
    try:
        yield
    except EscaleraError as error:
        named = _OPTION.sub(lambda option: _OPTIONS[option[1]], str(error))
        error.args = (_KEPT.sub(lambda kept: f"data: {kept[1]}: {kept[2]}" if kept[1] else "data", named),)
        raise


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
    """A ladder and settings by which all of its rungs learn from another source; a mapping need not name one.

    Raises EscaleraError where the settings name one too.
    """
    if any(one.partition("=")[0].strip() == "data.source" for one in sets):
        raise EscaleraError("sets: data.source: expected no source beside data, which takes its place; leave one out")
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


def data_root(given: Name | None, called: str = "data_root") -> Path | None:
    """The folder of data, or None where none is given; raises EscaleraError for one that is not there."""
    folder = path_or_none(called, given)
    if folder is not None and not folder.is_dir():
        raise EscaleraError(f"{called}: expected a folder of data, but there is none at {folder}")
    return folder


def flag(name: str, given: bool) -> bool:
    """True or False; raises EscaleraError for anything else, such as "no", which would count as true."""
    if not isinstance(given, bool):
        raise EscaleraError(f"{name}: expected True or False, received {shown(given)}")
    return given


def one_of(name: str, given: str, known: Sequence[str]) -> str:
    """One of the words that are known; raises EscaleraError, with the nearest, for another."""
    if given not in known:
        guess = perhaps(given, known) if isinstance(given, str) else ""
        raise EscaleraError(f"{name}: expected {', '.join(known)}, received {shown(given)}{guess}")
    return given


def device(given: str, executor: str) -> str:
    """A device; raises EscaleraError for another, and for a GPU that this machine has not, where no cluster trains."""
    if one_of("device", given, _DEVICES) == "cuda" and not executor:
        from escalera.core.runtime import choose_device

        choose_device(given)
    return given


def language(given: str) -> str:
    """A language that Escalera speaks; raises EscaleraError for another."""
    from escalera.core.language import LANGUAGES

    return one_of("language", given, LANGUAGES)


def count(name: str, given: int) -> int:
    """A number of things, 1 or more, one of numpy too; raises EscaleraError for another."""
    try:
        number = 0 if isinstance(given, bool) else operator.index(given)
    except TypeError:
        number = 0
    if number < 1:
        raise EscaleraError(f"{name}: expected how many, 1 or more, received {shown(given)}")
    return number


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


def is_opened(name: str, given: object) -> EscaleraError:
    """That an object of the class is not made of a path, and what opens one."""
    what = "expected what esc.climb or esc.open gives"
    return EscaleraError(f"{name}: {what}, received {shown(given)}; type esc.open(path), where path is the run's")


def shown(value: object) -> str:
    """A value and its type, in a few letters on one line."""
    return f"{' '.join(_SHORT.repr(value).split()):.60} ({type(value).__name__})"
