"""Progress a person can read: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from escalera.train.loop import Callback, Training

REFRESH = 0.2
"""Seconds between two drawings of the bar."""
LINE_EVERY = 2.0
"""Seconds between two lines where there is no terminal; the history has every epoch."""


def _figures(training: Training) -> str:
    text = f"loss {training.loss:.3f}  accuracy {100 * training.accuracy:5.1f} %"
    if "val_accuracy" in training.log:
        text += f"  validation {100 * training.log['val_accuracy']:5.1f} %"
    return f"{text}  {training.images_per_second:,.0f} images/s"


class ProgressBar(Callback):
    """One bar for the whole training: epoch, loss, accuracy, images a second, and the time left at most."""

    def __init__(self, console: Console) -> None:
        self.progress = Progress(
            TextColumn("  epoch {task.fields[epoch]}/{task.fields[epochs]}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True),
            TextColumn("left"),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self.drawn = 0.0

    def on_train_begin(self, training: Training) -> None:
        """Open the bar, at the epoch where a resumed training stands."""
        self.progress.start()
        self.task = self.progress.add_task(
            "", total=training.epochs * training.steps, epoch=training.epoch, epochs=training.epochs, figures=""
        )

    def on_step_end(self, training: Training) -> None:
        """Move the bar, a few times a second."""
        if time.monotonic() - self.drawn < REFRESH:
            return
        self.drawn = time.monotonic()
        done = (training.epoch - 1) * training.steps + training.step
        self.progress.update(self.task, completed=done, epoch=training.epoch, figures=_figures(training), refresh=True)

    def on_train_end(self, training: Training) -> None:
        """Take the bar away; what remains is said by the caller."""
        self.progress.stop()


class ProgressLines(Callback):
    """A line from time to time, for logs."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def on_train_begin(self, training: Training) -> None:
        """Note where and when this started."""
        self.started, self.first, self.said = time.monotonic(), training.epoch, time.monotonic()

    def on_epoch_end(self, training: Training) -> None:
        """Say the epoch, when it is time for a line."""
        if time.monotonic() - self.said < LINE_EVERY and training.epoch < training.epochs and not training.stop:
            return
        self.said = time.monotonic()
        left = (self.said - self.started) / (training.epoch - self.first) * (training.epochs - training.epoch)
        time_left = "" if training.stop or not left else f"  {left:.0f} s left at most"
        self.console.print(
            f"  epoch {training.epoch}/{training.epochs}  {_figures(training)}{time_left}", highlight=False
        )
