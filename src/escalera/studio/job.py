"""A climb as a process of its own: started, watched through the files of its runs, stopped, taken up again.

It goes on when the page is closed, and when the studio is. What was asked stands in `<out>/.studio/climb.json`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalera.core.auto_record import MoveRecord
from escalera.core.child import APART
from escalera.core.errors import EscaleraError, RunError
from escalera.core.files import read_json, write_json
from escalera.core.rundir import RunDir
from escalera.studio.standing import Hunt, Standing, Step, auto_of, hunt_of, last_of, step_of

if TYPE_CHECKING:
    from escalera.ladder.schema import Rung

_CODE = (
    # A process started in the background of a shell may have been told to ignore Ctrl-C, by which it is stopped.
    # Windows sends Ctrl-C to every process of a console, and Ctrl-Break to one.
    "import signal; stop = getattr(signal, 'SIGBREAK', signal.SIGINT); "
    "signal.signal(stop, signal.default_int_handler); from escalera.cli import main; main()"
)
_TAIL = 4000


@dataclass(frozen=True)
class Request:
    """What is climbed: a ladder, its rungs (all when none is named), seeds, and settings as `--set` has them.

    `jobs` runs are trained side by side. With `minutes` a ladder builds itself, and `ladder` is the source of it;
    `name` is then that of the ladder, "" for one that is free when it starts.
    """

    ladder: str
    rungs: list[str] = field(default_factory=list)
    seeds: int = 1
    sets: list[str] = field(default_factory=list)
    jobs: int = 1
    minutes: float | None = None
    name: str = ""

    @property
    def title(self) -> str:
        """What a person knows it by."""
        path = Path(self.ladder)
        return self.name or (path.stem if path.suffix in (".yaml", ".yml") else self.ladder)

    def options(self) -> list[str]:
        """As the command line takes it."""
        if self.minutes is not None:
            name = [f"--name={self.name}"] if self.name else []
            return ["auto", self.ladder, f"--minutes={self.minutes:g}", *name]
        rungs = [f"--rung={name}" for name in self.rungs]
        counts = [f"--seeds={self.seeds}", f"--jobs={self.jobs}"]
        return ["climb", self.ladder, *rungs, *(f"--set={text}" for text in self.sets), *counts]


@dataclass(frozen=True)
class Progress:
    """How far the climb is; `log` is the end of what it printed."""

    request: Request
    running: bool
    steps: list[Step]
    log: str
    hunts: list[Hunt] = field(default_factory=list)
    moves: list[MoveRecord] = field(default_factory=list)
    """Of a ladder that builds itself."""
    file: str = ""
    """Where it was written, once it was; `steps` has its last rung then."""

    @property
    def left(self) -> float | None:
        """Seconds left of the rung at work, at most."""
        return next((step.left for step in self.steps if step.standing == "running"), None)

    @property
    def unfinished(self) -> bool:
        """Whether something is left to do, and nobody is at it."""
        building = self.request.minutes is not None and not self.file
        return not self.running and (building or any(step.standing != "done" for step in self.steps))


class Job:
    """The one climb of a folder of runs."""

    def __init__(self, out: Path, data_root: Path | None = None) -> None:
        self.out = out
        self._data_root = data_root
        self._file = out / ".studio" / "climb.json"
        self._log = out / ".studio" / "climb.log"
        self._lock = threading.Lock()

    @property
    def data_root(self) -> Path | None:
        """The folder of data, where it is there: that of one's own sets is made with the first of them."""
        return self._data_root if self._data_root and self._data_root.is_dir() else None

    def start(self, request: Request, language: str = "en") -> None:
        """Begin, or go on with, a climb.

        Raises LadderError for settings that are wrong, RunError while another one is at work.
        """
        if request.minutes is None:
            self._rungs(request)
        else:
            # Decided here and told to the command, so that the page looks where that builds.
            request = replace(request, name=self._built_as(request))
        with self._lock:
            if self.running():
                raise RunError("a climb is at work already; wait until it is done, or stop it")
            self._file.parent.mkdir(parents=True, exist_ok=True)
            place = ["--data-root", str(self.data_root)] if self.data_root else []
            options = [*request.options(), "--out", str(self.out), "--lang", language, *place]
            with self._log.open("wb") as log:
                process = subprocess.Popen(
                    [sys.executable, "-P", "-c", _CODE, *options],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "COLUMNS": "110", "PYTHONUNBUFFERED": "1"},
                    **APART,
                )
            # Somebody has to ask how it ended, or it stays among the processes as a zombie.
            threading.Thread(target=process.wait, daemon=True).start()
            born = _born(process.pid)
            write_json(self._file, {"process": process.pid, "born": born, **asdict(request)})

    def replaces(self, request: Request) -> list[str]:
        """The finished runs (`digits/wider/seed-0`) that such a climb would set aside for others.

        Raises LadderError for settings that are wrong.
        """
        from escalera.ladder.schema import seeds_of
        from escalera.run.status import finished

        name, rungs, _ = self._rungs(request)
        seeds = range(seeds_of(rungs, request.seeds))
        runs = [(RunDir(self.out / name / rung.name / f"seed-{n}"), rung) for rung in rungs for n in seeds]
        others = (run for run, rung in runs if run.state() == "done" and not finished(run, rung))
        return ["/".join(run.path.parts[-3:]) for run in others]

    def stop(self) -> None:
        """Have the climb end after the step at hand, as Ctrl-C does; the same climb goes on from there."""
        with self._lock:
            if self.running():
                with contextlib.suppress(OSError):  # it ended just now
                    os.kill(self._read()["process"], getattr(signal, "CTRL_BREAK_EVENT", signal.SIGINT))

    def running(self) -> bool:
        """Whether the climb that was begun last is at work."""
        found = self._read()
        return bool(found) and _born(found["process"]) == found["born"] is not None

    def request(self) -> Request | None:
        """What was climbed last, or is being climbed."""
        found = self._read()
        if not found:
            return None
        more = {key: found[key] for key in ("jobs", "minutes", "name") if key in found}
        return Request(found["ladder"], found["rungs"], found["seeds"], found["sets"], **more)

    def progress(self) -> Progress | None:
        """How far it is; None where nothing was ever begun."""
        request = self.request()
        if request is None:
            return None
        running = self.running()
        if request.minutes is not None:
            record = auto_of(self.out / self._built_as(request))
            file = record.file.get("path", "")
            steps = last_of(self.out, file, running) if file else []
            return Progress(request, running, steps, self._printed(), moves=record.attempts, file=file)
        try:
            name, rungs, hunts = self._rungs(request, running)
        except EscaleraError:
            return Progress(request, running, [], self._printed())
        from escalera.ladder.schema import seeds_of

        steps = [
            step_of(RunDir(self.out / name / rung.name / f"seed-{seed}"), rung, seed, running)
            for rung in rungs
            for seed in range(seeds_of(rungs, request.seeds))
        ]
        return Progress(request, running, steps, self._printed(), hunts)

    def _built_as(self, request: Request) -> str:
        """The name of a ladder that builds itself."""
        from escalera.experiment.auto.name import free_name

        return request.name or free_name(request.ladder, self.out)

    def _rungs(self, request: Request, running: bool = False) -> tuple[str, Sequence[Rung], list[Hunt]]:
        """The ladder's name, the rungs that are asked for with what searches have found for them, and those searches.

        Raises LadderError for what is wrong in the settings.
        """
        from escalera.experiment.answers import known_answers
        from escalera.experiment.climb import load_ladder
        from escalera.run.lineage import inherit

        reading = load_ladder(request.ladder, request.sets)
        folder, waiting = self.out / reading.ladder.name, list[str]()
        state: Standing = "running" if running else "waiting"
        if any(rung.search for rung in reading.rungs):
            answered, waiting = known_answers(reading, folder)
            reading = inherit(answered)
        rungs = [rung for rung in reading.rungs if not request.rungs or rung.name in request.rungs]
        hunts = [
            hunt_of(folder / rung.name, rung, reading.ladder.seed, state if rung.name in waiting else "done")
            for rung in rungs
            if rung.search
        ]
        return reading.ladder.name, rungs, hunts

    def _read(self) -> dict[str, Any]:
        try:
            found = dict(read_json(self._file))
            return found if {"process", "born", "ladder", "rungs", "seeds", "sets"} <= found.keys() else {}
        except (EscaleraError, TypeError, ValueError):
            return {}

    def _printed(self) -> str:
        try:
            with self._log.open("rb") as file:
                file.seek(max(0, self._log.stat().st_size - _TAIL))
                return file.read().decode(errors="replace")
        except OSError:
            return ""


def settings(values: Mapping[str, str], more: str = "") -> list[str]:
    """A form as `--set` takes it: what is empty is left as the ladder has it; `more` holds a setting a line."""
    filled = [f"{path}={value.strip()}" for path, value in values.items() if value.strip()]
    return [*filled, *(line.strip() for line in more.splitlines() if line.strip())]


def plan(request: Request, data_root: Path | None = None) -> list[dict[str, Any]]:
    """What the climb would cost, as `experiment.climb.plan` says; nothing is trained.

    Raises LadderError for wrong settings.
    """
    from escalera.experiment.climb import load_ladder
    from escalera.experiment.climb import plan as plan_rungs

    return plan_rungs(load_ladder(request.ladder, request.sets, data_root), data_root=data_root, rungs=request.rungs)


def _born(process: int) -> float | None:
    """When a process began, which tells it from a later one of the same number; None when it is over."""
    import psutil

    try:
        found = psutil.Process(process)
        return None if found.status() == psutil.STATUS_ZOMBIE else float(found.create_time())
    except (psutil.Error, ValueError, TypeError):
        return None
