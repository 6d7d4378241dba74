"""What is said of runs that are trained side by side; of one after the other it is what the narrator says."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from escalera.cli.terminal.board import Board, Row
from escalera.cli.terminal.narrator import Narrator
from escalera.cli.terminal.progress import LINE_EVERY
from escalera.cli.terminal.tables import idle_lines
from escalera.core.rundir import SEARCH, is_trial
from escalera.run.events import Events

if TYPE_CHECKING:
    from escalera.cli.terminal.reading import Reading
    from escalera.data.cache.progress import Step
    from escalera.ladder.schema import Ladder, Rung
    from escalera.models.summary import Summary
    from escalera.run.events import Progress
    from escalera.run.trial import Trial


_FOLD = re.compile(r"/fold-(\d+)$")


class SideBySide(Narrator):
    """Tells a climb, whose runs may be trained at the same time."""

    def __init__(self, console: Console | None = None, *, language: str = "en", debug: bool = False) -> None:
        super().__init__(console, language=language, debug=debug)
        self.runs = self.runs_left = 0
        self.board: Board | None = None
        self.lines: dict[tuple[str, int], Line] = {}
        self.reading: Reading | None = None

    def source_read(self, step: Step, done: int, of: int) -> None:
        """Say how far a source is read, where that takes long."""
        if self.reading is None:
            from escalera.cli.terminal.reading import Reading

            self.reading = Reading(self.console, self.words)
        self.reading.hear(step, done, of)

    def ladder_begins(self, ladder: Ladder, folder: Path, runs: int, pending: int) -> None:
        """Name the ladder, and how much of it is to do."""
        super().ladder_begins(ladder, folder, runs, pending)
        self.runs = pending

    def workers_begin(self, count: int, threads: int, limit: str, each: int, free: int) -> None:
        """Say how many runs are trained side by side, and why not more."""
        words = self.words
        sizes = {"each": f"{words.number(each / 1e9, 1)} GB", "free": f"{words.number(free / 1e9, 1)} GB"}
        why = words.say("jobs.runs_to_go" if limit == "runs" else f"jobs.{limit}", **sizes)
        key = "jobs.runs.one" if count == 1 else "jobs.runs.other"
        runs = words.say(key, runs=words.number(count), threads=words.count(threads, "thread"))
        self._print(f"{runs}: {why}")
        self.board = Board(self.console, words, self.runs, count)

    def source_sent(self, source: str, size: int, place: str) -> None:
        """Say how much is sent to where."""
        self._print(self.words.say("jobs.sends", source=source, size=self.words.short(size, "B"), place=place))

    def devices_begin(self, count: int, threads: int) -> None:
        """Say how many processes compute each training."""
        words = self.words
        self._print(words.say("devices", processes=words.number(count), threads=words.count(threads, "thread")))

    def search_begins(self, rung: Rung, trials: int | None, ended: int, rows: int, flattery: float) -> None:
        """Say what is tried, and have the lines count trials as long as that lasts."""
        super().search_begins(rung, trials, ended, rows, flattery)
        self.runs, self.runs_left = (trials or 0) - ended, self.runs

    def search_ends(self, rung: str, best: Trial) -> None:
        """Say what was found, and count runs again."""
        super().search_ends(rung, best)
        self.runs = self.runs_left

    def trial_reported(self, trial: Trial, best: Trial | None, trials: int | None) -> None:
        """One line for each trial, which is one less to go."""
        super().trial_reported(trial, best, trials)
        if self.board is not None:
            self.board.count(trial.seconds or None, say=False)

    def of_run(self, rung: str, seed: int) -> Events:
        """The line of one run."""
        return self if self.board is None else self._line_of(self.board, rung, seed)

    def worker_lost(self, rung: str, seed: int, reason: str, again: bool) -> None:
        """Say which run's process is gone, and what becomes of the run."""
        if self.board is None:
            return
        line = self._line_of(self.board, rung, seed)
        key = "jobs.lost_again" if again else "jobs.lost"
        self._print(self.words.say(key, run=line.name, reason=self._translated(reason)), style="yellow")
        line.row.close()
        if not again:
            self.board.count(None)

    def workers_end(self) -> None:
        """Take the lines away."""
        if self.board is not None:
            self.board.close()

    def _line_of(self, board: Board, rung: str, seed: int) -> Line:
        if (rung, seed) not in self.lines:
            self.lines[rung, seed] = Line(self, board, rung, seed)
        return self.lines[rung, seed]


