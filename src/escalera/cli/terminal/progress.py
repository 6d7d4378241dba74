"""Progress a person can read: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from escalera.core.language import Language
from escalera.run.events import Events, Progress

RENEW_EVERY = 0.25
"""Seconds between two renewals of a notebook's line."""
LINE_EVERY = 2.0
"""Seconds between two lines where there is no terminal; the history has every epoch."""


def _epoch(progress: Progress, words: Language) -> str:
    return words.say("progress.epoch", epoch=progress.epoch, epochs=progress.epochs)


def _figures(progress: Progress, words: Language) -> str:
    loss, accuracy = words.loss(progress.loss), words.number(100 * progress.accuracy, 1).rjust(5)
    parts = [words.say("progress.figures", loss=loss, accuracy=accuracy)]
    if progress.val_accuracy is not None:
        validation = words.number(100 * progress.val_accuracy, 1).rjust(5)
        parts.append(words.say("progress.validation", accuracy=validation))
    return "  ".join([*parts, words.say("progress.rate", n=words.number(progress.images_per_second))])


class ProgressBar(Events):
    """One bar for the whole training: epoch, loss, accuracy, images a second, and the time left at most."""

    def __init__(self, console: Console, words: Language) -> None:
        self.words = words
        self.bar = Bar(
            TextColumn("  {task.fields[epoch]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True),
            TextColumn(words.say("progress.left")),
            console=console,
            auto_refresh=False,
            transient=True,
        )

    def training_begins(self, progress: Progress) -> None:
        """Open the bar, at the epoch where a resumed training stands."""
        self.bar.start()
        self.task = self.bar.add_task("", total=1.0, epoch=_epoch(progress, self.words), figures="")

    def step_ends(self, progress: Progress) -> None:
        """Move the bar."""
        epoch, figures = _epoch(progress, self.words), _figures(progress, self.words)
        self.bar.update(self.task, completed=progress.done, epoch=epoch, figures=figures, refresh=True)

    def training_ends(self) -> None:
        """Take the bar away; what remains is said by the caller."""
        self.bar.stop()


class ProgressLine(Events):
    """One line that is written over itself, for a notebook: it knows a carriage return, and no bar."""

    def __init__(self, console: Console, words: Language) -> None:
        self.file, self.words = console.file, words
        self.width, self.written = 0, 0.0

    def training_begins(self, progress: Progress) -> None:
        """Nothing yet: the first step has something to say."""

    def step_ends(self, progress: Progress) -> None:
        """Write the line anew, a few times a second."""
        if time.monotonic() - self.written >= RENEW_EVERY:
            self.written = time.monotonic()
            self._write(f"  {_epoch(progress, self.words)}  {_figures(progress, self.words)}")

    def epoch_ends(self, progress: Progress) -> None:
        """As after a step."""
        self.step_ends(progress)

    def training_ends(self) -> None:
        """Take the line away; what remains is said by the caller."""
        self._write("")
        self._write("")

    def _write(self, text: str) -> None:
        self.file.write("\r" + text.ljust(self.width))
        self.file.flush()
        self.width = len(text)


class ProgressLines(Events):
    """A line from time to time, for logs."""

    def __init__(self, console: Console, words: Language) -> None:
        self.console = console
        self.words = words

    def training_begins(self, progress: Progress) -> None:
        """Note where and when this started."""
        self.started, self.first, self.printed = time.monotonic(), progress.done, time.monotonic()

    def epoch_ends(self, progress: Progress) -> None:
        """Say the epoch, when it is time for a line."""
        if time.monotonic() - self.printed < LINE_EVERY and progress.epoch < progress.epochs and not progress.stop:
            return
        self.printed = time.monotonic()
        left = (self.printed - self.started) / (progress.done - self.first) * (1 - progress.done)
        parts = [_epoch(progress, self.words), _figures(progress, self.words)]
        if left and not progress.stop:
            parts.append(self.words.say("progress.left_at_most", time=self.words.duration(round(left))))
        self.console.print("".join(f"  {part}" for part in parts), highlight=False)
