"""Escalera: image classifiers, built and judged one change at a time.

`import escalera as esc` offers the functions of the command line, with arguments as people write them. Each imports
what it needs when it is called, so that neither this nor `escalera --help` waits for anything heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from escalera.core.arguments import Name, Sets
    from escalera.core.errors import EscaleraError
    from escalera.experiment.results import Results, Run
    from escalera.inference.predictor import Predictor
    from escalera.ladder.read import Reading

_CLASSES = {
    "EscaleraError": "core.errors",
    "Predictor": "inference.predictor",
    "Results": "experiment.results",
    "Run": "experiment.results",
}
"""The public classes, and where each is."""
_PUBLIC = (*_CLASSES, "climb", "load_ladder", "open")

# Not `open`: a star would hide Python's own.
__all__ = ["EscaleraError", "Predictor", "Results", "Run", "climb", "load_ladder"]


def load_ladder(source: Name | Mapping[str, Any], sets: Sets = (), data_root: Name | None = None) -> Reading:
    """Read a ladder: one that ships, by its name, a YAML file, by its path, or a mapping such as the file holds.

    Raises LadderError with every mistake in it, sources that are not in `data_root` either, EscaleraError where there
    is none.
    """
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from escalera.core import arguments
    from escalera.core.errors import EscaleraError
    from escalera.experiment import climb as climbing

    if not isinstance(source, str | os.PathLike | Mapping):
        raise EscaleraError(f"expected the name of a ladder, a path or a mapping, received {arguments.shown(source)}")
    root = arguments.path_or_none("data_root", data_root)
    return climbing.load_ladder(
        Path(source) if isinstance(source, os.PathLike) else source, arguments.settings(sets), root
    )


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
    from escalera.core import arguments
    from escalera.core.errors import EscaleraError
    from escalera.core.language import LANGUAGES
    from escalera.experiment import climb as climbing
    from escalera.ladder.read import Reading

    if not isinstance(ladder, Reading):
        reading = load_ladder(ladder, sets, data_root)
    elif sets:
        raise EscaleraError("sets: expected them in load_ladder, which has read this ladder already")
    else:
        reading = ladder
    return climbing.climb(
        reading,
        seeds=arguments.count("seeds", seeds),
        out=arguments.path("out", out),
        data_root=arguments.path_or_none("data_root", data_root),
        device=arguments.one_of("device", device, arguments.DEVICES),
        rungs=arguments.texts("rungs", rungs),
        fresh=fresh,
        skip_bad=skip_bad,
        language=arguments.one_of("language", language, LANGUAGES),
        events=Narrator(None if quiet else Console(), language=language),
    )


def open(path: Name) -> Predictor:
    """A finished run of an earlier climb, by its folder, or a model that `escalera export` wrote, by its file.

    `runs/digits/cnn` is its first seed's. Raises RunError where there is none.
    """
    from escalera.core import arguments
    from escalera.inference.files import find_trained
    from escalera.inference.predictor import Predictor

    return Predictor(find_trained(arguments.path("the folder of a run, as runs/digits/cnn", path)))


def __getattr__(name: str) -> Any:
    if name in _CLASSES:
        from importlib import import_module

        return getattr(import_module(f"escalera.{_CLASSES[name]}"), name)
    from escalera.core.errors import perhaps

    raise AttributeError(f"module 'escalera' has no attribute '{name}'{perhaps(name, _PUBLIC)}")


def __dir__() -> list[str]:
    return sorted(_PUBLIC)