class Line(Narrator):
    """Tells of one run among others: whatever is said begins with its name."""

    def __init__(self, among: SideBySide, board: Board, rung: str, seed: int) -> None:
        super().__init__(among.console, language=among.words.code, debug=among.debug)
        self.board, self.reported = board, among.reported
        self.name = self._called(rung, seed)
        self.key = rung, seed
        self.of_fold = bool(_FOLD.search(rung))
        self.printed = time.monotonic()
        self.row = Row(board, self.name)

    def fold_begins(self, number: int, count: int) -> None:
        """Say it, and open a line for one that is trained beside others, anew where a process was lost."""
        super().fold_begins(number, count)
        if self.of_fold:
            self.row.close()
            self.row = Row(self.board, self.name)

    def rung_begins(self, rung: Rung, seed: int, place: str) -> None:
        """Open its line, anew where a process was lost, and say why the rung is there: once, of several seeds."""
        self.row.close()
        self.row = self.board.rows[self.key] = Row(self.board, self.name)
        if not self.console.is_terminal and place:
            self.console.print(f"[bold cyan]{place}  {escape(self.name)}[/]", highlight=False)
        if not place or seed:
            return
        if rung.why:
            self._print(rung.why[self.words.code], style="dim")
        for line in idle_lines(rung.config, self.words):
            self._print(line, style="yellow")

    def layers(self, summary: Summary, from_epoch: int | None = None) -> None:
        """The layers of many networks at once would bury the lines; the report has them."""

    def training_begins(self, progress: Progress) -> None:
        """Note where and when it starts."""
        self.printed = time.monotonic()
        self.row.learns(progress)

    def step_ends(self, progress: Progress) -> None:
        """Move its bar."""
        self.row.move(progress, self._figures(progress))

    def epoch_ends(self, progress: Progress) -> None:
        """Say the epoch where there is no bar, when it is time for a line."""
        self.step_ends(progress)
        if not self.console.is_terminal and time.monotonic() - self.printed >= LINE_EVERY * self.board.jobs:
            self.printed = time.monotonic()
            self._print(self._figures(progress))

    def training_ends(self) -> None:
        """Take the line of a fold away; of a whole run is said next what came of it."""
        if self.of_fold:
            self.row.close()

    def rung_ends(self, record: dict[str, Any], metrics: dict[str, Any]) -> None:
        """What came out, and what it cost."""
        super().rung_ends(record, metrics)
        self._over(record["seconds"] if record.get("folds") else None)

    def rung_failed(self, rung: Rung, message: str, trace: str) -> None:
        """Say it at once."""
        super().rung_failed(rung, message, trace)
        self._over()

    def trial_pauses(self) -> None:
        """Take its line away, until it goes on."""
        self.row.close()

    def trial_ends(self, record: dict[str, Any], metrics: dict[str, Any]) -> None:
        """Take its line away; what came of it is said by the search."""
        self.row.close()

    def put_back(self, kept: Path, place: Path) -> None:
        """Say that a run with these settings was there already."""
        super().put_back(kept, place)
        self._over()

    def _called(self, rung: str, seed: int) -> str:
        """A run as people call it; all trials of a search have one seed."""
        if is_trial(rung):
            name, _, trial = rung.partition(f"/{SEARCH}/trial-")
            return f"{name}: {self.words.say('search.trial', number=int(trial))}"
        fold = _FOLD.search(rung)
        name = rung[: fold.start()] if fold else rung
        more = [self.words.say("rung.seed", seed=seed)] if seed else []
        more += [self.words.say("rung.fold", fold=fold[1])] if fold else []
        return f"{name} ({', '.join(more)})" if more else name

    def _over(self, seconds: float | None = None) -> None:
        """Take its line away, and count it: after so many `seconds`, where they are not those of the line."""
        self.row.close()
        if not self.of_fold:
            self.board.count(time.monotonic() - self.row.began if seconds is None else seconds)

    def _figures(self, progress: Progress) -> str:
        epoch = self.words.say("progress.epoch", epoch=progress.epoch, epochs=progress.epochs)
        if progress.val_accuracy is None:
            return epoch
        accuracy = self.words.number(100 * progress.val_accuracy, 1)
        return f"{epoch}  {self.words.say('progress.validation', accuracy=accuracy)}"

    def _line(self, markup: str) -> None:
        self.console.print(f"  [bold]{escape(self.name)}[/]  {markup}", highlight=False)

    def _print(self, text: str, style: str | None = None) -> None:
        super()._print(f"  {self.name}: {text.strip()}", style)
