"""The first convolution that whitens, and what else a fast recipe asks of a cnn."""

import numpy as np
import pytest
import torch
from torch import nn

from escalera import builders
from escalera.core.errors import EscaleraError
from escalera.data.batches import Batches
from escalera.data.dataset import Split
from escalera.ladder import schema
from escalera.models import whitening
from escalera.models.freezing import freeze
from escalera.models.network import Network
from escalera.models.whitening import Whitening, whitenings
from escalera.train.loop import Callback, Training, train
from escalera.train.schedules import linear

CNN = {"kind": "cnn", "blocks": [[8, 8], [8]], "batch_norm": "conv"}


def network(**more: object) -> Network:
    model = schema.Cnn.model_validate({**CNN, **more})
    return builders.network(model, (3, 8, 8), 4)


def test_patches_come_out_uncorrelated_with_variance_one_each_with_its_opposite() -> None:
    torch.manual_seed(0)
    images = torch.randn(200, 3, 10, 10).cumsum(2).cumsum(3)
    layer = Whitening(3, 2)
    layer.fit(images)
    with torch.no_grad():
        out = layer(images).permute(1, 0, 2, 3).reshape(24, -1).double()
    assert torch.allclose(out[:12], -out[12:], atol=1e-4)
    assert torch.allclose(out[:12] @ out[:12].T / out.shape[1], torch.eye(12).double(), atol=0.1)
    assert not layer.weight.requires_grad


