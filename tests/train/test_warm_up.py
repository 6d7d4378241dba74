from collections.abc import Callable

import pytest
import torch
from torch import nn

from escalera.train.callbacks import StatisticsWarmUp
from escalera.train.loop import Training


def test_the_first_statistics_are_plain_means(start: Callable[..., Training]) -> None:
    training = start()
    norm = next(module for module in training.network.modules() if isinstance(module, nn.BatchNorm2d))
    warm_up = StatisticsWarmUp()
    warm_up.on_train_begin(training)
    seen = []
    training.network.train()
    for step in range(1, 6):
        images = torch.rand(16, 1, 4, 4, generator=torch.Generator().manual_seed(step))
        seen.append(nn.functional.relu(training.network.get_submodule("body.0")(images)).mean((0, 2, 3)).detach())
        training.network(images)
        training.epoch, training.step = 1 + (step - 1) // 4, 1 + (step - 1) % 4
        warm_up.on_step_end(training)
    torch.testing.assert_close(norm.running_mean, torch.stack(seen).mean(0))


@pytest.mark.parametrize(("epoch", "momentum"), [(0, 1.0), (1, 1 / 5), (24, 1 / 97), (25, 0.01), (300, 0.01)])
def test_a_resumed_training_warms_up_from_where_it_was(
    start: Callable[..., Training], epoch: int, momentum: float
) -> None:
    training = start()
    training.epoch = epoch
    StatisticsWarmUp().on_train_begin(training)
    norm = next(module for module in training.network.modules() if isinstance(module, nn.BatchNorm2d))
    assert norm.momentum == pytest.approx(momentum)


def test_its_own_momentum_comes_back_at_the_end_of_the_warm_up(start: Callable[..., Training]) -> None:
    training = start()
    warm_up = StatisticsWarmUp()
    warm_up.on_train_begin(training)
    norm = next(module for module in training.network.modules() if isinstance(module, nn.BatchNorm2d))
    training.epoch, training.step = 25, 3
    warm_up.on_step_end(training)
    assert norm.momentum == 1 / 100
    training.epoch, training.step = 25, 4
    warm_up.on_step_end(training)
    assert norm.momentum == 0.01
