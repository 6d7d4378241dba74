"""All runs below a folder, the kept ones too: listed, put back, removed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from escalera.core.errors import EscaleraError, RunError, nearest
from escalera.core.fault import Fault
from escalera.core.files import read_json, read_sealed
from escalera.core.locking import lock
from escalera.core.neighbours import near, near_run
from escalera.core.rundir import SEARCH, RunDir
from escalera.core.search_record import NAME as FILE
from escalera.core.search_record import SearchRecord
from escalera.experiment.ladder_file import NAME, refresh
from escalera.experiment.study import JOURNAL
from escalera.ladder.change import difference
from escalera.ladder.saved import read_config
from escalera.ladder.schema import RungConfig
from escalera.run import keeping
from escalera.run.status import ANSWERS, fingerprint

Place = Literal["stands", "begun", "kept"]
DEPTHS = tuple(f"{above}{name}*" for above in ("", "*/", "*/*/") for name in ("seed-", SEARCH))
"""Where runs and searches lie below a rung's folder, a ladder's, and the one of all ladders."""
_SEARCH = re.compile(rf"{SEARCH}(\.kept-\d+)?")


@dataclass(frozen=True)
class Listed:
    """A run: `place` is whether its ladder stands by it, it is kept, or was begun beside the one that stands.

    The search of a rung is one entry, with all its `trials`. `differs` are the settings in which it differs from the
    one that stands; `damaged` is the first file that is not what was written; `date` is when it ended or began,
    `accuracy` that on test.
    """

    path: Path
    place: Place
    state: str
    settings: str
    date: str
    accuracy: float | None
    bytes: int
    damaged: str
    differs: dict[str, Any]
    trials: int | None = None

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {**asdict(self), "path": str(self.path)}


def inventory(folder: Path) -> list[Listed]:
    """The runs and searches in a folder of ladders, of a ladder, of a rung, or of one run, those that stand first.

    Raises RunError where there is no such folder.
    """
    return [_searched(run) if _is_search(run) else _listed(run) for run in _runs(folder)]


def find(what: str, out: Path) -> RunDir:
    """A run that is named exactly, by its path or by its path below `out`; raises RunError for anything else."""
    named = Path(what)
    for path in (named, out / named):
        run = RunDir(path)
        if path.is_dir() and (keeping.is_run(run) or _is_search(run)):
            return run if len(path.parts) > 2 else RunDir(path.absolute())
        inside = _names(_runs(path), path) if path.is_dir() else []
        if inside:
            listed = ", ".join(inside[:5]) + (f" and {len(inside) - 5} more" if len(inside) > 5 else "")
            raise RunError(f"{what} is no run but holds {len(inside)}: {listed}. Name one of them whole.")
    known = _names(_runs(out), out) if out.is_dir() else []
    raise RunError(f"there is no run {what}; {nearest(what, known)}")


def restore(run: RunDir) -> RunDir | None:
    """Have a kept run stand again, and keep the one that stood; where that went, None where none did.

    Raises RunError for one that stands already, is not finished or is damaged.
    """
    if _is_search(run):
        raise RunError(
            f"{run.path} is a search: what it found stands in its rung again when the ladder is climbed with it. Only "
            "runs are put back."
        )
    with lock(run.path.parents[1]):
        keeping.settle(run.path.parent)
        if not run.path.exists():
            raise RunError(f"{run.path} took its place just now: a climb had not come to its end")
        if run.path == keeping.place(run).path:
            raise RunError(f"{run.path} stands already; escalera runs lists those that are kept")
        record = run.read_record()
        if record.get("state") != "done":
            raise RunError(f"{run.path} is {record.get('state')}, not done; climb with its settings to finish it")
        run.check(*ANSWERS)
        replaced = keeping.replace(run, str(record.get("settings") or fingerprint(read_config(run.config))))
        refresh(run.path.parents[1])
    return replaced


def remove(runs: Sequence[RunDir]) -> None:
    """Delete runs, for good."""
    for run in runs:
        with lock(run.path.parents[1]):
            keeping.remove(run)
            refresh(run.path.parents[1])


def rewrite_report(ladder: Path, data_root: Path | None = None) -> Path | None:
    """Write the page of a ladder again, in its own language; None where it has none, or no runs any more."""
    from escalera.inference.illustrations import illustrated_report

    page = ladder / "report.html"
    if not page.is_file() or not (ladder / NAME).is_file():
        return None
    found = re.search(r'<html[^>]* lang="(\w+)"', page.read_text(encoding="utf-8", errors="replace")[:500])
    try:
        return illustrated_report(ladder, found[1] if found else "en", data_root)
    except EscaleraError:
        return None


def _runs(folder: Path) -> list[RunDir]:
    if not folder.is_dir():
        guess = near_run(folder) or near(folder, Path.is_dir)
        beside = [str(path) for path in folder.parent.glob("*") if path.is_dir()] if folder.parent.is_dir() else []
        hint = f"did you mean '{guess}'?" if guess else nearest("", beside)
        raise RunError(f"there is no folder {folder}; {hint}")
    if keeping.is_run(RunDir(folder)) or _is_search(RunDir(folder)):
        return [RunDir(folder)]
    found = [RunDir(path) for depth in DEPTHS for path in folder.glob(depth) if path.is_dir()]
    runs = [run for run in found if _is_search(run) or (keeping.is_run(run) and not _is_trial(run))]
    return sorted(runs, key=lambda run: (run.path.parent, run.seed, run.path.name))


def _is_search(run: RunDir) -> bool:
    """Whether a folder is that of a rung's search, or one that was kept, and no rung of that name."""
    return bool(_SEARCH.fullmatch(run.path.name)) and any((run.path / name).is_file() for name in (FILE, JOURNAL))


