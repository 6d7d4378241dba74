"""What hangs on the loop: early stopping, the history, TensorBoard, and a way out for Ctrl-C."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from torch import nn

from escalera.core.errors import RunError, Terminated
from escalera.core.rundir import RunDir
from escalera.train.checkpoint import save_weights
from escalera.train.loop import Callback, Training

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter

WARM_UP_STEPS = 100
"""Steps after which a mean over all of them moves more slowly than a momentum of 0.99 (1 / 100)."""


class EarlyStopping(Callback):
    """Stops when none of the monitors has improved for `patience` epochs.

    The first monitor chooses the best epoch; its weights are kept in `folder`, that of the checkpoint, where one is
    given. A monitor is a key of the history; one that ends in `loss` improves downwards, the others upwards.
    """

    def __init__(self, monitors: Sequence[str], patience: int, folder: Path | None) -> None:
        self.monitors = list(monitors)
        self.patience = patience
        self.folder = folder
        self.files: dict[str, str] = {}
        self.values: dict[str, float] = {}
        self.best_epoch = 0
        self.last_gain = 0

    def on_epoch_end(self, training: Training) -> None:
        """Compare, keep the best weights, and set the flag when patience is out."""
        for monitor in self.monitors:
            value = -training.log[monitor] if monitor.endswith("loss") else training.log[monitor]
            if math.isnan(value) or value <= self.values.get(monitor, -math.inf):
                continue
            self.values[monitor] = value
            self.last_gain = training.epoch
            if monitor == self.monitors[0]:
                self.best_epoch = training.epoch
                if self.folder is not None:
                    # Under a name of its own: a checkpoint of an earlier epoch still needs the weights that it had.
                    name = f"best-{training.epoch}.safetensors"
                    self.files = {name: save_weights(training.evaluated, self.folder / name, sync=False)}
        if training.epoch - self.last_gain >= self.patience:
            training.stop = "early stopping"

    @property
    def best(self) -> Path | None:
        """The weights of the best epoch; None where they are not kept."""
        return next((self.folder / name for name in self.files), None) if self.folder else None

    def state(self) -> dict[str, Any]:
        """What a resumed training needs of this one."""
        return {
            "values": self.values,
            "best_epoch": self.best_epoch,
            "last_gain": self.last_gain,
            "files": self.files,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state` gave."""
        self.values, self.best_epoch, self.last_gain = state["values"], state["best_epoch"], state["last_gain"]
        self.files = state["files"]


class Deadline(Callback):
    """Ends the training for good before an epoch that would end after a moment, in seconds since 1970."""

    def __init__(self, moment: float) -> None:
        self.moment = moment

    def on_epoch_end(self, training: Training) -> None:
        """Look at the clock: the next epoch takes what this one took."""
        if training.epoch < training.epochs and time.time() + training.log["seconds"] > self.moment:
            training.stop = training.stop or "out of time"


class Pause(Callback):
    """Ends the training for now after so many epochs."""

    def __init__(self, epochs: int | None) -> None:
        self.epochs = epochs

    def on_train_begin(self, training: Training) -> None:
        """One that has come so far already goes no further."""
        self._look(training)

    def on_epoch_end(self, training: Training) -> None:
        """Pause, unless it is over or somebody else has interrupted it."""
        self._look(training)

    def _look(self, training: Training) -> None:
        over = training.stop or training.interrupted or training.epoch >= training.epochs
        if self.epochs is not None and training.epoch >= self.epochs and not over:
            training.paused = True


