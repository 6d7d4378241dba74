"""The course of a climb: stages of rungs whose settings are known, and between them the searches that find others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from escalera.core.errors import EscaleraError
from escalera.core.rundir import RunDir
from escalera.core.runtime import cores
from escalera.experiment.answers import blocked, first_of, known_answers, set_aside
from escalera.experiment.executors import ahead
from escalera.experiment.ladder_file import write_ladder
from escalera.experiment.search import search_rung
from escalera.experiment.stage import Way, find_pending, perform, prepared
from escalera.ladder.read import Reading
from escalera.ladder.schema import Rung
from escalera.run.outcome import Outcome


class Course:
    """What is left of a climb, from one stage to the next; `reading` has what the searches have found so far.

    Raises EscaleraError where a rung is chosen whose settings are found by one that is not.
    """

    def __init__(self, way: Way, reading: Reading, runs: Mapping[tuple[str, int], RunDir], command: str, seeds: int):
        self.way, self.runs, self.command, self.seeds = way, runs, command, seeds
        names = {name for name, _ in runs}
        if way.fresh:
            for rung in reading.rungs:
                if rung.search is not None and rung.name in names:
                    set_aside(way.place.folder / rung.name)
        self.given = reading
        self.reading, waiting = known_answers(reading, way.place.folder)
        self.waiting = [name for name in waiting if name in names]
        self._check_chosen(waiting, names)
        behind = blocked(self.reading.ladder, self.waiting)
        known = {key: run for key, run in runs.items() if key[0] not in behind}
        self.pending, self.restored = find_pending(self.reading.ladder, known, way.fresh)
        self.later = [key for key in runs if key[0] in behind]
        self.done = 0
        self.changed = bool(self.pending or self.restored or self.later)

    @property
    def left(self) -> int:
        """How many runs are to do, those included of which nobody knows yet whether they are done."""
        return len(self.pending) + len(self.later)

    def climb(self) -> list[Outcome]:
        """Train what is left, stage by stage; what failed comes back."""
        # A search, which comes first where no settings are known, has trials for every core.
        first = len(self.pending) or (cores() if self.later else 0)
        with ahead(self.way.make, self.way.jobs, first) as make:
            self.way = replace(self.way, make=make)
            return self._stages()

    def _stages(self) -> list[Outcome]:
        failed: list[Outcome] = []
        while True:
            tasks = prepared(self.way, self.reading, self.pending, self.done, len(self.later))
            # Before the first training, so that an interrupted climb can be reported too.
            self._write()
            self.way.place.give()
            for outcome in perform(self.way, self.reading.ladder, tasks):
                failed += [outcome] if outcome.state == "failed" else []
                self._write()
            self.done += len(self.pending)
            self.pending = []
            if not self.waiting:
                return failed
            failed += self._search()

    def _search(self) -> list[Outcome]:
        """Do the next search whose own settings are known; the runs that are lost where it finds nothing."""
        ladder = self.reading.ladder
        name = first_of(ladder, self.waiting)
        error = search_rung(self.way, self.reading, ladder[name])
        lost = [self._lost(key, name, error) for key in self.later if error and key[0] in blocked(ladder, [name])]
        self.reading, waiting = known_answers(self.given, self.way.place.folder)
        assert error or name not in waiting, f"the search of '{name}' is over, and is not known to be"
        gone = {outcome.rung for outcome in lost}
        self.waiting = [one for one in self.waiting if one in waiting and one not in gone]
        behind = blocked(self.reading.ladder, self.waiting) | gone
        ready = {key: self.runs[key] for key in self.later if key[0] not in behind}
        self.pending, restored = find_pending(self.reading.ladder, ready, self.way.fresh)
        for kept, run in restored:
            self.way.events.put_back(kept.path, run.path)
        self.later = [key for key in self.later if key[0] in behind - gone]
        return lost

    def _lost(self, key: tuple[str, int], name: str, error: str) -> Outcome:
        """A run whose settings nobody has found."""
        rung: Rung = self.reading.ladder[key[0]]
        message = error if rung.name == name else f"its settings come from the search of '{name}', which found none"
        self.way.events.rung_failed(rung, message, "")
        return Outcome(*key, "failed", message)

    def _check_chosen(self, waiting: list[str], names: set[str]) -> None:
        for name in sorted(names):
            for other in waiting:
                if other not in names and name in blocked(self.reading.ladder, [other]):
                    raise EscaleraError(
                        f"--rung {name}: its settings come from the search of '{other}', which is still to be done. "
                        f"Climb that one first, or with it: --rung {other} --rung {name}."
                    )

    def _write(self) -> None:
        """Write ladder.json as the runs stand now."""
        ladder = self.reading.ladder
        chosen = [rung for rung in ladder.rungs if any(rung.name == name for name, _ in self.runs)]
        write_ladder(ladder, self.way.place.folder, chosen, self.seeds, self.command)
