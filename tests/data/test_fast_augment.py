"""Translation by whole pixels, cutout, and the mirror that alternates."""

import numpy as np
import pytest
import torch

from escalera.data.augment.erasing import Cutout
from escalera.data.augment.geometric import Translate, reflected
from escalera.data.batches import Batches, Treatment
from escalera.evaluate.views import mirrored
from escalera.ladder import schema


def test_a_translation_copies_pixels_and_mirrors_them_at_the_border() -> None:
    images = torch.rand(64, 3, 6, 5).contiguous(memory_format=torch.channels_last)
    moved = Translate(2)(images, torch.Generator().manual_seed(0))
    assert moved.is_contiguous(memory_format=torch.channels_last)
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2), "reflect")
    found = set()
    for number in range(64):
        places = [
            (y, x) for y in range(5) for x in range(5)
            if torch.equal(padded[number, :, y : y + 6, x : x + 5], moved[number])
        ]  # fmt: skip
        assert places
        found.update(places)
    assert len(found) > 20


def test_places_far_beyond_a_side_come_back_into_it() -> None:
    assert reflected(torch.tensor([-5, -1, 0, 2, 3, 4]), 3).tolist() == [1, 1, 0, 2, 1, 0]
    assert reflected(torch.tensor([-2, 3]), 1).tolist() == [0, 0]


def test_cutout_takes_one_square_out_of_every_picture() -> None:
    images = torch.ones(200, 1, 12, 12)
    cut = Cutout(4)(images, torch.Generator().manual_seed(0))
    gone = (cut == 0).flatten(1).sum(1)
    assert int(gone.max()) <= 25
    assert int(gone.min()) >= 4
    assert len(set(gone.tolist())) > 2


def test_each_picture_is_mirrored_in_every_other_epoch() -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 1), dtype=np.uint8)
    labels = np.arange(20)
    batches = Batches(
        images, labels, np.arange(20), batch_size=20, device="cpu", shuffle=True, seed=0,
        treatment=Treatment(mirror=mirrored),
    )  # fmt: skip
    seen = []
    for epoch in (1, 2, 3):
        ((x, y),) = batches.epoch(epoch)
        assert isinstance(x, torch.Tensor)
        seen.append(x[y.argsort()])
    assert torch.equal(seen[0], seen[1].flip(3))
    assert torch.equal(seen[0], seen[2])
    own = torch.from_numpy(images).permute(0, 3, 1, 2) / 255
    same = (seen[0] - own).abs().flatten(1).amax(1) < 1e-6
    assert 0 < int(same.sum()) < 20


def test_a_last_short_batch_is_left_out_where_asked() -> None:
    images, labels = np.zeros((10, 2, 2, 1), np.uint8), np.zeros(10, np.int64)
    batches = Batches(
        images, labels, np.arange(10), batch_size=4, device="cpu", shuffle=True, seed=0,
        treatment=Treatment(drop_last=True),
    )  # fmt: skip
    assert [len(y) for _, y in batches.epoch(1)] == [4, 4]
    assert len(batches) == 2


def test_one_flip_and_not_both() -> None:
    with pytest.raises(ValueError, match="expected one of horizontal_flip and alternating_flip, received both"):
        schema.Augment(horizontal_flip=True, alternating_flip=True)
