"""Which folder a run has, and what becomes of one that another replaces. Nothing finished is deleted by a climb.

seed-0             the run that its ladder stands by
seed-0.3fa9c1d2    a training with other settings, named after them, until it is done
seed-0.kept-001    a run that was replaced, numbered in the order in which that happened

Folders are renamed one at a time, so that after a crash each run still has one of these names; `settle` ends what was
begun.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Literal

from escalera.core.errors import RunError
from escalera.core.rundir import RunDir

_SUFFIX = re.compile(r"(?P<work>[0-9a-f]{8})|kept-(?P<number>\d+)|previous")
"""The last is what an earlier version called the one run that it kept."""
_REMOVED, _UNNAMED = ".removed-", ".begun-"
_LEFT = re.compile(r"\..+\.[a-z0-9_]{8}")
"""The name of a file that a process did not live to rename."""


def place(run: RunDir) -> RunDir:
    """Where the run stands, or would, that the ladder stands by."""
    return RunDir(run.path.with_name(f"seed-{run.seed}"))


def is_run(run: RunDir) -> bool:
    """Whether a folder has the name of a run."""
    seed, dot, _ = run.path.name.partition(".")
    return bool(re.fullmatch(r"seed-\d+", seed)) and (not dot or _match(run.path) is not None)


def standing_of(run: RunDir) -> Literal["stands", "begun", "kept"]:
    """Whether a run is the one that its ladder stands by, was begun beside it, or is kept."""
    if run.path == place(run).path:
        return "stands"
    return "begun" if _works(run.path) else "kept"


def others(run: RunDir) -> list[RunDir]:
    """The runs of the same rung and seed that their ladder does not stand by: those at work, then the kept ones."""
    found = [path for path in run.path.parent.glob(f"seed-{run.seed}.*") if _match(path) and path.is_dir()]
    return [RunDir(path) for path in sorted(found, key=lambda path: (not _works(path), path.name))]


def at_work(run: RunDir) -> list[RunDir]:
    """Those of the others that were not replaced, but begun and not finished."""
    return [other for other in others(run) if _works(other.path)]


def workplace(run: RunDir, settings: str) -> RunDir:
    """The folder of a training with other settings (a SHA-256), as long as it is not done."""
    return RunDir(run.path.with_name(f"seed-{run.seed}.{settings[:8]}"))


def set_aside(run: RunDir) -> RunDir:
    """Keep a run under the next number."""
    kept = _next(run)
    rename(run, kept)
    return kept


def _next(run: RunDir) -> RunDir:
    matches = (_match(path) for path in run.path.parent.glob(f"seed-{run.seed}.kept-*"))
    last = max((int(match["number"]) for match in matches if match), default=0)
    return RunDir(run.path.with_name(f"seed-{run.seed}.kept-{last + 1:03}"))


def replace(run: RunDir, settings: str) -> RunDir | None:
    """Have a finished run take the place that it should have, and give back the one that was kept for it, if any."""
    stands, kept = place(run), _next(run)
    replaced = stands.path.exists()
    # Under this name a crash tells it from those that were replaced.
    waiting = workplace(run, settings)
    if waiting.path != run.path:
        rename(run, waiting)
    if replaced:
        rename(stands, kept)
    rename(waiting, stands)
    return kept if replaced else None


def settle(rung: Path) -> None:
    """End what a crash has left half done in a rung's folder: a run that waits for its place, or that was removed."""
    for path in (*rung.glob(f"{_REMOVED}*"), *rung.glob(f"{_UNNAMED}*")):
        shutil.rmtree(path)
    for run in reversed(_waiting(rung)):
        if not place(run).path.exists():
            rename(run, place(run))


def store(rung: Path) -> None:
    """Number the finished runs of a rung's folder that wait for a place where another one stands by now."""
    for run in _waiting(rung):
        set_aside(run)


def _waiting(rung: Path) -> list[RunDir]:
    """The finished runs that have no place yet, the last one last: a climb ended before it gave it to them."""
    found = (RunDir(path) for path in rung.glob("seed-*") if _works(path))
    return sorted((run for run in found if run.state() == "done"), key=lambda run: run.record.stat().st_mtime_ns)


def remove(run: RunDir) -> None:
    """Delete a run, whole: what a crash leaves of it is no run any more."""
    gone = RunDir(run.path.with_name(_REMOVED + run.path.name))
    rename(run, gone)
    shutil.rmtree(gone.path)


def unnamed(run: RunDir) -> RunDir:
    """An empty folder that becomes a run's when it is renamed."""
    folder = run.path.with_name(_UNNAMED + run.path.name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return RunDir(folder)


def sweep(run: RunDir) -> None:
    """Drop what a process that was killed had not written to its end."""
    for path in run.path.rglob(".*"):
        if _LEFT.fullmatch(path.name) and path.is_file():
            path.unlink()


def rename(run: RunDir, to: RunDir) -> None:
    """Rename a run's folder; raises RunError where the system does not let it, with nothing changed."""
    try:
        run.path.rename(to.path)
    except OSError as error:
        raise RunError(
            f"could not rename {run.path} to {to.path.name}: {error.strerror}. Nothing of it is lost; close what reads "
            "it, and type the same command again."
        ) from error


def _match(path: Path) -> re.Match[str] | None:
    _, _, suffix = path.name.partition(".")
    return _SUFFIX.fullmatch(suffix)


def _works(path: Path) -> bool:
    match = _match(path)
    return bool(match and match["work"])
