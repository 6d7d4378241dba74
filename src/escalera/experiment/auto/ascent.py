"""A ladder that builds itself: from the cheapest honest rung, move by move, as long as there is time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from escalera.core.auto_record import FOLDER
from escalera.core.errors import EscaleraError, LadderError
from escalera.core.language import Language
from escalera.core.rundir import RunDir, trial_name
from escalera.experiment.auto.diary import Attempt, Diary
from escalera.experiment.auto.evidence import answered, weigh
from escalera.experiment.auto.ground import Ground
from escalera.experiment.auto.moves import AGAIN, LAST, MOVES, PARENT, first
from escalera.experiment.auto.text import as_ladder, left_out, sentence
from escalera.experiment.auto.timing import CARE, LEFT, Timing
from escalera.experiment.auto.uneven import metric
from escalera.experiment.climb import load_ladder
from escalera.experiment.executors import Executor
from escalera.experiment.muffled import Muffled
from escalera.experiment.search import SEED
from escalera.experiment.stage import Way
from escalera.ladder.read import Reading, dump_config
from escalera.ladder.schema import Rung
from escalera.run.outcome import Outcome
from escalera.run.task import Task

FIRST = "baseline"
OUT_OF_TIME = "out of time"
LATE = "it would not have ended in time"


@dataclass
class Ascent:
    """A ladder on its way up: `diary` knows how far it is, and the rest is tried in rounds until the time is up."""

    way: Way
    name: str
    ground: Ground
    diary: Diary
    timing: Timing
    words: Language
    late: list[str] = field(default_factory=list)
    """The moves that the last round left out, since they would have ended too late."""

    def __post_init__(self) -> None:
        self.folder = self.way.place.folder / FOLDER
        self.data_root = self.way.data_root

    def climb(self) -> float:
        """Try one move after the other, side by side as many as are at once, and keep those that help.

        Seconds come back that are needed once the last rung, which is like the last that was kept, has learned.
        """
        with self.way.make(Muffled(self.way.events), self._samples(), self.way.jobs, self.way.device) as pool:
            if not self.diary.kept:
                self._begin(pool)
            while self.diary.kept:
                attempts = self._round(pool.at_once)
                if not attempts:
                    break
                self._decide(self._tried(attempts, pool))
        dropped = {one.move for one in self.diary.attempts if one.state == "dropped"}
        if untried := [move for move in self.late if move not in dropped]:
            self.way.events.move_reported("waits", left_out(untried, self.words))
        return self.timing.after(self._rung(self.diary.kept[-1]), self.ground)

    def _begin(self, pool: Executor) -> None:
        """The first rung, as it is."""
        attempt = self._known("first", "") or self._new("first", "", first(self.ground, self.diary.epochs))
        [found] = self._tried([attempt], pool)
        if found.state == "failed":
            raise EscaleraError(f"not even the first rung could be trained: {found.error}")
        self._put(replace(found, state="kept"))
        self.way.events.move_reported("kept", sentence(self.diary.kept[0], self.words))

    def _round(self, count: int) -> list[Attempt]:
        """The moves that are tried next on the last rung: so many at the most, and none that would end too late."""
        parent = self.diary.kept[-1]
        config = self._config(parent)
        left = self._left(parent)
        chosen: list[Attempt] = []
        self.late = []
        for move in left:
            change = MOVES[move](self.ground, config)
            if change is None or len(chosen) == count or (chosen and move == LAST):
                continue
            attempt = self._known(move, parent.name) or self._new(move, parent.name, change)
            if attempt.state != "running":
                continue
            try:
                fits = self.timing.allows(self._rung(attempt), parent, self._rung(parent), self.ground)
            except EscaleraError as error:
                reason = "\n".join(map(str, error.problems)) if isinstance(error, LadderError) else str(error)
                self._put(failed := replace(attempt, state="failed", error=reason))
                self.way.events.move_reported("failed", sentence(failed, self.words))
                continue
            if fits:
                chosen.append(attempt)
                self._put(attempt)
            else:
                self.late.append(move)
        return chosen

    def _left(self, parent: Attempt) -> list[str]:
        """The moves that may be tried on a rung: those that helped before first, at last those that were dropped once.

        What did not help a small network may help a larger one, and what was cut off may have more time now.
        """
        if parent.move == LAST:
            return []
        tried = [one for one in self.diary.attempts if one.parent and not self._has_time_now(one)]
        over = {one.move for one in tried if one.state == "failed" or (one.state == "kept" and one.move not in AGAIN)}
        dropped = [one.move for one in tried if one.state == "dropped"]
        waiting = [one.move for one in tried if one.state == "waits" and one.parent != parent.name]
        again = [move for move in dict.fromkeys(dropped) if dropped.count(move) == 1]
        new = [move for move in MOVES if move not in dropped]
        left = [move for move in dict.fromkeys([*waiting, *new, *again]) if move not in {*over, LAST}]
        return [*left, *([] if LAST in over or LAST in dropped else [LAST])]

    def _tried(self, attempts: list[Attempt], pool: Executor) -> list[Attempt]:
        """The same moves, once all have been tried."""
        running: dict[Future[Outcome], Attempt] = {
            pool.submit(task, frozenset()): attempt for attempt in attempts for task in self._tasks(attempt)
        }
        came: dict[int, list[Outcome]] = {attempt.number: [] for attempt in attempts}
        found = []
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                attempt, outcome = running.pop(future), future.result()
                self.way.place.take(outcome)
                came[attempt.number].append(outcome)
                if len(came[attempt.number]) == attempt.turns:
                    found.append(self._evaluated(attempt, came[attempt.number]))
                    self._put(found[-1])
        return sorted(found, key=lambda one: one.number)

    def _evaluated(self, attempt: Attempt, outcomes: list[Outcome]) -> Attempt:
        """What came of the trainings of a trial, against the rung that it starts from."""
        runs, ended = self.runs(attempt), round(self.timing.elapsed, 1)
        failed = next((one for one in outcomes if one.state == "failed"), None)
        if failed is not None:
            return replace(attempt, state="failed", error=failed.error, ended=ended)
        records = [run.read_record() for run in runs]
        if attempt.parent and any(record.get("stopped") == OUT_OF_TIME for record in records):
            took = round(sum(record["seconds"] for record in records), 3)
            return replace(attempt, state="failed", error=LATE, seconds=took, ended=ended)
        new = answered(runs)
        found = replace(
            attempt,
            accuracy=new.figure(metric(self.ground)),
            loss=float(new.losses.mean()),
            seconds=round(sum(record["seconds"] for record in records), 3),
            epochs=sum(record.get("epochs", 0) for record in records),
            ended=ended,
        )
        if not attempt.parent:
            return found
        parent = next(one for one in self.diary.kept if one.name == attempt.parent)
        ratio = max(_each(found), 1e-3) / max(_each(parent), 1e-3)
        return replace(found, evidence=weigh(answered(self.runs(parent)), new, ratio, metric(self.ground)))

    def _decide(self, tried: list[Attempt]) -> None:
        """Keep the best of those that help; what helps too is tried again on top of it, and the rest is dropped."""
        good = [one for one in tried if one.evidence is not None and one.evidence.kept]
        best = max(good, key=_worth, default=None)
        for one in tried:
            if one.state == "failed":
                decided = one
            elif one is best:
                decided = replace(one, state="kept")
            else:
                decided = replace(one, state="waits" if one in good else "dropped")
            self._put(decided)
            self.way.events.move_reported(decided.state, sentence(decided, self.words))

    def _known(self, move: str, parent: str) -> Attempt | None:
        """The last attempt at a move on top of a rung that was begun, or judged, earlier."""
        known = [one for one in self.diary.attempts if (one.move, one.parent) == (move, parent)]
        return known[-1] if known and not self._has_time_now(known[-1]) else None

    def _has_time_now(self, attempt: Attempt) -> bool:
        """Whether a trial was cut off by the minutes of an earlier call, and those of this one leave it more."""
        return attempt.error == LATE and self._time_of_trial() > CARE * attempt.seconds / attempt.turns

    def _time_of_trial(self) -> float:
        """Seconds that a trial may take which begins now."""
        return self.timing.left * (1 - LEFT)

    def _new(self, move: str, parent: str, change: dict[str, Any]) -> Attempt:
        names = [one.name for one in self.diary.attempts]
        name = FIRST if move == "first" else move
        again = 2
        while name in names and any(one.name == name and one.state == "kept" for one in self.diary.attempts):
            name, again = f"{move}-{again}", again + 1
        return Attempt(move, name, parent, change, len(self.diary.attempts) + 1, turns=self.ground.turns)

    def _put(self, attempt: Attempt) -> None:
        self.diary.put(attempt)
        self.diary.elapsed = round(self.timing.elapsed, 1)
        self.diary.write(self.folder)

    def _rung(self, attempt: Attempt) -> Rung:
        """The rung of an attempt, resolved; raises LadderError where it cannot be."""
        reading = self._reading(attempt)
        return reading.ladder[attempt.name]

    def _reading(self, attempt: Attempt, turn: int = 0) -> Reading:
        last = None if attempt.state == "kept" else attempt
        if last is not None and last.parent:
            # Nothing but trials has been trained so far: features come from that of the rung below, of the same turn.
            parent = next(one for one in self.diary.kept if one.name == last.parent)
            last = replace(last, change=_from(last.change, self.runs(parent)[turn].path))
        return load_ladder(as_ladder(self.name, replace(self.diary, final={}), last), (), self.data_root)

    def _config(self, attempt: Attempt) -> Mapping[str, Any]:
        return dump_config(self._rung(attempt).config)

    def _tasks(self, attempt: Attempt) -> list[Task]:
        """The trainings of an attempt: one, or one for each part of the rows that is validation in turn."""
        return [self._task(attempt, turn) for turn in range(attempt.turns)]

    def _task(self, attempt: Attempt, turn: int = 0) -> Task:
        reading = self._reading(attempt, turn)
        rung = reading.ladder[attempt.name]
        [task] = self.way.tasks(reading, [(rung, SEED + turn)])
        trial = rung.model_copy(update={"name": self.trial(attempt), "parent": None, "why": None})
        part = turn + 1 if attempt.turns > 1 else None
        source = replace(task.source, attributes=self.ground.attributes > 0, turn=part)
        return replace(
            task,
            name=trial.name,
            rung=trial.model_dump_json(),
            source=source,
            place="",
            on="validation",
            deadline=time.time() + self._time_of_trial(),
        )

    def _samples(self) -> list[Task]:
        """Tasks like those that come, for whoever shares out memory: the first, and a larger one."""
        known = self.diary.kept[-1] if self.diary.kept else None
        task = self._task(known or Attempt("first", FIRST, "", first(self.ground, self.diary.epochs), 1))
        return [task] * len(MOVES)

    @staticmethod
    def trial(attempt: Attempt) -> str:
        """The name of the folder of an attempt's trial."""
        return trial_name(FOLDER, attempt.number)

    def runs(self, attempt: Attempt) -> list[RunDir]:
        """The trainings of an attempt's trial."""
        folder = self.way.place.folder / self.trial(attempt)
        return [RunDir(folder / f"seed-{SEED + turn}") for turn in range(attempt.turns)]


def _worth(attempt: Attempt) -> tuple[float, float]:
    assert attempt.evidence is not None
    return attempt.evidence.difference, -attempt.evidence.loss


def _each(attempt: Attempt) -> float:
    """Seconds of an epoch: a training that stops early is not dearer by what it would have taken."""
    return attempt.seconds / attempt.epochs if attempt.epochs else attempt.seconds


def _from(change: Mapping[str, Any], run: Path) -> dict[str, Any]:
    """A change in which the rung that it starts from is a run."""

    def named(value: Any) -> Any:
        if value == PARENT:
            return {"run": str(run)}
        return {key: named(inner) for key, inner in value.items()} if isinstance(value, dict) else value

    return {path: named(value) for path, value in change.items()}
