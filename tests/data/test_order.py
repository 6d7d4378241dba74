"""The order of the rows in an epoch, and epochs that have as many rows of each class."""

import numpy as np
import torch

from escalera.data.batches import Batches, Treatment
from escalera.data.features import FeatureBatches
from escalera.data.order import evenly, order_of

LABELS = torch.tensor([0] * 90 + [1] * 7 + [2] * 3)


def test_each_class_comes_as_often() -> None:
    counts = torch.bincount(LABELS[evenly(LABELS, 0, 1)])
    assert sorted(counts.tolist()) == [33, 33, 34]


def test_no_row_comes_again_before_all_of_its_class_have_come() -> None:
    times = torch.bincount(evenly(LABELS, 0, 1), minlength=100)
    for label in range(3):
        own = times[label == LABELS]
        assert int(own.max() - own.min()) <= 1


def test_other_epochs_leave_out_others() -> None:
    seen = {int(row) for epoch in range(1, 12) for row in evenly(LABELS, 0, epoch)}
    assert len(seen) == 100


def test_the_same_again_for_the_same_epoch() -> None:
    assert torch.equal(evenly(LABELS, 3, 5), evenly(LABELS, 3, 5))
    assert not torch.equal(evenly(LABELS, 3, 5), evenly(LABELS, 3, 6))


def test_a_class_that_is_not_there_is_no_class() -> None:
    assert torch.bincount(torch.tensor([0, 0, 0, 4])[evenly(torch.tensor([0, 0, 0, 4]), 0, 1)]).tolist() == [
        2,
        0,
        0,
        0,
        2,
    ]


def test_none_of_it_where_nobody_asks() -> None:
    assert sorted(order_of(LABELS, 0, 1, balanced=False).tolist()) == list(range(100))


def test_pictures_and_features_come_in_the_same_order() -> None:
    labels, images = LABELS.numpy(), np.zeros((100, 2, 2, 1), np.uint8)
    pictures = Batches(
        images, labels, np.arange(100), batch_size=32, shuffle=True, seed=4, treatment=Treatment(balanced=True)
    )
    features = FeatureBatches(torch.zeros(100, 3), LABELS, batch_size=32, shuffle=True, seed=4, balanced=True)
    for (_, one), (_, other) in zip(pictures.epoch(2), features.epoch(2), strict=True):
        assert torch.equal(one, other)
