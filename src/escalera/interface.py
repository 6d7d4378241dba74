"""What `import escalera as esc` offers: the functions of the command line, with arguments as people write them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from escalera.core.errors import EscaleraError, perhaps
from escalera.core.language import LANGUAGES
from escalera.experiment import climb as climbing
from escalera.experiment.results import Results
from escalera.inference.predictor import Predictor
from escalera.ladder.read import Reading

DEVICES = ("auto", "cpu", "cuda")
Name = str | os.PathLike[str]
Sets = str | Sequence[str] | Mapping[str, Any]
"""Changes on every rung: `train.epochs=5`, several of them, or {"train.epochs": 5}."""


def load_ladder(source: Name | Mapping[str, Any], sets: Sets = (), data_root: Name | None = None) -> Reading:
    """Read a ladder: one that ships, by its name, a YAML file, by its path, or a mapping such as the file holds.

    Raises LadderError with every mistake in it, sources that are not in `data_root` either, EscaleraError where there
    is none.
    """
    if not isinstance(source, str | os.PathLike | Mapping):
        raise EscaleraError(f"expected the name of a ladder, a path or a mapping, received {_shown(source)}")
    root = None if data_root is None else _path("data_root", data_root)
    return climbing.load_ladder(Path(source) if isinstance(source, os.PathLike) else source, _settings(sets), root)


def climb(
    ladder: Reading | Name | Mapping[str, Any],
    *,
    sets: Sets = (),
    rungs: str | Sequence[str] = (),
    seeds: int = 1,
    fresh: bool = False,
    skip_bad: bool = False,
    out: Name = "runs",
    data_root: Name | None = None,
    device: str = "auto",
    language: str = "en",
    quiet: bool = False,
) -> Results:
    """Train the rungs of a ladder that are not finished, compare all, and write the report: `escalera climb` in Python.

    `ladder` is what `load_ladder` takes, with `sets`, or gives. `rungs` chooses some by name; `fresh` trains finished
    ones again; `skip_bad` leaves out pictures that cannot be decoded, and counts them. It tells how it goes unless
    `quiet`. A rung that fails does not stop the others, and its run says so. Raises EscaleraError before anything is
    trained, and KeyboardInterrupt where it is stopped: the same call goes on from there.
    """
    from rich.console import Console

    from escalera.cli.terminal import Narrator

    if isinstance(ladder, Reading):
        if sets:
            raise EscaleraError("sets: expected them in load_ladder, which has read this ladder already")
        reading = ladder
    else:
        reading = load_ladder(ladder, sets, data_root)
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise EscaleraError(f"seeds: expected how many, 1 or more, received {_shown(seeds)}")
    return climbing.climb(
        reading,
        out=_path("out", out),
        data_root=None if data_root is None else _path("data_root", data_root),
        device=_one_of("device", device, DEVICES),
        rungs=_texts("rungs", rungs),
        seeds=seeds,
        fresh=fresh,
        skip_bad=skip_bad,
        language=_one_of("language", language, LANGUAGES),
        events=Narrator(None if quiet else Console(), language=language),
    )


def open(path: Name) -> Predictor:
    """A finished run of an earlier climb, by its folder, or a model that `escalera export` wrote, by its file.

    `runs/digits/cnn` is its first seed's. Raises RunError where there is none.
    """
    from escalera.inference.files import find_trained

    return Predictor(find_trained(_path("the folder of a run, as runs/digits/cnn", path)))


def _settings(sets: Sets) -> list[str]:
    if isinstance(sets, Mapping):
        return [f"{key}={json.dumps(value)}" for key, value in sets.items()]
    return _texts("sets", sets)


def _texts(name: str, given: str | Sequence[str]) -> list[str]:
    if isinstance(given, str):
        return [given]
    if not isinstance(given, Sequence) or not all(isinstance(one, str) for one in given):
        raise EscaleraError(f"{name}: expected a text, or a list of texts, received {_shown(given)}")
    return list(given)


def _path(name: str, given: Name) -> Path:
    if not isinstance(given, str | os.PathLike):
        raise EscaleraError(f"{name}: expected a path, received {_shown(given)}")
    return Path(given)


def _one_of(name: str, given: str, known: Sequence[str]) -> str:
    if given not in known:
        guess = perhaps(given, known) if isinstance(given, str) else ""
        raise EscaleraError(f"{name}: expected {', '.join(known)}, received {_shown(given)}{guess}")
    return given


def _shown(value: object) -> str:
    return f"{value!r:.60} ({type(value).__name__})"