def test_the_pictures_it_is_fitted_on_are_drawn_from_all_of_train() -> None:
    # As a folder has them: all of a class, then all of the next. The pixels say which row it is.
    images = (np.arange(6000) // 30).astype(np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 3), np.uint8)
    train = Split(images, np.zeros(6000, np.int64), np.arange(6000))
    config = schema.RungConfig.model_validate({"data": {"source": "digits"}, "model": CNN})
    drawn = builders.drawn_pictures(config, train, 5000)
    assert drawn.shape == (5000, 3, 8, 8)
    assert len(torch.unique(drawn[:, 0, 0, 0])) == 200
    assert torch.equal(drawn, builders.drawn_pictures(config, train, 5000))


def test_it_is_fitted_on_train_and_its_bias_learns_in_the_first_epochs_alone() -> None:
    made = network(whitening={"kernel": 2, "bias_epochs": 2})
    before = whitenings(made)[0].weight.clone()
    asked: list[int] = []

    def images(count: int) -> torch.Tensor:
        asked.append(count)
        return torch.rand(50, 3, 8, 8)

    builders.whiten(made, images)
    assert asked == [5000]
    assert not torch.equal(before, whitenings(made)[0].weight)
    callback = builders.whitening(made)
    assert callback is not None
    training = Training(made, torch.optim.SGD(made.parameters(), lr=0.1), 3, 1)
    learns = []
    callback.on_train_begin(training)
    for epoch in range(3):
        learns.append(whitenings(made)[0].bias.requires_grad)  # type: ignore[union-attr]
        training.epoch = epoch + 1
        callback.on_epoch_end(training)
    assert learns == [True, True, False]
    assert builders.whitening(network()) is None


def test_below_a_body_that_rests_no_bias_learns() -> None:
    made = network(whitening={"kernel": 2, "bias_epochs": 2})
    callback = builders.whitening(made)
    assert callback is not None
    freeze(made)
    callback.on_train_begin(Training(made, torch.optim.SGD(made.parameters(), lr=0.1), 3, 1))
    assert not any(parameter.requires_grad for parameter in made.body.parameters())


def test_patches_of_many_pictures_are_summed_a_part_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    images = torch.rand(30, 3, 9, 9)
    whole, parts = Whitening(3, 3), Whitening(3, 3)
    whole.fit(images)
    monkeypatch.setattr(whitening, "_AT_ONCE", 7 * images[0].numel() * 9)
    parts.fit(images)
    # An axis may point either way.
    assert torch.allclose(whole.weight.flatten(1).abs(), parts.weight.flatten(1).abs(), rtol=1e-3, atol=1e-3)


def test_a_picture_as_small_as_the_kernel_is_refused() -> None:
    with pytest.raises(EscaleraError, match="larger than its kernel of 7 pixels, received 7x7"):
        builders.network(schema.Cnn.model_validate({**CNN, "whitening": {"kernel": 7}}), (3, 7, 7), 4)


def test_the_orders() -> None:
    def kinds(order: str) -> list[str]:
        names = [type(layer).__name__ for layer in network(order=order).body.children()]
        return [name.removesuffix("2d") for name in names]

    assert kinds("activation_first")[:7] == ["Conv", "ReLU", "BatchNorm", "Conv", "ReLU", "BatchNorm", "MaxPool"]
    assert kinds("norm_first")[:7] == ["Conv", "BatchNorm", "ReLU", "Conv", "BatchNorm", "ReLU", "MaxPool"]
    assert kinds("pool_first")[:7] == ["Conv", "MaxPool", "BatchNorm", "ReLU", "Conv", "BatchNorm", "ReLU"]
    assert next(network(order="norm_first").body.children()).bias is None


def test_identity_initialisation_passes_channels_on() -> None:
    made = network(init="dirac")
    first = next(module for module in made.modules() if isinstance(module, nn.Conv2d))
    images = torch.rand(2, 3, 8, 8)
    assert torch.allclose(nn.functional.conv2d(images, first.weight, padding="same")[:, :3], images, atol=1e-6)
    assert first.weight[3:].flatten(1).norm(dim=1).mean().item() == pytest.approx(3**-0.5, rel=0.2)


def test_batch_norm_as_it_is_asked_for() -> None:
    made = network(norm={"momentum": 0.6, "epsilon": 1e-12, "scale": False})
    norms = [module for module in made.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {(norm.momentum, norm.eps, norm.weight.requires_grad) for norm in norms} == {(0.4, 1e-12, False)}


def test_a_head_takes_the_maximum_and_scales_its_logits() -> None:
    torch.manual_seed(0)
    plain = network(head={"pool": "max"})
    torch.manual_seed(0)
    scaled = network(head={"pool": "max", "scale": 0.25})
    images = torch.rand(2, 3, 8, 8)
    plain.eval(), scaled.eval()
    assert torch.allclose(plain(images) * 0.25, scaled(images))
    assert torch.equal(plain.features(images), plain.feature_map(images).amax((2, 3)))


def test_a_head_may_have_no_bias() -> None:
    assert [name for name, _ in network(head={"bias": False}).head.named_parameters()] == ["layers.0.weight"]
    assert len([*network().head.parameters()]) == 2


def test_the_bias_goes_through_the_schedule_in_the_epochs_in_which_it_learns() -> None:
    made = network(whitening={"kernel": 2, "bias_epochs": 2})
    optimizers: list[schema.Optimizer] = [
        schema.Sgd.model_validate({"name": "sgd", "lr": 1.0, "bias_scaler": 2.0, "bias_decay": 0.1}),
        schema.Muon.model_validate({"name": "muon", "sgd_lr": 1.0, "bias_scaler": 2.0, "bias_decay": 0.1}),
        schema.Adam.model_validate({"name": "adam", "lr": 2.0}),
    ]
    for settings in optimizers:
        optimizer = builders.optimizer(settings, made)
        (own,) = [group for group in optimizer.param_groups if "epochs" in group]
        assert own["params"] == [whitenings(made)[0].bias]
        assert own["epochs"] == 2
        assert own["lr"] == 2.0
        assert own["weight_decay"] == (0 if settings.name == "adam" else 0.1)
        assert sum(len(group["params"]) for group in optimizer.param_groups) == sum(
            parameter.requires_grad for parameter in made.parameters()
        )
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 8, 8, 3), dtype=np.uint8)
    batches = Batches(images, np.arange(8) % 4, np.arange(8), batch_size=4, shuffle=True)
    optimizer = builders.optimizer(optimizers[0], made)
    seen: list[tuple[float, float]] = []

    class Look(Callback):
        def on_step_end(self, training: Training) -> None:
            first, *_, last = training.optimizer.param_groups
            seen.append((first["lr"], last["lr"]))

    train(Training(made, optimizer, 4, 2), batches, schedule=linear(4), validate=dict, seed=0, callbacks=[Look()])
    assert [first for first, _ in seen] == [1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
    assert [last for _, last in seen] == [2, 1.5, 1, 0.5, 0, 0, 0, 0]


def test_the_linear_schedule() -> None:
    at = linear(10, warmup=2)
    assert [at(position) for position in (0, 1, 2, 6, 10)] == [0, 0.5, 1, 0.5, 0]
