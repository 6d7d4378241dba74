"""One decision a picture, in pixels, and nothing but what was asked for."""

import math

import pytest
import torch

from escalera.data.augment.geometric import Augment


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(batch: int = 64, channels: int = 3, height: int = 9, width: int = 13) -> torch.Tensor:
    return torch.rand(batch, channels, height, width, generator=generator(1))


def drawn(augment: Augment, batch: int, height: int = 9, width: int = 13, seed: int = 0) -> torch.Tensor:
    """The matrices (B, 2, 3) of a batch."""
    return augment._maps(batch, height, width, generator(seed)).view(batch, 2, 3)


def test_nothing_asked_gives_the_input_itself() -> None:
    images = pictures()
    assert Augment()(images, generator()) is images


def test_almost_nothing_changes_almost_nothing() -> None:
    images = pictures()
    assert torch.allclose(Augment(rotation=1e-5)(images, generator()), images, atol=1e-4)


def test_the_same_generator_gives_the_same() -> None:
    augment = Augment(rotation=20, shift=0.1, zoom=0.2, horizontal_flip=True)
    images = pictures()
    first = augment(images, generator(5))
    assert torch.equal(first, augment(images, generator(5)))
    assert not torch.equal(first, augment(images, generator(6)))


def test_each_picture_has_its_own_decision() -> None:
    images = pictures(1).expand(200, -1, -1, -1).contiguous()
    for augment in (Augment(rotation=20), Augment(shift=0.2), Augment(zoom=0.2)):
        changed = augment(images, generator())
        assert len({tuple(picture.flatten().tolist()) for picture in changed}) == 200


def test_one_picture_in_two_is_mirrored_and_none_otherwise_changed() -> None:
    images = pictures(400)
    changed = Augment(horizontal_flip=True)(images, generator())
    mirrored = torch.isclose(changed, images.flip(3), atol=1e-5).flatten(1).all(1)
    same = torch.isclose(changed, images, atol=1e-5).flatten(1).all(1)
    assert (mirrored ^ same).all()
    assert 160 < mirrored.sum() < 240


def test_a_quarter_turn_is_a_quarter_turn_of_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a square, and of the square amid an oblong picture, which a turn in shares of the sides would shear."""
    monkeypatch.setattr(torch, "rand", lambda *shape, generator: torch.ones(shape))
    for height, width in ((8, 8), (8, 14), (14, 8)):
        images = pictures(2, 1, height, width)
        changed = Augment(rotation=90)(images, generator())
        top, left = (height - 8) // 2, (width - 8) // 2
        middle = (slice(None), slice(None), slice(top, top + 8), slice(left, left + 8))
        assert torch.allclose(changed[middle], images[middle].rot90(1, (2, 3)), atol=1e-4)


def test_a_shift_is_a_share_of_the_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *shape, generator: torch.ones(shape))
    images = pictures(2, 1, 8, 12)
    changed = Augment(shift=0.25)(images, generator())
    assert torch.allclose(changed[:, :, :6, :9], images[:, :, 2:, 3:], atol=1e-5)
    # Beyond the border stands the nearest pixel.
    assert torch.allclose(changed[:, :, 6:, :9], images[:, :, 7:, 3:].expand(-1, -1, 2, -1), atol=1e-5)


def test_reflection_beyond_the_border(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *shape, generator: torch.ones(shape))
    images = pictures(2, 1, 8, 12)
    changed = Augment(shift=0.25, fill="reflect")(images, generator())
    assert torch.allclose(changed[:, :, 6:, :9], images[:, :, 6:, 3:].flip(2), atol=1e-5)


def test_a_zoom_above_one_enlarges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "rand", lambda *shape, generator: torch.ones(shape))
    images = torch.zeros(1, 1, 16, 16)
    images[:, :, 6:10, 6:10] = 1
    assert Augment(zoom=0.5)(images, generator()).sum() == pytest.approx(16 * 1.5**2, rel=0.1)


def test_the_decisions_stay_within_their_limits_and_reach_them() -> None:
    turns = drawn(Augment(rotation=30), 5000, 10, 10)
    angles = torch.atan2(turns[:, 1, 0], turns[:, 0, 0])
    assert angles.abs().max() == pytest.approx(math.radians(30), rel=0.01)
    assert angles.mean() == pytest.approx(0, abs=0.02)
    shifts = drawn(Augment(shift=0.1), 5000)[:, :, 2] / 2
    assert shifts.abs().amax(0).tolist() == pytest.approx([0.1, 0.1], rel=0.01)
    scales = 1 / drawn(Augment(zoom=0.3), 5000)[:, 0, 0]
    assert (scales.min().item(), scales.max().item()) == pytest.approx((0.7, 1.3), rel=0.01)


def test_one_more_change_leaves_the_others_as_they_were() -> None:
    alone = drawn(Augment(shift=0.1), 50)
    assert torch.equal(drawn(Augment(rotation=10, shift=0.1, horizontal_flip=True), 50)[:, :, 2], alone[:, :, 2])


@pytest.mark.parametrize("memory_format", [torch.channels_last, torch.contiguous_format])
def test_the_memory_format_stays(memory_format: torch.memory_format) -> None:
    images = pictures().contiguous(memory_format=memory_format)
    assert Augment(rotation=10)(images, generator()).is_contiguous(memory_format=memory_format)


def test_the_values_stay_within_those_of_the_picture() -> None:
    images = pictures()
    for fill in ("nearest", "reflect"):
        changed = Augment(rotation=180, shift=0.5, zoom=0.5, fill=fill)(images, generator())
        assert changed.min() >= images.min() - 1e-5
        assert changed.max() <= images.max() + 1e-5


@pytest.mark.gpu
def test_on_a_gpu_as_on_the_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    augment = Augment(rotation=20, shift=0.1, zoom=0.2, horizontal_flip=True, fill="reflect")
    images = pictures().contiguous(memory_format=torch.channels_last)
    changed = augment(images.cuda(), generator())
    assert changed.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(changed.cpu(), augment(images, generator()), atol=1e-4)
