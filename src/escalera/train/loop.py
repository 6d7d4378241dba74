"""The training loop. What every run needs stands here, visible; the rest hangs on the callbacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from escalera.core.runtime import autocast
from escalera.data.batches import Batches
from escalera.data.features import FeatureBatches
from escalera.models.late import in_one
from escalera.train.criterion import PLAIN, Criterion
from escalera.train.meter import Meter
from escalera.train.schedules import Schedule
from escalera.train.shards import WHOLE, Whole

CHECK_EVERY = 50
"""Steps between two looks at the loss: on a GPU each look waits for the device."""


@dataclass
class Training:
    """Where a training stands: what callbacks may read.

    They may set `stop`, which ends it for good with that reason, and two that end it for now: `paused` at the end of an
    epoch, in every process alike, and `interrupted` at any time, by one of them alone. `average` is a network that
    holds the moving average of the weights, where there is one.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    epochs: int
    steps: int
    epoch: int = 0
    step: int = 0
    stop: str = ""
    interrupted: bool = False
    paused: bool = False
    seconds: float = 0.0
    loss: float = float("nan")
    accuracy: float = float("nan")
    images_per_second: float = 0.0
    log: dict[str, Any] = field(default_factory=dict)
    average: nn.Module | None = None

    @property
    def evaluated(self) -> nn.Module:
        """The network that is validated, saved and kept: the average where there is one."""
        return self.network if self.average is None else self.average


class Callback:
    """What may happen beside the loop. A callback overrides the moments that it needs."""

    def on_train_begin(self, training: Training) -> None:
        """Before the first step; a resumed training has its state already."""

    def on_step_end(self, training: Training) -> None:
        """After each step: `epoch` and `step` are exact, `loss` and `accuracy` as of the last look."""

    def on_epoch_end(self, training: Training) -> None:
        """After each epoch, validation included: `log` holds its line of the history."""

    def on_train_end(self, training: Training) -> None:
        """After the last step, also after an error."""


def train(
    training: Training,
    batches: Batches | FeatureBatches,
    *,
    schedule: Schedule,
    validate: Callable[[], dict[str, float]],
    seed: int,
    precision: str = "fp32",
    clip_norm: float | None = None,
    criterion: Criterion = PLAIN,
    penalty: Callable[[], Tensor] | None = None,
    accumulate: int = 1,
    shards: Whole = WHOLE,
    callbacks: Sequence[Callback] = (),
) -> None:
    """Train from `training.epoch` (0 for a new one) until the epochs are done or a callback says stop.

    `validate` returns what the history calls val_loss, val_accuracy, and so on. `criterion` gives the loss; `penalty`
    is added to it and stands apart in the history, so that `loss` and `val_loss`, which is plain cross-entropy, stay
    comparable where no class is weighted and the loss is not focal. Labels are (B,), or shares
    (B, K) where pictures are mixed: accuracy then counts the class with the largest share. The gradients of
    `accumulate` batches make one step, as those of one batch of all their rows; batch norm sees each batch alone, and
    each of its `shards`, into which `batches` cuts it.
    Raises TrainingError on the first non-finite loss, naming the step, the batch and the learning rate.
    """
    network, optimizer, device = training.network, training.optimizer, batches.device
    cast = autocast(precision, device)
    rates = [group["lr"] for group in optimizer.param_groups]
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    plain = accumulate == shards.count == 1
    try:
        for callback in callbacks:
            callback.on_train_begin(training)
        while training.epoch < training.epochs and not training.stop and not training.paused:
            if shards.ended(training.interrupted):
                training.interrupted = True
                return
            training.epoch += 1
            # Dropout draws from the global generator: seeded by epoch, a resumed run draws what the whole one drew.
            torch.manual_seed(seed * 1_000_003 + training.epoch)
            network.train()
            learner = shards.begin(training.epoch, network)
            meter, source = Meter(training.epoch, batches, shards), iter(batches.epoch(training.epoch, shards.mine))
            for step in range(1, training.steps + 1):
                position = training.epoch - 1 + (step - 1) / training.steps
                factor = schedule(position)
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    # What learns in the first epochs alone goes through the whole schedule in these.
                    own = schedule(position * training.epochs / group["epochs"]) if "epochs" in group else factor
                    group["lr"] = rate * own

                optimizer.zero_grad(set_to_none=True)
                before = meter.seen
                for inputs, labels in shards.apart(islice(source, accumulate * len(shards.mine))):
                    with cast:
                        logits = learner(inputs)
                    loss = criterion(logits, labels)
                    meter.add(loss, in_one(logits), labels, rates[0] * factor)
                    whole = loss if penalty is None else loss + penalty()
                    (whole if plain else whole * len(labels)).backward()  # type: ignore[no-untyped-call]
                if not plain:
                    rows = shards.together(meter.seen - before, training.interrupted)
                    torch._foreach_div_([one.grad for one in parameters if one.grad is not None], rows)
                if clip_norm is not None:
                    nn.utils.clip_grad_norm_(parameters, clip_norm)
                optimizer.step()

                training.step = step
                if step % CHECK_EVERY == 0 or step == training.steps:
                    training.loss, training.accuracy, training.images_per_second = meter.read()
                for callback in callbacks:
                    callback.on_step_end(training)
                if shards.ended(training.interrupted):
                    training.interrupted = True
                    return
            training.log = {
                "epoch": training.epoch,
                "loss": training.loss,
                "accuracy": training.accuracy,
                **({} if penalty is None else {"penalty": penalty().item()}),
                **validate(),
                "lr": rates[0] * factor,
                "images_per_second": round(training.images_per_second, 1),
            }
            seconds = meter.seconds
            training.log["seconds"] = round(seconds, 3)
            training.seconds += seconds
            for callback in callbacks:
                callback.on_epoch_end(training)
    finally:
        with ExitStack() as ends:  # each has its end, whatever goes wrong in that of another
            for callback in reversed(callbacks):
                ends.callback(callback.on_train_end, training)
