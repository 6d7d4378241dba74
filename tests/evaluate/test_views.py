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


def test_the_shifts_move_a_pixel_and_repeat_the_border() -> None:
    images = torch.arange(9.0).view(1, 1, 3, 3)
    seen: list[torch.Tensor] = []

    def net(batch: Inputs) -> torch.Tensor:
        assert isinstance(batch, torch.Tensor)
        seen.append(batch)
        return torch.zeros(1, 2)

    mean_logits(net, images, VIEWS["flip_shift"])
    assert len(seen) == 6
    assert seen[1].tolist() == [[[[4, 5, 5], [7, 8, 8], [7, 8, 8]]]]
    assert seen[2].tolist() == [[[[0, 0, 1], [0, 0, 1], [3, 3, 4]]]]
    assert torch.equal(seen[4], torch.flip(images, [3])[:, :, [1, 2, 2]][:, :, :, [1, 2, 2]])


def test_without_views_nothing_is_added() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
    images, labels = torch.rand(5, 3, 2, 2), torch.zeros(5, dtype=torch.int64)
    plain = predict(net, [(images, labels)]).logits
    assert (plain == net(images).detach().numpy()).all()
    assert (predict(net, [(images, labels)], VIEWS["flip"]).logits != plain).any()
