"""A body that learns from an epoch on, and a run that is interrupted before, at and after that epoch."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from escalera.data.batches import Batches
from escalera.models.network import Network
from escalera.train.callbacks import StatisticsWarmUp
from escalera.train.checkpoint import LastCheckpoint
from escalera.train.loop import Callback, Training, train
from escalera.train.schedules import cosine
from escalera.train.unfreeze import UnfreezeAt

Start = Callable[..., Training]


class Watch(Callback):
    """Notes after each epoch the body's tensors, and interrupts after a given step."""

    def __init__(self, interrupt: tuple[int, int] = (0, 0)) -> None:
        self.bodies: list[dict[str, torch.Tensor]] = []
        self.interrupt = interrupt

    def on_step_end(self, training: Training) -> None:
        training.interrupted |= (training.epoch, training.step) == self.interrupt

    def on_epoch_end(self, training: Training) -> None:
        assert isinstance(training.network, Network)
        self.bodies.append(
            {key: value.clone() for key, value in training.network.get_submodule("body").state_dict().items()}
        )


def climb(training: Training, batches: Batches, folder: Path, watch: Watch) -> None:
    assert isinstance(training.network, Network)
    last = LastCheckpoint(folder, {})
    last.resume(training)
    callbacks = [UnfreezeAt(training.network, 3), StatisticsWarmUp(), last, watch]
    train(training, batches, schedule=cosine(5), validate=dict, seed=7, callbacks=callbacks, clip_norm=1.0)


def differ(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> set[str]:
    return {key for key in one if not torch.equal(one[key], other[key])}


def test_the_body_rests_until_its_epoch_and_learns_whole_from_there(
    start: Start, batches: Batches, tmp_path: Path
) -> None:
    training = start(5)
    before = {key: value.clone() for key, value in training.network.get_submodule("body").state_dict().items()}
    watch = Watch()
    climb(training, batches, tmp_path, watch)
    # Its batch norm too: no running statistic moves before.
    assert [differ(before, body) for body in watch.bodies[:2]] == [set(), set()]
    assert differ(watch.bodies[1], watch.bodies[2]) == set(before)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("interrupt", [(2, 2), (3, 1), (4, 1)])
def test_a_resumed_run_equals_the_whole_one_bit_for_bit(
    start: Start, batches: Batches, tmp_path: Path, optimizer: str, interrupt: tuple[int, int]
) -> None:
    whole = start(5, optimizer=optimizer)
    climb(whole, batches, tmp_path / "whole", Watch())
    climb(start(5, optimizer=optimizer), batches, tmp_path / "cut", Watch(interrupt))
    resumed = start(5, seed=99, optimizer=optimizer)
    climb(resumed, batches, tmp_path / "cut", Watch())
    assert differ(whole.network.state_dict(), resumed.network.state_dict()) == set()
