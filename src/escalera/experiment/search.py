"""A rung that searches: settings are tried on validation alone, side by side, and the best become the rung's own.

The trials stand in the rung's folder, `tuned/search/trial-0003/seed-0`, beside what came of them: search.json.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from escalera.core.errors import EscaleraError
from escalera.core.files import read_json, write_sealed
from escalera.core.rundir import SEARCH, RunDir, trial_name
from escalera.core.search_record import NAME, TABLE
from escalera.experiment.answers import flattery, identity, read_search, set_aside
from escalera.experiment.muffled import Muffled
from escalera.experiment.stage import Way, prepare
from escalera.experiment.study import LESS, Study, holds
from escalera.experiment.trials_file import write_trials
from escalera.ladder.change import apply
from escalera.ladder.explain import mistakes
from escalera.ladder.read import Reading, dump_config
from escalera.ladder.schema import Rung, RungConfig, Search
from escalera.ladder.space import end_of, settings, size
from escalera.run.outcome import Outcome
from escalera.run.task import Task, data_of
from escalera.run.trial import Trial

SEED = 1_000
"""The seed of all trials, which differ in their settings alone; runs have others, as nobody asks for so many."""
HALVINGS = 3
"""How often successive halving looks at a trial at the most."""
GIVEN_UP = 10
"""Trials that fail one after the other before any is done: more of them would not end otherwise."""


def search_rung(way: Way, reading: Reading, rung: Rung) -> str:
    """Find the best settings of a rung; why none was found, or nothing.

    It goes on where an earlier one was stopped or killed. Raises KeyboardInterrupt where the user stops it.
    """
    assert rung.search is not None
    home, seed = way.place.folder / rung.name, reading.ladder.seed
    name = identity(rung, seed)
    if read_search(home, rung, seed) is None and not holds(home / SEARCH, name):
        set_aside(home)
    [base] = way.tasks(reading, [(rung, SEED)])
    prepare(way, reading, [base], [rung])
    return _Hunt(way, rung, rung.search, base, Study(home / SEARCH, name, rung.search, seed)).run()


def pauses(epochs: int) -> list[int]:
    """The epochs after which successive halving looks at a trial of so many."""
    least = max(1, epochs // LESS**HALVINGS)
    return [stop for number in range(HALVINGS) if (stop := least * LESS**number) <= epochs / 2]


@dataclass
class _Hunt:
    """A search at work: what was tried is in its study, and the rest is asked for while there is time."""

    way: Way
    rung: Rung
    search: Search
    base: Task
    study: Study

    def __post_init__(self) -> None:
        self.folder = self.way.place.folder / self.rung.name / SEARCH
        self.began = time.monotonic()
        found = read_search(self.folder.parent, self.rung, self.base.source.seed) or {}
        self.before = float(found.get("elapsed", max((trial.ended for trial in self.study.trials()), default=0.0)))
        self.epochs = self.search.epochs or self.rung.config.train.epochs
        self.size = size(self.search.over)

    @property
    def elapsed(self) -> float:
        """Seconds that the search has taken, in all its parts."""
        return self.before + time.monotonic() - self.began

    def run(self) -> str:
        """Try all that is to be tried; why nothing was found, or nothing."""
        way, rows = self.way, self._rows()
        left = [trial for trial in self.study.trials() if trial.state == "running" or trial.again]
        ended = [trial for trial in self.study.trials() if trial not in left]
        most = self.study.limit or max(len(ended), 20)
        way.events.search_begins(self.rung, self.study.limit, len(ended), rows, flattery(rows, most))
        with way.make(Muffled(way.events), self._samples(most), way.jobs, way.device) as pool:
            running: dict[Future[Outcome], Trial] = {}
            for trial in left:
                if trial.again:
                    # It begins anew: its weights were not kept.
                    shutil.rmtree(self._run(trial).path, ignore_errors=True)
                self._go_on(self.study.again(trial), running, pool.submit)
            while True:
                while len(running) < pool.at_once and self._goes_on():
                    self._begin(self.study.ask(), running, pool.submit)
                if not running:
                    break
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    trial, outcome = running.pop(future), future.result()
                    way.place.take(outcome)
                    if outcome.state == "paused" and self._promoted(trial):
                        self._begin(trial, running, pool.submit)
                    else:
                        self._tell(self._evaluated(trial, outcome))
        return self._end()

    def _go_on(self, trial: Trial, running: dict[Future[Outcome], Trial], submit: Any) -> None:
        """Take a trial up that was left; where it paused, it is first seen whether it goes on."""
        if self._reached(trial) in self._stops() and not self._promoted(trial):
            self._tell(self._evaluated(trial, Outcome(self._name(trial), SEED, "paused")))
        else:
            self._begin(trial, running, submit)

    def _goes_on(self) -> bool:
        """Whether another trial is to begin: there is one left, it would end in time, and not all have failed."""
        trials = self.study.trials()
        over = [trial for trial in trials if trial.state != "running"]
        if len(over) >= GIVEN_UP and all(trial.state == "failed" for trial in over):
            return False
        if self.search.minutes is not None and trials:
            last = max((trial.seconds for trial in over if trial.state == "done"), default=0.0)
            if self.elapsed + last > 60 * self.search.minutes:
                return False
        return self.study.limit is None or len(trials) < self.study.limit

    def _begin(self, trial: Trial, running: dict[Future[Outcome], Trial], submit: Any) -> None:
        """Perform a trial, as far as to its next pause; one whose settings make no rung, or were tried, is over."""
        if (twin := self._twin(trial)) is not None:
            self._tell(replace(twin, number=trial.number, epochs=0, seconds=0.0, kwh=None, same=twin.number))
            return
        try:
            task = self._task(trial)
        except EscaleraError as error:
            # Settings that make no rung never will.
            self._tell(replace(trial, state="failed", error=str(error)))
            return
        running[submit(task, frozenset())] = trial

    def _twin(self, trial: Trial) -> Trial | None:
        """An earlier trial with the very same settings that is done: the same training would come out the same."""
        alike = (one for one in self.study.trials() if one.number < trial.number and one.settings == trial.settings)
        return next((one for one in alike if one.state in ("done", "pruned")), None)

    def _task(self, trial: Trial) -> Task:
        """What a trial trains; raises EscaleraError where its settings make no rung."""
        rung = self._trained(trial.settings, self._name(trial))
        data = replace(self.base.source, data=rung.config.data.model_dump_json())
        return replace(
            self.base, name=rung.name, rung=rung.model_dump_json(), source=data,
            fresh=False, place="", on="validation", until=self._until(trial),
        )  # fmt: skip

    def _trained(self, values: Mapping[str, Any], name: str) -> Rung:
        """The rung with the settings of a trial."""
        values = apply(dump_config(self.rung.config), values)
        if self.search.epochs is not None:
            values = apply(values, {"train.epochs": self.search.epochs})
        found = mistakes(RungConfig, values)
        if found:
            raise EscaleraError("; ".join(mistake.message for mistake in found))
        return Rung(name=name, config=RungConfig.model_validate(values))

    def _stops(self) -> list[int]:
        """The epochs after which it is seen whether a trial goes on."""
        if not self.search.prune or not self.rung.config.model.trains:
            return []
        return pauses(self.epochs)

    def _until(self, trial: Trial) -> int | None:
        """The epochs after which the trial pauses next; None where it is to be trained to its end."""
        reached = self._reached(trial)
        return next((stop for stop in self._stops() if reached < stop), None)

    def _reached(self, trial: Trial) -> int:
        return len(self._run(trial).read_history())

    def _promoted(self, trial: Trial) -> bool:
        """Whether a trial that pauses is among the better third of those that have come as far."""
        return self.study.goes_on(trial, self._curve(trial))

    def _evaluated(self, trial: Trial, outcome: Outcome) -> Trial:
        """A trial that is over, with what came of it."""
        run, curve = self._run(trial), self._curve(trial)
        seconds = round(sum(epoch.get("seconds", 0.0) for epoch in run.read_history()), 3)
        spent: dict[str, Any] = {"curve": curve, "epochs": len(curve), "seconds": seconds}
        if outcome.state == "failed":
            return _failed(replace(trial, **spent), outcome.error)
        record = run.read_record()
        trial = replace(trial, error="", kwh=(record.get("energy") or {}).get("kwh"))
        if outcome.state == "paused":
            return replace(trial, state="pruned", value=curve[-1], **spent)
        validation = read_json(run.metrics)["validation"]
        value = float(validation[self.search.monitor.removeprefix("val_")])
        if not math.isfinite(value):
            return _failed(replace(trial, **spent), f"expected a finite {self.search.monitor}, received {value}")
        return replace(trial, state="done", value=value, **{**spent, "seconds": record["seconds"]})

    def _curve(self, trial: Trial) -> list[float]:
        return [float(epoch[self.search.monitor]) for epoch in self._run(trial).read_history()]

    def _tell(self, trial: Trial) -> None:
        """Keep what came of a trial; its weights are needed no more, since the winner is trained anew."""
        trial = replace(trial, ended=round(self.elapsed, 3))
        self.study.tell(trial)
        run = self._run(trial)
        shutil.rmtree(run.last, ignore_errors=True)
        run.best.unlink(missing_ok=True)
        self._write("running")
        self.way.events.trial_reported(trial, self.study.best(), self.study.limit)

    def _end(self) -> str:
        """Write what was found; why nothing was."""
        best, trials, minutes = self.study.best(), self.study.trials(), self.search.minutes
        if best is None:
            last = next((trial.error for trial in reversed(trials) if trial.error), "")
            return f"none of {len(trials)} trials came to an end; the last one: {last}"
        first = min(trial.ended for trial in trials if trial.state == "done") / 60
        if minutes is not None and first > minutes:
            return (
                f"search.minutes: {minutes:g} are too few for a single trial, which takes {first:.2g}; give more, or a "
                "trial fewer epochs"
            )
        self._write("done")
        self.way.events.search_ends(self.rung.name, best)
        return ""

    def _write(self, state: str) -> None:
        """Write search.json and trials.csv, of which reports are made."""
        trials, best = self.study.trials(), self.study.best()
        write_trials(self.folder / TABLE, trials, list(self.search.over))
        write_sealed(
            self.folder / NAME,
            {
                "rung": self.rung.name,
                "fingerprint": identity(self.rung, self.base.source.seed),
                "search": self.search.model_dump(),
                "state": state,
                "size": self.size,
                "rows": self._rows(),
                "elapsed": round(self.elapsed, 3),
                "seconds": round(sum(trial.seconds for trial in trials), 3),
                "best": None if best is None else best.number,
                "answer": None if best is None else best.settings,
                "importance": self.study.importance() if state == "done" else {},
                "trials": [asdict(trial) for trial in trials],
            },
        )
        self.way.place.give(at_work=True)

    def _rows(self) -> int:
        """How many rows of validation judge a trial: those that calibrate sets of classes are not among them."""
        return len(data_of(self.base, self.rung).validation.rows)

    def _samples(self, count: int) -> list[Task]:
        """Tasks like those of the trials, with the largest and the smallest values, for whoever shares out memory."""
        found = [self.base]
        for high in (True, False):
            drawn = settings(self.search.over, partial(end_of, high=high))
            try:
                rung = self._trained(drawn, self.rung.name)
            except EscaleraError:
                continue
            data = replace(self.base.source, data=rung.config.data.model_dump_json())
            found.append(replace(self.base, rung=rung.model_dump_json(), source=data))
        return [*found, *[self.base] * (count - len(found))][: max(1, count)]

    def _name(self, trial: Trial) -> str:
        return trial_name(self.rung.name, trial.number + 1)

    def _run(self, trial: Trial) -> RunDir:
        return RunDir(self.way.place.folder / self._name(trial) / f"seed-{SEED}")


def _failed(trial: Trial, error: str) -> Trial:
    """A trial that failed: the next command tries it again, unless it failed alike before."""
    return replace(trial, state="failed", error=error, again=error != trial.error)