class StatisticsWarmUp(Callback):
    """Lets batch norm's running statistics be the plain mean of the first batches, until their own momentum takes over.

    With Keras's momentum a statistic still holds a third of its arbitrary start after 100 steps: on a small set the
    first epochs would be validated with numbers that mean nothing, and early stopping would believe them. With
    `accumulate` it is a mean over steps, in which the last batch of each weighs most.
    """

    def on_train_begin(self, training: Training) -> None:
        """Find the layers and their own momentum."""
        modules = training.network.modules()
        self.layers = [module for module in modules if isinstance(module, nn.modules.batchnorm._BatchNorm)]
        self.momenta = [layer.momentum for layer in self.layers]
        self._warm(training.epoch * training.steps)

    def on_step_end(self, training: Training) -> None:
        """Prepare the next step."""
        self._warm((training.epoch - 1) * training.steps + training.step)

    def _warm(self, steps: int) -> None:
        if steps > WARM_UP_STEPS:
            return
        for layer, momentum in zip(self.layers, self.momenta, strict=True):
            layer.momentum = max(momentum or 0.0, 1 / (steps + 1)) if steps < WARM_UP_STEPS else momentum


class History(Callback):
    """Adds a line to history.jsonl after each epoch; the checkpoint has all of them too."""

    def __init__(self, run: RunDir) -> None:
        self.run = run
        self.epochs: list[dict[str, Any]] = []
        self.mended = False
        """Whether the file held other epochs than the checkpoint that the training goes on from."""

    def on_train_begin(self, training: Training) -> None:
        """Drop what a training left that was interrupted before its first checkpoint."""
        if training.epoch == 0 and self.run.history.is_file():
            self.run.history.unlink()

    def on_epoch_end(self, training: Training) -> None:
        """Append the epoch."""
        self.run.append_history(training.log)
        self.epochs.append(dict(training.log))

    def state(self) -> dict[str, Any]:
        """What a resumed training needs of this one."""
        return {"epochs": self.epochs}

    def restore(self, state: dict[str, Any]) -> None:
        """Have the file hold the epochs of the checkpoint; those after it are run again."""
        self.epochs = list(state["epochs"])
        try:
            found = self.run.read_history()
        except RunError:
            found = []
        self.mended = found[: len(self.epochs)] != self.epochs
        if found != self.epochs:
            self.run.write_history(self.epochs)


class TensorBoard(Callback):
    """Writes the history as TensorBoard events beside the run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.writer: SummaryWriter | None = None

    def on_train_begin(self, training: Training) -> None:
        """Open a file of events; those of epochs that are run again are taken back."""
        from torch.utils.tensorboard.writer import SummaryWriter

        self.writer = SummaryWriter(str(self.folder), purge_step=training.epoch + 1)

    def on_epoch_end(self, training: Training) -> None:
        """Add the epoch's scalars."""
        for key, value in training.log.items():
            if key != "epoch" and self.writer is not None:
                self.writer.add_scalar(key, value, training.epoch)

    def on_train_end(self, training: Training) -> None:
        """Close the file, where one was opened: what went wrong before that is what has to be told."""
        if self.writer is not None:
            self.writer.close()


STOPPING = ("SIGINT", "SIGTERM", "SIGBREAK")
"""The last is Windows's Ctrl-Break."""


class StopOnSignal(Callback):
    """Ctrl-C, Ctrl-Break and SIGTERM end the training after the step at hand; a second one ends the process at once.

    `reason` is what to raise then.
    """

    def __init__(self) -> None:
        self.reason: type[KeyboardInterrupt] = KeyboardInterrupt
        self.before: dict[int, Any] = {}

    def on_train_begin(self, training: Training) -> None:
        """Take over the signals."""

        def stop(number: int, frame: FrameType | None) -> None:
            self.reason = Terminated if number == signal.SIGTERM else KeyboardInterrupt
            if training.interrupted:
                raise self.reason
            training.interrupted = True

        # Python lets only the main thread set handlers; elsewhere the owner of the thread has its own way to stop.
        main = threading.current_thread() is threading.main_thread()
        numbers = {getattr(signal, name) for name in STOPPING if hasattr(signal, name)} if main else set()
        self.before = {number: signal.signal(number, stop) for number in numbers}

    def on_train_end(self, training: Training) -> None:
        """Hand the signals back."""
        for number, handler in self.before.items():
            signal.signal(number, handler)
