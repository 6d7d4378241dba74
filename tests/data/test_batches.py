"""The same batch for the same seed, epoch and step; all rows, each once; pixels as they should be."""

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from escalera.data.augment.geometric import Augment
from escalera.data.batches import Batches, Treatment

ROWS = np.arange(1, 12)  # eleven of the twelve


def batches(pixels: np.ndarray, rows: np.ndarray = ROWS, **settings: Any) -> Batches:
    settings = {"batch_size": 4, "shuffle": True, "seed": 3} | settings
    own = {name: settings.pop(name) for name in ("augment", "mean", "std", "attributes") if name in settings}
    return Batches(pixels, np.arange(len(pixels)), rows, treatment=Treatment(**own), **settings)


def epoch_of(some: Batches, number: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The batches of pictures that nothing stands beside."""
    for x, y in some.epoch(number):
        assert isinstance(x, torch.Tensor)
        yield x, y


def labels(some: Iterable[tuple[object, torch.Tensor]]) -> list[int]:
    return [int(label) for _, y in some for label in y]


def test_what_a_batch_is(pixels: np.ndarray) -> None:
    x, y = next(epoch_of(batches(pixels), 0))
    assert (x.shape, x.dtype, y.shape, y.dtype) == ((4, 3, 6, 4), torch.float32, (4,), torch.int64)
    assert x.is_contiguous(memory_format=torch.channels_last)


def test_each_picture_stays_with_its_label(pixels: np.ndarray) -> None:
    for shuffle in (True, False):
        for x, y in epoch_of(batches(pixels, shuffle=shuffle), 0):
            assert torch.allclose(x, torch.tensor(pixels[y.numpy()] / 255, dtype=torch.float32).permute(0, 3, 1, 2))


def test_white_is_exactly_one() -> None:
    x, _ = next(epoch_of(batches(np.full((12, 2, 2, 1), 255, np.uint8)), 0))
    assert (x == 1).all()


def test_evaluation_keeps_the_order_and_every_row(pixels: np.ndarray) -> None:
    for size, steps in ((4, 3), (5, 3), (11, 1), (100, 1), (1, 11)):
        some = batches(pixels, shuffle=False, batch_size=size)
        assert labels(some.epoch(0)) == labels(some.epoch(1)) == list(range(1, 12))
        assert (len(some), some.images_per_epoch) == (steps, 11)
        assert len(list(some.epoch(0))) == steps


def test_training_has_every_row_once_in_another_order_each_epoch(pixels: np.ndarray) -> None:
    some = batches(pixels)
    first, second = labels(some.epoch(0)), labels(some.epoch(1))
    assert sorted(first) == sorted(second) == list(range(1, 12))
    assert first != second
    assert first != list(range(1, 12))
    assert labels(batches(pixels, seed=4).epoch(0)) != first


def test_a_last_batch_of_one_is_skipped_in_training_alone(pixels: np.ndarray) -> None:
    some = batches(pixels, batch_size=5)
    assert (len(some), some.images_per_epoch) == (2, 10)
    assert [len(y) for _, y in some.epoch(0)] == [5, 5]
    assert [len(y) for _, y in batches(pixels, batch_size=5, shuffle=False).epoch(0)] == [5, 5, 1]


def test_batches_of_one_are_given_when_asked_for(pixels: np.ndarray) -> None:
    some = batches(pixels, batch_size=1)
    assert len(some) == len(list(some.epoch(0))) == some.images_per_epoch == 11


def test_an_epoch_is_the_same_whatever_ran_before(pixels: np.ndarray) -> None:
    """What an exact resume stands on: another object, at another epoch first, half used, and the global seed moved."""
    settings: dict[str, Any] = {
        "augment": [Augment(rotation=20, shift=0.1, horizontal_flip=True)],
        "mean": [0.5] * 3,
        "std": [0.2] * 3,
    }
    there = [(x.clone(), y) for x, y in epoch_of(batches(pixels, **settings), 7)]
    other = batches(pixels, **settings)
    half = other.epoch(2)
    next(half)
    torch.manual_seed(99)
    for (x, y), (again, same) in zip(there, epoch_of(other, 7), strict=True):
        assert torch.equal(x, again)
        assert torch.equal(y, same)


def test_every_step_and_epoch_is_augmented_anew() -> None:
    pixels = np.tile(np.random.RandomState(0).randint(0, 256, (1, 6, 4, 1)).astype(np.uint8), (12, 1, 1, 1))
    some = batches(pixels, batch_size=2, augment=[Augment(rotation=20)])
    seen = [tuple(picture.flatten().tolist()) for epoch in (0, 1) for x, _ in some.epoch(epoch) for picture in x]
    assert len(set(seen)) == len(seen) == 20


def test_the_numbers_of_a_seed_do_not_run_together(pixels: np.ndarray) -> None:
    """Seed 1 at epoch 2 is not seed 2 at epoch 1, nor seed 12 at epoch 0."""
    orders = [
        tuple(labels(batches(pixels, seed=seed).epoch(epoch))) for seed, epoch in ((1, 2), (2, 1), (12, 0), (0, 12))
    ]
    assert len(set(orders)) == 4


def test_the_first_batch_is_that_of_last_year(pixels: np.ndarray) -> None:
    """Stored: a change here would make a run that is taken up again differ from one that was never interrupted."""
    x, y = next(epoch_of(batches(pixels, augment=[Augment(rotation=20, zoom=0.1)], mean=[0.5] * 3, std=[0.25] * 3), 1))
    assert y.tolist() == [7, 2, 1, 3]
    assert x[0, :, 2, 1].tolist() == pytest.approx([0.32188, 1.0904, 1.70796], abs=1e-4)


def test_standardised_pixels(pixels: np.ndarray) -> None:
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
    plain, _ = next(epoch_of(batches(pixels), 0))
    x, _ = next(epoch_of(batches(pixels, mean=mean, std=std), 0))
    expected = (plain - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
    assert torch.allclose(x, expected, atol=1e-6)
    assert x.is_contiguous(memory_format=torch.channels_last)


def test_augmentation_is_the_same_before_and_after_standardising(pixels: np.ndarray) -> None:
    mean, std = [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]
    augment = Augment(rotation=30, shift=0.2)
    plain, _ = next(epoch_of(batches(pixels, augment=[augment]), 0))
    x, _ = next(epoch_of(batches(pixels, augment=[augment], mean=mean, std=std), 0))
    expected = (plain - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
    assert torch.allclose(x, expected, atol=1e-5)


def test_what_is_done_to_a_batch_leaves_the_pictures(pixels: np.ndarray) -> None:
    before = pixels.copy()
    for x, y in epoch_of(batches(pixels), 0):
        x.zero_()
        y.zero_()
    assert (pixels == before).all()
    assert sorted(labels(batches(pixels).epoch(0))) == list(range(1, 12))


def test_a_map_that_is_read_only(pixels: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", pixels)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(next(epoch_of(batches(mapped), 0))[0], next(epoch_of(batches(pixels), 0))[0])


@pytest.mark.gpu
@pytest.mark.parametrize("on_device", [0.25, 0.0])
def test_on_a_gpu_as_on_the_cpu(on_device: float, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    monkeypatch.setattr("escalera.data.batches._ON_DEVICE", on_device)
    settings: dict[str, Any] = {"augment": [Augment(rotation=20, shift=0.1)], "mean": [0.5] * 3, "std": [0.2] * 3}
    for (x, y), (far_x, far_y) in zip(
        epoch_of(batches(pixels, **settings), 1), epoch_of(batches(pixels, device="cuda", **settings), 1), strict=True
    ):
        assert (far_x.device.type, far_y.device.type) == ("cuda", "cuda")
        assert torch.allclose(x, far_x.cpu(), atol=1e-4)
        assert torch.equal(y, far_y.cpu())


@pytest.mark.gpu
def test_nothing_in_a_step_waits_for_the_gpu(pixels: np.ndarray) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    epoch = batches(pixels, device="cuda", augment=[Augment(rotation=20)]).epoch(0)
    next(epoch)
    torch.cuda.set_sync_debug_mode("error")
    try:
        next(epoch)
    finally:
        torch.cuda.set_sync_debug_mode("default")


def test_attributes_stay_with_their_pictures(pixels: np.ndarray) -> None:
    attributes = np.stack([np.arange(len(pixels)), 2 * np.arange(len(pixels))], axis=1).astype(np.float32)
    seen = []
    for (x, beside), y in batches(pixels, attributes=attributes).epoch(1):
        assert x.shape[0] == beside.shape[0] == len(y)
        assert beside[:, 0].tolist() == y.tolist()
        assert beside[:, 1].tolist() == (2 * y).tolist()
        seen += y.tolist()
    assert sorted(seen) == ROWS.tolist()
