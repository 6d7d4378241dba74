"""Progress a person can read: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from escalera.core.language import Language
from escalera.train.loop import Callback, Training

REFRESH = 0.2
"""Seconds between two drawings of the bar."""
LINE_EVERY = 2.0
"""Seconds between two lines where there is no terminal; the history has every epoch."""


def _epoch(training: Training, words: Language) -> str:
    return words.say("progress.epoch", epoch=training.epoch, epochs=training.epochs)


def _figures(training: Training, words: Language) -> str:
    loss, accuracy = words.loss(training.loss), words.number(100 * training.accuracy, 1).rjust(5)
    parts = [words.say("progress.figures", loss=loss, accuracy=accuracy)]
    if "val_accuracy" in training.log:
        validation = words.number(100 * training.log["val_accuracy"], 1).rjust(5)
        parts.append(words.say("progress.validation", accuracy=validation))
    return "  ".join([*parts, words.say("progress.rate", n=words.number(training.images_per_second))])


class ProgressBar(Callback):
    """One bar for the whole training: epoch, loss, accuracy, images a second, and the time left at most."""

    def __init__(self, console: Console, words: Language) -> None:
        self.words = words
        self.progress = Progress(
            TextColumn("  {task.fields[epoch]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True),
            TextColumn(words.say("progress.left")),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self.drawn = 0.0

    def on_train_begin(self, training: Training) -> None:
        """Open the bar, at the epoch where a resumed training stands."""
        self.progress.start()
        total = training.epochs * training.steps
        self.task = self.progress.add_task("", total=total, epoch=_epoch(training, self.words), figures="")

    def on_step_end(self, training: Training) -> None:
        """Move the bar, a few times a second."""
        if time.monotonic() - self.drawn < REFRESH:
            return
        self.drawn = time.monotonic()
        done = (training.epoch - 1) * training.steps + training.step
        epoch, figures = _epoch(training, self.words), _figures(training, self.words)
        self.progress.update(self.task, completed=done, epoch=epoch, figures=figures, refresh=True)

    def on_train_end(self, training: Training) -> None:
        """Take the bar away; what remains is said by the caller."""
        self.progress.stop()


class ProgressLines(Callback):
    """A line from time to time, for logs."""

    def __init__(self, console: Console, words: Language) -> None:
        self.console = console
        self.words = words

    def on_train_begin(self, training: Training) -> None:
        """Note where and when this started."""
        self.started, self.first, self.said = time.monotonic(), training.epoch, time.monotonic()

    def on_epoch_end(self, training: Training) -> None:
        """Say the epoch, when it is time for a line."""
        if time.monotonic() - self.said < LINE_EVERY and training.epoch < training.epochs and not training.stop:
            return
        self.said = time.monotonic()
        left = (self.said - self.started) / (training.epoch - self.first) * (training.epochs - training.epoch)
        parts = [_epoch(training, self.words), _figures(training, self.words)]
        if left and not training.stop:
            parts.append(self.words.say("progress.left_at_most", time=self.words.duration(round(left))))
        self.console.print("".join(f"  {part}" for part in parts), highlight=False)
