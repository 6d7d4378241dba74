"""Tells a listener how far a training is."""

from __future__ import annotations

import time
from collections.abc import Sequence

from escalera.run.events import Events, Progress
from escalera.train.loop import Callback, Training

EVERY = 0.2
"""Seconds between two events of steps."""


class Announcer(Callback):
    """A callback of the loop that makes events of its moments; `worth` is what each epoch costs beside the others."""

    def __init__(self, events: Events, worth: Sequence[float]) -> None:
        self.events = events
        self.worth = worth
        self.last = 0.0

    def on_train_begin(self, training: Training) -> None:
        """Say where it stands."""
        self.events.training_begins(self._progress(training))

    def on_step_end(self, training: Training) -> None:
        """Say it now and then."""
        if time.monotonic() - self.last >= EVERY:
            self.last = time.monotonic()
            self.events.step_ends(self._progress(training))

    def on_epoch_end(self, training: Training) -> None:
        """Say every epoch."""
        self.events.epoch_ends(self._progress(training))

    def on_train_end(self, training: Training) -> None:
        """Say that it is over."""
        self.events.training_ends()

    def _progress(self, training: Training) -> Progress:
        return Progress(
            training.epoch,
            training.epochs,
            training.step,
            training.steps,
            self._done(training),
            training.loss,
            training.accuracy,
            training.images_per_second,
            training.log.get("val_accuracy"),
            training.stop,
        )

    def _done(self, training: Training) -> float:
        begun = self.worth[: training.epoch]
        # Before its first step a resumed training stands after whole epochs.
        rest = begun[-1] * (1 - training.step / training.steps) if training.step else 0.0
        return (sum(begun) - rest) / sum(self.worth)