def _is_trial(run: RunDir) -> bool:
    """Whether a run is a trial of a search, which is listed whole."""
    return _is_search(RunDir(run.path.parent.parent))


def _searched(run: RunDir) -> Listed:
    """The search in a folder: it has no accuracy on test."""
    faults: list[Fault] = []
    record = SearchRecord()
    try:
        record = SearchRecord.read(read_sealed(run.path / FILE), FILE, faults)
    except RunError:
        faults.append(Fault(FILE, "changed"))
    made = max((path.stat().st_mtime for path in run.path.glob("*") if path.is_file()), default=0.0)
    return Listed(
        path=run.path,
        place="stands" if run.path.name == SEARCH else "kept",
        state=record.state or "damaged",
        settings="",
        date=datetime.fromtimestamp(made, UTC).isoformat(timespec="seconds"),
        accuracy=None,
        bytes=_bytes(run.path),
        damaged=FILE if faults else "",
        differs={},
        trials=len(record.trials),
    )


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _names(runs: Sequence[RunDir], folder: Path) -> list[str]:
    return [run.path.relative_to(folder).as_posix() for run in runs]


def _listed(run: RunDir) -> Listed:
    record: dict[str, Any] = {}
    state, damaged, accuracy = run.state(), "", None
    if state == "damaged":
        damaged = run.record.name
    elif state != "absent":
        record = run.read_record()
        damaged = next(iter(run.faults()), "")
    if state == "done" and run.metrics.name not in run.faults():
        accuracy = _accuracy(run)
    config, stands = _config(run), _config(keeping.place(run))
    changes = difference(stands, config) if config and stands else []
    return Listed(
        path=run.path,
        place=keeping.standing_of(run),
        state=state,
        settings=fingerprint(config) if config else str(record.get("settings") or ""),
        date=str(record.get("finished") or record.get("started") or ""),
        accuracy=accuracy,
        bytes=_bytes(run.path),
        damaged=damaged,
        differs={change.path: change.after for change in changes},
    )


def _accuracy(run: RunDir) -> float | None:
    try:
        return float(read_json(run.metrics)["test"]["accuracy"])
    except (EscaleraError, KeyError, TypeError, ValueError):
        return None


def _config(run: RunDir) -> RungConfig | None:
    try:
        return read_config(run.config) if run.config.is_file() else None
    except EscaleraError:
        return None
