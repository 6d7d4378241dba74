from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from escalera.core.errors import TrainingError
from escalera.data.batches import Batches
from escalera.train.criterion import Criterion
from escalera.train.loop import Callback, Training, train
from escalera.train.schedules import constant, exponential

CPU = torch.device("cpu")

Start = Callable[..., Training]


class Losses(Callback):
    """Every step's loss, taken from the gradient-free forward value that the loop keeps."""

    def __init__(self) -> None:
        self.log: list[dict[str, Any]] = []
        self.moments: list[str] = []

    def on_train_begin(self, training: Training) -> None:
        self.moments.append("begin")

    def on_step_end(self, training: Training) -> None:
        self.moments.append(f"step {training.epoch}.{training.step}")

    def on_epoch_end(self, training: Training) -> None:
        self.moments.append(f"epoch {training.epoch}")
        self.log.append(dict(training.log))

    def on_train_end(self, training: Training) -> None:
        self.moments.append("end")


def run(training: Training, batches: Batches, **more: Any) -> list[dict[str, Any]]:
    losses = Losses()
    settings: dict[str, Any] = {
        "schedule": constant(training.epochs),
        "validate": dict,
        "seed": 0,
        "callbacks": [losses],
        **more,
    }
    train(training, batches, **settings)
    return losses.log


def test_golden_twenty_steps(start: Start, batches: Batches) -> None:
    """Five epochs of four steps on the CPU, against the losses of the run that made this file."""
    log = run(start(), batches)
    np.testing.assert_allclose([line["loss"] for line in log], GOLDEN, rtol=1e-3)


GOLDEN = [0.555243, 0.256322, 0.142742, 0.099577, 0.067293]


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_it_learns(start: Start, batches: Batches, name: str) -> None:
    log = run(start(epochs=12, optimizer=name), batches)
    assert log[-1]["accuracy"] > 0.95
    assert log[-1]["loss"] < log[0]["loss"] / 2


def test_the_moments_come_in_order(start: Start, batches: Batches) -> None:
    losses = Losses()
    train(start(epochs=1), batches, schedule=constant(1), validate=dict, seed=0, callbacks=[losses])
    assert losses.moments == ["begin", "step 1.1", "step 1.2", "step 1.3", "step 1.4", "epoch 1", "end"]


def test_what_goes_wrong_in_an_end_keeps_no_other_from_its_own(start: Start, batches: Batches) -> None:
    """Signals have to be handed back though TensorBoard finds the disk full."""

    class Full(Callback):
        def on_train_end(self, training: Training) -> None:
            raise OSError("No space left on device")

    first, last = Losses(), Losses()
    with pytest.raises(OSError, match="No space left"):
        run(start(1), batches, callbacks=[first, Full(), last])
    assert [losses.moments[-1] for losses in (first, last)] == ["end", "end"]


def test_the_log_has_what_the_history_promises(start: Start, batches: Batches) -> None:
    log = run(start(epochs=1), batches, validate=lambda: {"val_loss": 1.5, "val_accuracy": 0.5})
    assert list(log[0]) == [
        "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "lr", "images_per_second", "seconds"
    ]  # fmt: skip
    assert log[0]["val_loss"] == 1.5


def test_the_schedule_sets_the_rate_of_every_group(start: Start, batches: Batches) -> None:
    training = start(epochs=3, optimizer="adamw")
    log = run(training, batches, schedule=exponential(3, factor=0.1, every=1))
    assert [line["lr"] for line in log] == pytest.approx([1e-2, 1e-3, 1e-4])
    assert [group["lr"] for group in training.optimizer.param_groups] == pytest.approx([1e-4, 1e-4])


def test_accumulated_batches_are_one_step() -> None:
    """Four steps of 32 rows an epoch, the last of 24, or eight batches of 16 in pairs: the same weights."""
    draw = np.random.default_rng(0)
    images, labels = draw.integers(0, 256, (120, 4, 4, 1), dtype=np.uint8), draw.integers(0, 2, 120)
    found = []
    for size, accumulate in ((32, 1), (16, 2)):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 2))
        training = Training(network, torch.optim.SGD(network.parameters(), lr=0.5, momentum=0.9), 3, 4)
        feed = Batches(images, labels, np.arange(len(labels)), batch_size=size, device=CPU, shuffle=True, seed=3)
        log = run(training, feed, accumulate=accumulate, clip_norm=1.0)
        found.append(([line["loss"] for line in log], list(network.parameters()), training.step))
    (losses, weights, steps), (other_losses, other_weights, other_steps) = found
    np.testing.assert_allclose(other_losses, losses, rtol=1e-4)
    for one, other in zip(weights, other_weights, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    assert (steps, other_steps) == (4, 4)


def test_a_non_finite_loss_names_the_step(start: Start, batches: Batches) -> None:
    training = start()

    class Poison(Callback):
        def on_step_end(self, training: Training) -> None:
            if (training.epoch, training.step) == (2, 2):
                with torch.no_grad():
                    next(iter(training.network.parameters())).fill_(float("nan"))

    losses = Losses()
    with pytest.raises(TrainingError) as caught:
        train(training, batches, schedule=constant(5), validate=dict, seed=0, callbacks=[losses, Poison()])
    assert str(caught.value) == (
        "the loss became nan at epoch 2, step 3 of 4 (batches of 32, learning rate 0.01). "
        "Lower train.optimizer.lr, or set train.clip_norm to 1.0."
    )
    assert losses.moments[-1] == "end"


def test_clipping_limits_the_step(start: Start, batches: Batches) -> None:
    moved = []
    for limit in (None, 1e-4):
        training = start(epochs=1, optimizer="sgd")
        before = nn.utils.parameters_to_vector(training.network.parameters()).detach().clone()
        training.optimizer.param_groups[0]["weight_decay"] = 0.0
        run(training, batches, clip_norm=limit)
        after = nn.utils.parameters_to_vector(training.network.parameters()).detach()
        moved.append((after - before).norm().item())
    # Four steps of at most lr x limit x (1 + .9 + ...) each.
    assert moved[1] < 4 * 1e-2 * 1e-4 * 10
    assert moved[0] > 100 * moved[1]


def test_label_smoothing_raises_the_floor_of_the_loss(start: Start, batches: Batches) -> None:
    plain = run(start(epochs=15), batches)[-1]["loss"]
    smooth = run(start(epochs=15), batches, criterion=Criterion(0.2))[-1]["loss"]
    assert plain < 0.2 < smooth


def test_stop_and_interrupt_are_flags(start: Start, batches: Batches) -> None:
    class Stop(Callback):
        def on_epoch_end(self, training: Training) -> None:
            training.stop = "enough"

    training = start()
    run(training, batches, callbacks=[Stop()])
    assert (training.epoch, training.stop) == (1, "enough")

    class Interrupt(Callback):
        def on_step_end(self, training: Training) -> None:
            training.interrupted = training.epoch == 2

    training, losses = start(), Losses()
    train(training, batches, schedule=constant(5), validate=dict, seed=0, callbacks=[losses, Interrupt()])
    assert losses.moments[-2:] == ["step 2.1", "end"]
    assert len(losses.log) == 1


def test_bf16_trains_too(start: Start, batches: Batches) -> None:
    log = run(start(epochs=12), batches, precision="bf16")
    assert log[-1]["accuracy"] > 0.9
