"""Mixed pictures, erased ones, and the policy: per picture, seeded, and exact about their labels."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from escalera.data.augment.erasing import LEAST, MOST, Erase, rectangles
from escalera.data.augment.mixup import Mix
from escalera.data.augment.randaugment import OPERATIONS, Policy

SIZE = 16


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 64, channels: int = 3) -> torch.Tensor:
    made = torch.rand(count, channels, SIZE, SIZE, generator=generator(9))
    return made.contiguous(memory_format=torch.channels_last)


def ramp(count: int) -> torch.Tensor:
    """Picture i is all i."""
    return torch.arange(float(count)).view(-1, 1, 1, 1).expand(-1, 3, SIZE, SIZE)


@pytest.mark.parametrize("settings", [{"mixup": 0.4}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}])
def test_labels_are_shared_as_the_pixels_are(settings: dict[str, float]) -> None:
    images, labels = ramp(64), torch.arange(64)
    mixed, shares = Mix(64, **settings)(images, labels, generator())
    torch.testing.assert_close(shares.sum(1), torch.ones(64))
    # What the pixels say on average is what the label says.
    torch.testing.assert_close(mixed.mean(dim=(1, 2, 3)), shares @ torch.arange(64.0), rtol=1e-4, atol=1e-3)
    assert len(shares[:, :].diagonal().unique()) > 20  # type: ignore[no-untyped-call]  # a decision for each picture
    assert ((shares > 0).sum(1) <= 2).all()


def test_mixup_blends_every_pixel_and_cutmix_pastes_whole_ones() -> None:
    images, labels = ramp(64), torch.arange(64)
    blended, _ = Mix(64, mixup=1.0)(images, labels, generator())
    assert (blended.flatten(1).std(dim=1) < 1e-4).all()
    pasted, _ = Mix(64, cutmix=1.0)(images, labels, generator())
    own, other = images, images.flip(0)
    assert ((pasted == own) | (pasted == other)).all()
    assert (pasted == other).any()


def test_with_both_a_coin_chooses_for_each_picture() -> None:
    mixed, _ = Mix(64, mixup=1.0, cutmix=1.0)(ramp(64), torch.arange(64), generator())
    varied = (mixed.flatten(1).std(dim=1) > 1e-3).sum()
    assert 16 < varied < 48


def test_the_same_generator_gives_the_same_and_another_another() -> None:
    changes: tuple[Callable[[int], torch.Tensor], ...] = (
        lambda seed: Mix(64, mixup=0.4, cutmix=1.0)(pictures(), torch.arange(64), generator(seed))[0],
        lambda seed: Erase(0.5)(pictures(), generator(seed)),
        lambda seed: Policy(2, 0.5)(pictures(), generator(seed)),
    )
    for change in changes:
        assert torch.equal(change(1), change(1))
        assert not torch.equal(change(1), change(2))
        assert change(1).is_contiguous(memory_format=torch.channels_last)


def test_erasing_takes_its_share_of_the_pictures_and_of_each() -> None:
    images = pictures(1000)
    before = images.clone()
    erased = Erase(0.3)(images, generator())
    assert torch.equal(images, before)
    touched = (erased != images).flatten(1).any(1)
    assert 230 < touched.sum() < 370
    changed = (erased != images)[:, 0].flatten(1).float().mean(1)[touched]
    assert changed.max() <= MOST + 0.05
    assert changed.mean() > LEAST
    one = int(touched.nonzero()[0])
    hole = (erased[one] != images[one]).any(0)
    torch.testing.assert_close(erased[one, :, hole][:, 0], images[one].mean(dim=(1, 2)))


def test_a_rectangle_is_cut_at_the_border() -> None:
    sides = torch.tensor([4.0])
    inside = rectangles(sides, sides * 2, (torch.tensor([0.5]), torch.tensor([0.0])), 8, 8)
    assert inside.sum() == 4 * 4
    assert inside[0, 0, 2:6, :4].all()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_every_operation_keeps_the_shape_and_is_finite(
    operation: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], channels: int
) -> None:
    images = pictures(8, channels)
    for amount in (-1.0, 0.0, 1.0):
        done = operation(images, torch.full((8, 1, 1, 1), amount))
        assert done.shape == images.shape
        assert done.isfinite().all()


def test_the_operations_do_what_they_say() -> None:
    named = {operation.__name__: operation for operation in OPERATIONS}
    images, up, down = pictures(4), torch.ones(4, 1, 1, 1), -torch.ones(4, 1, 1, 1)
    assert torch.allclose(named["brightness"](images, up), images * 1.9)
    assert torch.allclose(named["brightness"](images, down), images * 0.1)
    assert named["contrast"](images, down).std() < 0.2 * images.std()
    assert named["colour"](images, down).std(dim=1).mean() < 0.2 * images.std(dim=1).mean()
    assert named["sharpness"](images, down).std() < images.std() < named["sharpness"](images, up).std()
    assert torch.allclose(named["solarize"](images, up), 1 - images)
    assert len(named["posterize"](images, up).unique()) <= 16  # type: ignore[no-untyped-call]
    stretched = named["stretch"](images * 0.2 + 0.3, up)
    ends: tuple[Any, ...] = (stretched.amin(), stretched.amax())
    assert ends == (0, 1)
    moved = named["shift_x"](images, up)
    assert torch.allclose(moved.flip(3), named["shift_x"](images.flip(3), down), atol=1e-5)
    still = torch.zeros(4, 1, 1, 1)
    for name in ("rotate", "shear_x", "shear_y", "shift_x", "shift_y"):
        assert torch.allclose(named[name](images, still), images, atol=1e-5), name
        assert not torch.allclose(named[name](images, up), images, atol=0.1), name


def test_the_policy_sees_standardised_pictures_in_their_own_range() -> None:
    images, mean, deviation = pictures(), [0.4, 0.5, 0.6], [0.2, 0.25, 0.3]
    columns = torch.tensor(mean).view(1, 3, 1, 1), torch.tensor(deviation).view(1, 3, 1, 1)
    plain = Policy(3, 0.7)(images, generator())
    standard = Policy(3, 0.7, mean, deviation)((images - columns[0]) / columns[1], generator())
    close = torch.isclose(standard * columns[1] + columns[0], plain, atol=1e-4)
    assert close.float().mean() > 0.99  # posterize and solarize may fall to either side of a step
    ends: tuple[Any, ...] = (plain.amin(), plain.amax())
    assert ends == (pytest.approx(0, abs=0.01), pytest.approx(1, abs=0.01))


def test_the_policy_leaves_its_input_alone() -> None:
    images = pictures()
    before = images.clone()
    Policy(2, 1.0)(images, generator())
    assert torch.equal(images, before)
