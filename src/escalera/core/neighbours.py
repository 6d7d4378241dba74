"""What a path that is not there, or is not what a command takes, was meant to be."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from escalera.core.errors import closest
from escalera.core.locking import HOLDER
from escalera.core.rundir import RunDir, rungs, standing

LADDER = "ladder.json"
RUNS = Path("runs")
"""Where runs go unless somebody says otherwise."""


def near(path: Path, fits: Callable[[Path], bool] = lambda found: True) -> Path | None:
    """The path with each name corrected where nothing is called so; None where nothing is near, or it does not fit."""
    found = Path()
    for name in path.parts:
        if not (found / name).exists():
            try:
                names = [one.name for one in found.iterdir()]
            except OSError:
                return None
            # The ending may have been left out, or be another one.
            close = closest(name, names) or next((one for one in names if Path(one).stem == name), None)
            if close is None:
                return None
            name = close
        found /= name
    return found if found != path and fits(found) else None


def near_run(path: Path) -> Path | None:
    """The folder with a run, or with rungs, that a path was meant to be, from here or in the folder of all runs."""
    places = [path] if path.is_absolute() else [path, RUNS / path]
    found = (place if _holds_runs(place) else near(place, _holds_runs) for place in places)
    return next((one for one in found if one is not None and one != path), None)


def holds_ladder(path: Path) -> bool:
    """Whether a folder is that of a ladder's runs, from the moment on in which a climb begins in it."""
    return _is_ladder(path) or (path / HOLDER).is_file()


def no_ladder(path: Path) -> str | None:
    """Why there is no ladder's folder of runs at a path, and what to type; None where a ladder's own file is gone."""
    if path.is_file():
        return f"expected a ladder's folder of runs, as runs/digits, received {path}.{_of_file(path)}"
    above = next((one for one in (path.parent, path.parent.parent) if one != path and _is_ladder(one)), None)
    if path.is_dir() and above:
        what = "a run" if RunDir(path).record.exists() else "a rung" if standing(path) else "a folder"
        return f"{path} is {what} of {above}; write escalera report {above}"
    below = sorted(one.parent for one in path.glob(f"*/{LADDER}")) if path.is_dir() else []
    if below:
        listed = ", ".join(one.name for one in below[:5]) + (f" and {len(below) - 5} more" if len(below) > 5 else "")
        return f"{path} is no ladder but holds {listed}; write escalera report {below[0]}"
    if path.is_dir() and _holds_runs(path):
        return None
    if path.is_dir():
        return f"expected a ladder's folder of runs, as runs/digits, received {path}, which holds none.{_at_hand()}"
    places = [path] if path.is_absolute() else [path, RUNS / path]
    guess = next((one for place in places if (one := place if _is_ladder(place) else near(place, _is_ladder))), None)
    return f"there is no folder {path}; did you mean '{guess}'?" if guess else f"there is no folder {path}.{_at_hand()}"


def _of_file(path: Path) -> str:
    """Of a ladder's YAML file or of a file beside its runs, where these are."""
    if _is_ladder(path.parent):
        return f" Write escalera report {path.parent}"
    if path.suffix.lower() not in (".yaml", ".yml"):
        return ""
    text = path.read_text(encoding="utf-8", errors="replace")
    named = re.search(r"^name:\s*['\"]?([^\s'\"#]+)", text, re.MULTILINE)
    runs = RUNS / (named[1] if named else path.stem)
    if _is_ladder(runs):
        return f" Its runs are in {runs}; write escalera report {runs}"
    return f" It has no runs in {runs}; write escalera climb {path}"


def _at_hand() -> str:
    """The ladders that have runs in the usual place."""
    names = sorted(one.parent.name for one in RUNS.glob(f"*/{LADDER}"))[:5]
    return f" In {RUNS}: {', '.join(names)}" if names else ""


def _is_ladder(path: Path) -> bool:
    return (path / LADDER).is_file()


def _holds_runs(path: Path) -> bool:
    return path.is_dir() and bool(RunDir(path).record.exists() or standing(path) or rungs(path))
