"""Lookahead: slow weights that follow the others, as the paper has it, and a resumed run that equals the whole one."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from escalera import builders
from escalera.data.batches import Batches
from escalera.ladder import schema
from escalera.train.checkpoint import LastCheckpoint
from escalera.train.lookahead import Lookahead
from escalera.train.loop import Callback, Training, train
from escalera.train.schedules import cosine

Start = Callable[..., Training]


@pytest.mark.parametrize(("schedule", "shares"), [("constant", [0.25, 0.25]), ("cubic", [1 - 0.75 / 27, 1 - 6 / 27])])
def test_slow_weights_follow_every_few_steps(schedule: str, shares: list[float]) -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    training = Training(network, torch.optim.SGD(network.parameters(), lr=1.0), 1, 9)
    lookahead = Lookahead(3, 0.25, schedule)
    lookahead.on_train_begin(training)
    training.epoch, slow = 1, 0.0
    for step in range(1, 7):
        training.step = step
        with torch.no_grad():
            network.weight += 1
        fast = slow + (step - 1) % 3 + 1
        lookahead.on_step_end(training)
        if step % 3:
            assert network.weight.item() == pytest.approx(fast)
        else:
            slow += shares[step // 3 - 1] * (fast - slow)
            assert network.weight.item() == pytest.approx(slow)


def test_an_epoch_ends_on_the_slow_weights() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    training = Training(network, torch.optim.SGD(network.parameters(), lr=1.0), 2, 4)
    lookahead = Lookahead(3, 0.5)
    lookahead.on_train_begin(training)
    training.epoch, training.step = 1, 4
    with torch.no_grad():
        network.weight += 1
    lookahead.on_step_end(training)
    assert network.weight.item() == 0.5


class Press(Callback):
    def on_step_end(self, training: Training) -> None:
        training.interrupted = training.interrupted or (training.epoch, training.step) == (3, 2)


def one(training: Training, batches: Batches, folder: Path, *more: Callback, resume: bool = False) -> Training:
    last = LastCheckpoint(folder, {})
    if resume:
        assert last.resume(training).state
    settings = schema.Train(lookahead=schema.Train.model_validate({"lookahead": {"every": 3}}).lookahead)
    lookahead = builders.lookahead(settings)
    assert lookahead is not None
    train(training, batches, schedule=cosine(5), validate=dict, seed=7, callbacks=[lookahead, last, *more])
    return training


def test_a_resumed_run_equals_the_whole_one_bit_for_bit(start: Start, batches: Batches, tmp_path: Path) -> None:
    whole = one(start(epochs=5, optimizer="sgd"), batches, tmp_path / "whole")
    one(start(epochs=5, optimizer="sgd"), batches, tmp_path / "cut", Press())
    again = one(start(epochs=5, optimizer="sgd", seed=99), batches, tmp_path / "cut", resume=True)
    assert again.epoch == 5
    for a, b in zip(whole.network.state_dict().values(), again.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_without_the_key_there_are_none() -> None:
    assert builders.lookahead(schema.Train()) is None
