"""The lines of runs that are trained side by side, and one for all with the time left."""

from __future__ import annotations

import time

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from escalera.core.language import Language
from escalera.run.events import Progress

TRUSTED = 0.05
"""The share of a training from which on its time tells how long the whole takes."""


class Board:
    """Counts runs that are over and shows those at work: as bars on a terminal, elsewhere as a count now and then."""

    def __init__(self, console: Console, words: Language, runs: int, jobs: int) -> None:
        self.console, self.words = console, words
        self.runs, self.jobs, self.over = runs, jobs, 0
        self.rows: dict[tuple[str, int], Row] = {}
        self.seconds: list[float] = []
        self.bars: Bars | None = None
        if console.is_terminal:
            columns = (
                TextColumn("  {task.description}"),
                BarColumn(bar_width=16),
                TextColumn("{task.fields[figures]}"),
            )
            self.bars = Bars(*columns, console=console, transient=True)
            self.bars.start()
            self.all = self.bars.add_task(f"[bold]{words.say('jobs.all')}[/]", total=runs, figures=self.total())

    def close(self) -> None:
        """Take the bars away."""
        if self.bars is not None:
            self.bars.stop()

    def count(self, seconds: float | None, *, say: bool = True) -> None:
        """One more run is over, after so many seconds; None where it was lost."""
        self.over += 1
        self.seconds += [] if seconds is None else [seconds]
        if self.bars is None and say:
            self.console.print(f"  {self.total()}", style="dim", highlight=False)
        self.show()

    def show(self) -> None:
        """Move the bar of all."""
        if self.bars is not None:
            done = self.over + sum(row.share for row in self.rows.values())
            self.bars.update(self.all, completed=done, figures=self.total())

    def total(self) -> str:
        """How many are over, and the time left once anything is known of it."""
        words, left = self.words, self.left()
        total = words.say("jobs.total", done=words.number(self.over), runs=words.count(self.runs, "run"))
        return total if left is None else f"{total}  ·  {words.say('jobs.left', time=words.wait(left))}"

    def left(self) -> float | None:
        """Seconds left: what a run takes on the mean, as far as is known, shared among those that work."""
        working = [(row.elapsed, row.share) for row in self.rows.values() if row.share]
        whole = [*self.seconds, *(elapsed / share for elapsed, share in working if share > TRUSTED)]
        if not whole or self.over == self.runs:
            return None
        rest = [elapsed / share - elapsed for elapsed, share in working]
        waiting = max(0, self.runs - self.over - len(working))
        return max([(sum(rest) + waiting * sum(whole) / len(whole)) / self.jobs, *rest])


class Row:
    """One run at work, from the first step of this attempt on."""

    def __init__(self, board: Board, name: str) -> None:
        self.board, self.name = board, name
        self.began = self.learning = time.monotonic()
        self.first = self.done = 0.0
        self.bar: TaskID | None = None
        if board.bars is not None:
            self.bar = board.bars.add_task(escape(name), total=1.0, figures="")

    @property
    def elapsed(self) -> float:
        """Seconds since the first step."""
        return time.monotonic() - self.learning

    @property
    def share(self) -> float:
        """How much of what this attempt has before it is over; 0 before its first step."""
        return (self.done - self.first) / (1 - self.first) if self.done > self.first else 0.0

    def learns(self, progress: Progress) -> None:
        """The first step is next, of a training that may have been begun earlier."""
        self.learning = time.monotonic()
        self.first = self.done = progress.done

    def move(self, progress: Progress, figures: str) -> None:
        """So far it is."""
        self.done = progress.done
        if self.board.bars is not None and self.bar is not None:
            self.board.bars.update(self.bar, completed=self.done, figures=figures)
        self.board.show()

    def close(self) -> None:
        """Nobody works at it any more."""
        self.first = self.done = 0.0
        if self.board.bars is not None and self.bar is not None:
            self.board.bars.remove_task(self.bar)
            self.bar = None
