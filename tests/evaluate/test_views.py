import torch
from torch import nn

from escalera.evaluate.predict import predict
from escalera.evaluate.views import VIEWS, mean_logits
from escalera.models.inputs import Inputs


def test_flip_makes_the_answer_blind_to_the_mirror() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(48, 3))
    images = torch.rand(5, 3, 4, 4)
    both = mean_logits(net, images, VIEWS["flip"])
    torch.testing.assert_close(both, (net(images) + net(images.flip(3))) / 2)
    torch.testing.assert_close(both, mean_logits(net, images.flip(3), VIEWS["flip"]))
    assert not torch.allclose(net(images), net(images.flip(3)))


def test_the_views_weigh_what_they_weigh_in_airbench() -> None:
    """Half the mean of a picture and its mirror image, half that of both shifts and of their mirror images."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(64, 3))
    images = torch.rand(5, 3, 6, 6)

    def both(x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = 0.5 * net(x) + 0.5 * net(x.flip(3))
        return logits

    padded = nn.functional.pad(images, (1, 1, 1, 1), "reflect")
    moved = 0.5 * both(padded[:, :, 0:6, 0:6]) + 0.5 * both(padded[:, :, 2:8, 2:8])
    torch.testing.assert_close(mean_logits(net, images, VIEWS["flip_shift"]), 0.5 * both(images) + 0.5 * moved)


def test_a_side_of_one_pixel_is_repeated() -> None:
    seen = VIEWS["flip_shift"][4](torch.arange(3.0).view(1, 1, 1, 3))
    assert seen.tolist() == [[[[1, 2, 2]]]]


def test_the_shifts_move_a_pixel_and_mirror_the_border() -> None:
    images = torch.arange(9.0).view(1, 1, 3, 3)
    seen: list[torch.Tensor] = []

    def net(batch: Inputs) -> torch.Tensor:
        assert isinstance(batch, torch.Tensor)
        seen.append(batch)
        return torch.zeros(1, 2)

    mean_logits(net, images, VIEWS["flip_shift"])
    assert len(seen) == 6
    assert torch.equal(seen[1], images.flip(3))
    assert seen[2].tolist() == [[[[4, 5, 4], [7, 8, 7], [4, 5, 4]]]]
    assert torch.equal(seen[3], seen[2].flip(3))
    assert seen[4].tolist() == [[[[4, 3, 4], [1, 0, 1], [4, 3, 4]]]]
    assert torch.equal(seen[5], seen[4].flip(3))


def test_without_views_nothing_is_added() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    images, labels = torch.rand(5, 3, 2, 2), torch.zeros(5, dtype=torch.int64)
    plain = predict(net, [(images, labels)]).logits
    assert (plain == net(images).detach().numpy()).all()
    assert (predict(net, [(images, labels)], VIEWS["flip"]).logits != plain).any()
