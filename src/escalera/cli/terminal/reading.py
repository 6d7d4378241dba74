"""How far the pictures of a source are read, while it takes longer than a person waits without a word."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from escalera.core.language import Language
from escalera.data.cache.progress import Step, heard

QUIET = 2.0
"""Seconds of which nothing is told: most sources are read by then."""
LINE_EVERY = 15.0
"""Seconds between two lines where there is no terminal."""


@contextlib.contextmanager
def reading_shown(words: Language, console: Console | None = None) -> Iterator[None]:
    """Show on standard error how far pictures are read within, with the time left: as a bar, or a line now and then."""
    with heard(Reading(console or Console(stderr=True), words).hear):
        yield


class Reading:
    """Hears how many pictures of how many are read, and says it."""

    def __init__(self, console: Console, words: Language) -> None:
        self.console, self.words = console, words
        self.console.soft_wrap = not console.is_terminal
        self.step: Step | None = None
        self.before = self.first = 0
        self.began = self.told = 0.0
        self.bar: Bar | None = None

    def hear(self, step: Step, done: int, of: int) -> None:
        """Say it, when it is time to."""
        now = time.monotonic()
        if done >= of:
            self._end()
            return
        if step != self.step or done <= self.before:
            self._end()
            self.step, self.began, self.told, self.first = step, now, now, done
        self.before = done
        if now - self.began < QUIET:
            return
        if self.console.is_terminal:
            self._draw(step, done, of)
        elif now - self.told >= LINE_EVERY:
            self.told = now
            left = (now - self.began) / (done - self.first) * (of - done)
            parts = [self._text(step, done, of), self.words.say("jobs.left", time=self.words.wait(left))]
            self.console.print("  ".join(parts), highlight=False)

    def _end(self) -> None:
        """Take the bar away."""
        self.step = None
        if self.bar is not None:
            self.bar.stop()
            self.bar = None

    def _draw(self, step: Step, done: int, of: int) -> None:
        if self.bar is None:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TimeRemainingColumn(compact=True),
                TextColumn(self.words.say("progress.left")),
            )
            self.bar = Bar(*columns, console=self.console, transient=True)
            self.bar.add_task(self._text(step, done, of), total=of, completed=done)
            self.bar.start()
        self.bar.update(self.bar.task_ids[0], completed=done, description=self._text(step, done, of))

    def _text(self, step: Step, done: int, of: int) -> str:
        number = self.words.number
        return self.words.say(f"reading.{step}", done=number(done), of=number(of))
