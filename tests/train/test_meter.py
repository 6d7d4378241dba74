"""What an epoch counts: the mean loss, the share of hits, images a second, and where a loss was no number."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from escalera.core.errors import TrainingError
from escalera.data.batches import Batches
from escalera.train.meter import Meter
from escalera.train.shards import WHOLE, Shards

LABELS = torch.tensor([0, 1, 1, 0])
LOGITS = torch.tensor([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0], [5.0, 4.0]])
"""Three of four are right."""


def test_what_is_read_of_an_epoch(batches: Batches, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([100.0, 104.0, 108.0])
    monkeypatch.setattr("escalera.train.meter.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    epoch = Meter(1, batches, WHOLE)
    epoch.add(torch.tensor(0.5), LOGITS, LABELS, rate=0.1)
    epoch.add(torch.tensor(2.0), LOGITS[:1], LABELS[1:2], rate=0.1)
    loss, accuracy, speed = epoch.read()
    assert loss == pytest.approx((4 * 0.5 + 2.0) / 5)
    assert accuracy == pytest.approx(3 / 5)
    assert speed == 5 / 4.0  # the clock stood at 100, then at 104
    assert epoch.seconds == 8.0


def test_the_share_of_a_class_that_counts_is_the_largest(batches: Batches) -> None:
    epoch = Meter(1, batches, WHOLE)
    mixed = torch.tensor([[0.7, 0.3], [0.4, 0.6], [0.2, 0.8], [0.9, 0.1]])
    epoch.add(torch.tensor(1.0), LOGITS, mixed, rate=0.1)
    assert epoch.read()[1] == 3 / 4


def test_the_first_step_of_a_loss_that_is_no_number_is_told_with_its_rate(batches: Batches) -> None:
    epoch = Meter(3, batches, Shards(2, seed=0))
    for part, loss in enumerate((1.0, 1.0, 1.0, 1.0, 1.0, float("nan"), float("inf"), 1.0)):
        epoch.add(torch.tensor(loss), LOGITS, LABELS, rate=0.1 * (1 + part // 2))
    with pytest.raises(TrainingError) as error:
        epoch.read()
    assert str(error.value) == (
        "the loss became nan at epoch 3, step 3 of 4 (batches of 32, learning rate 0.3). "
        "Lower train.optimizer.lr, or set train.clip_norm to 1.0."
    )
