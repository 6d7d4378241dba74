"""Batches in shards: draws, statistics and gradients of their own, and sums in one fixed order."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from escalera.core.runtime import threads
from escalera.data.augment.geometric import Augment
from escalera.data.augment.mixup import Mix
from escalera.data.batches import Batches, Treatment, places, trained_on
from escalera.data.features import FeatureBatches
from escalera.train.loop import Training, train
from escalera.train.schedules import constant
from escalera.train.shards import WHOLE, Shards, Whole, tree_sum

Start = Callable[..., Training]
FILE = Path(__file__).with_name("golden_shards.json")
ROWS = 122


def batches(treatment: Treatment, size: int = 32) -> Batches:
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 2, ROWS)
    images = draw.integers(0, 128, (ROWS, 4, 4, 1), dtype=np.uint8)
    images[labels == 1, :, 2:] += 100
    return Batches(images, labels, np.arange(ROWS), batch_size=size, shuffle=True, seed=3, treatment=treatment)


def trained(start: Start, count: int, *, epochs: int = 2, size: int = 32, **more: Any) -> Training:
    training = start(epochs=epochs)
    feed = batches(Treatment(shards=count), size)
    training.steps = -(-len(feed) // more.get("accumulate", 1))
    shards: Whole = Shards(count, seed=3) if count > 1 else WHOLE
    with threads(1):
        train(training, feed, schedule=constant(1), validate=dict, seed=3, shards=shards, **more)
    return training


def test_a_tree_sums_neighbours_first() -> None:
    # One after the other it would be 1: 1e8 takes the first one in, and gives nothing back.
    assert tree_sum(torch.tensor([[1e8], [1.0], [-1e8], [1.0]])).item() == 0.0
    whole = torch.randn(8, 1000, generator=torch.Generator().manual_seed(0))
    for processes in (2, 4, 8):
        parts = torch.stack([tree_sum(part) for part in whole.chunk(processes)])
        assert torch.equal(tree_sum(parts), tree_sum(whole))


def test_shards_are_of_a_size_and_a_batch_that_has_not_two_rows_for_each_is_left_out() -> None:
    found = list(places(21, 8, 4))
    assert [(batch, shard) for batch, shard, _ in found] == [(b, s) for b in range(3) for s in range(4)]
    assert [place.stop - place.start for _, _, place in found] == [2] * 8 + [1, 1, 1, 2]
    assert [place.start for _, _, place in found] == [0, *(place.stop for _, _, place in found[:-1])]
    assert [each for each in found if each[1] in (2, 3)] == list(places(21, 8, 4, (2, 3)))
    assert [trained_on(rows, 8, 4) for rows in (7, 8, 15, 16, 21)] == [0, 8, 8, 16, 16]
    assert [trained_on(rows, 8) for rows in (7, 8, 9, 10)] == [7, 8, 8, 10]
    assert [trained_on(rows, 8, drop_last=True) for rows in (7, 8, 15, 16)] == [7, 8, 8, 16]


def test_each_process_sees_its_shards_of_the_batches_of_all() -> None:
    for feed in (
        batches(Treatment([Augment(rotation=20)], Mix(2, mixup=0.3), shards=4)),
        FeatureBatches(torch.randn(ROWS, 3), torch.arange(ROWS), batch_size=32, shuffle=True, seed=1, shards=4),
    ):
        whole = list(feed.epoch(2))
        assert len(whole) == 4 * len(feed) == 16
        halves = list(feed.epoch(2, (0, 1))), list(feed.epoch(2, (2, 3)))
        for number, (x, y) in enumerate(whole):
            half = halves[number % 4 // 2]
            again, same = half[number // 4 * 2 + number % 2]
            assert isinstance(again, torch.Tensor) and isinstance(x, torch.Tensor)
            assert torch.equal(again, x) and torch.equal(same, y)


def test_shards_without_draws_and_statistics_are_the_batch_itself() -> None:
    def weights(count: int, accumulate: int) -> torch.Tensor:
        torch.manual_seed(0)
        network = nn.Sequential(nn.Flatten(), layer := nn.Linear(16, 2))
        training = Training(network, torch.optim.SGD(network.parameters(), lr=0.1), 2, 2 if accumulate > 1 else 4)
        shards: Whole = Shards(count, seed=3) if count > 1 else WHOLE
        feed = batches(Treatment(shards=count))
        train(training, feed, schedule=constant(1), validate=dict, seed=3, shards=shards, accumulate=accumulate)
        return layer.weight.detach()

    for accumulate in (1, 2):
        # The last batch has 26 rows: shards of 6 and 7, which count by their rows.
        torch.testing.assert_close(weights(4, accumulate), weights(1, accumulate), rtol=1e-5, atol=1e-6)


def test_running_statistics_move_once_towards_the_mean_of_the_shards() -> None:
    network = nn.Sequential(nn.BatchNorm1d(3, momentum=0.25), nn.Linear(3, 2))
    norm = network[0]
    assert isinstance(norm, nn.BatchNorm1d)
    rows = torch.randn(16, 3, generator=torch.Generator().manual_seed(0)) * 3 + 1
    feed = FeatureBatches(rows, torch.arange(16) % 2, batch_size=16, shuffle=False, shards=4)
    training = Training(network, torch.optim.SGD(network.parameters(), lr=0.1), 1, 1)
    train(training, feed, schedule=constant(1), validate=dict, seed=0, shards=Shards(4, 0))
    parts = rows.view(4, 4, 3)
    assert norm.running_mean is not None and norm.running_var is not None
    torch.testing.assert_close(norm.running_mean, 0.25 * parts.mean(1).mean(0))
    torch.testing.assert_close(norm.running_var, 0.75 + 0.25 * parts.var(1).mean(0))
    assert norm.num_batches_tracked is not None and norm.num_batches_tracked.item() == 1


def test_a_frozen_weight_stays_and_has_no_gradient(start: Start) -> None:
    training = start(epochs=1)
    frozen = next(training.network.parameters()).requires_grad_(False)
    before = frozen.clone()
    train(
        training,
        batches(Treatment(shards=2)),
        schedule=constant(1),
        validate=dict,
        seed=3,
        shards=Shards(2, seed=3),
    )
    assert torch.equal(frozen, before) and frozen.grad is None


def test_gradients_lie_in_memory_as_their_weights_do(start: Start) -> None:
    for parameter in trained(start, 4, epochs=1).network.parameters():
        assert parameter.grad is not None and parameter.grad.stride() == parameter.stride()


def losses(start: Start, count: int, **more: Any) -> list[float]:
    from escalera.train import loop

    found: list[float] = []

    class Watch(loop.Callback):
        def on_step_end(self, training: Training) -> None:
            found.append(round(training.loss, 6))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "CHECK_EVERY", 1)
        trained(start, count, epochs=5, callbacks=[Watch()], **more)
    return found


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_losses_of_four_shards_are_those_of_an_earlier_version(start: Start, precision: str) -> None:
    found = losses(start, 4, precision=precision, clip_norm=1.0)
    golden = json.loads(FILE.read_text())[precision]
    assert len(found) == len(golden) == 20
    np.testing.assert_allclose(found, golden, rtol=1e-4 if precision == "fp32" else 2e-2)
    assert found[-1] < found[0]


def test_the_step_of_a_loss_that_is_no_number_is_told(start: Start) -> None:
    from escalera.core.errors import TrainingError

    training = start(epochs=1)
    training.optimizer.param_groups[0]["lr"] = float("inf")
    shards = Shards(4, seed=3)
    with pytest.raises(TrainingError, match=r"the loss became nan at epoch 1, step 2 of 4 \(batches of 32,"):
        train(training, batches(Treatment(shards=4)), schedule=constant(1), validate=dict, seed=3, shards=shards)
