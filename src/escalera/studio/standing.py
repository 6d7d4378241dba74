"""Where the runs, searches and moves of a climb stand, read from their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from escalera.core.auto_record import FOLDER, NAME, AutoRecord
from escalera.core.errors import EscaleraError
from escalera.core.files import read_json, read_sealed
from escalera.core.rundir import RunDir

if TYPE_CHECKING:
    from escalera.ladder.schema import Rung, RungConfig

Standing = Literal["done", "running", "failed", "waiting"]


@dataclass(frozen=True)
class Step:
    """A rung and seed of the climb: where it stands, its epochs, and the seconds left of it, at most."""

    rung: str
    seed: int
    standing: Standing
    epoch: int
    epochs: int
    left: float | None = None
    accuracy: float | None = None
    error: str = ""


@dataclass(frozen=True)
class Hunt:
    """The search of a rung: how many trials it has had, `of` how many, and the best figure of validation so far."""

    rung: str
    standing: Standing
    trials: int
    of: int | None
    best: float | None = None
    loss: bool = False


def auto_of(ladder: Path) -> AutoRecord:
    """What a ladder that builds itself has tried so far; nothing where it has not begun, or cannot be read now."""
    try:
        values = read_sealed(ladder / FOLDER / NAME)
    except (EscaleraError, OSError):
        return AutoRecord()
    return AutoRecord.read(values, NAME, [])


def last_of(out: Path, file: str, running: bool) -> list[Step]:
    """How far the last rung of a ladder is that has built itself; nothing where its file is not there, or is no more
    one."""
    from escalera.experiment.climb import load_ladder

    try:
        ladder = load_ladder(Path(file)).ladder
    except (EscaleraError, OSError):
        return []
    rung = ladder.rungs[-1]
    return [step_of(RunDir(out / ladder.name / rung.name / "seed-0"), rung, 0, running)]


def hunt_of(folder: Path, rung: Rung, seed: int, standing: Standing) -> Hunt:
    """How far the search of a rung is, as search.json says, where it is of this very search."""
    from escalera.experiment import answers
    from escalera.ladder.space import size
    from escalera.report.search import read_search, result

    assert rung.search is not None
    of = size(rung.search.over) if rung.search.method == "grid" else rung.search.limit
    # One that is done has been looked at, and its rung has what it found by now.
    search = read_search(folder, finished=False)
    if search is None or (standing != "done" and answers.read_search(folder, rung, seed) is None):
        return Hunt(rung.name, "waiting", 0, of)
    ended = sum(trial.state != "running" for trial in search.record.trials)
    return Hunt(rung.name, standing, ended, of, result(search.best) if search.best else None, search.lowest)


def step_of(run: RunDir, rung: Rung, seed: int, running: bool) -> Step:
    """How far a run is."""
    from escalera.run.status import finished, unfinished

    epochs = rung.config.train.epochs
    try:
        begun = unfinished(run, rung)
        if begun is None and finished(run, rung):
            accuracy = read_json(run.metrics)["test"]["accuracy"]
            return Step(rung.name, seed, "done", run.read_record().get("epochs", epochs), epochs, accuracy=accuracy)
        # Another run may stand in its place until this one is done.
        record = begun.read_record() if begun else {}
        history = begun.read_history() if begun and record.get("state") == "running" else []
    except (EscaleraError, KeyError, TypeError, OSError):
        return Step(rung.name, seed, "waiting", 0, epochs)
    if record.get("state") == "failed":
        return Step(rung.name, seed, "failed", 0, epochs, error=str(record.get("error") or ""))
    if record.get("state") == "running" and running:
        left = _left(history, rung.config)
        return Step(rung.name, seed, "running", len(history), epochs, left)
    return Step(rung.name, seed, "waiting", len(history), epochs)


def _left(history: Sequence[Mapping[str, Any]], config: RungConfig) -> float | None:
    """Seconds left of a training, by what its last epochs took; None where none is known."""
    from escalera.ladder.epochs import worth

    each = worth(config)
    # Read while it is written, a history may have more epochs than the ladder asks for now.
    last = [
        (line["seconds"], share) for line, share in list(zip(history, each, strict=False))[-5:] if "seconds" in line
    ]
    if not last:
        return None
    seconds, work = map(sum, zip(*last, strict=True))
    return seconds / work * sum(each[len(history) :])
