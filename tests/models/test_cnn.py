"""Poolings, places and the networks of the reference that need them."""

import pytest
import torch
from torch import nn

from escalera import builders
from escalera.ladder.read import read_ladder
from escalera.models.cnn import cnn
from escalera.models.network import Network
from escalera.models.summary import summarise


def shipped(ladder: str, rung: str, shape: tuple[int, int, int], classes: int) -> Network:
    model = read_ladder(ladder).ladder[rung].config.model
    assert model.trains
    return builders.network(model.net, shape, classes)


def test_the_cifar100_network_of_the_reference() -> None:
    net = shipped("cifar100", "cnn", (3, 32, 32), 100)
    summary = summarise(net, (3, 32, 32))
    assert (summary.total, summary.trainable, summary.non_trainable) == (1_316_356, 1_316_356, 0)
    assert net.features(torch.zeros(2, 3, 32, 32)).shape == (2, 1024)
    kinds = [type(layer).__name__ for layer in net.body.children()]
    assert kinds[:6] == ["Conv2d", "ReLU", "Conv2d", "ReLU", "Dropout", "MaxPool2d"]
    assert kinds[6:11] == ["Conv2d", "LeakyReLU", "Conv2d", "LeakyReLU", "MaxPool2d"]


def test_the_fashion_mnist_network_of_the_reference_group_by_group() -> None:
    net = shipped("fashion-mnist", "cnn", (1, 28, 28), 10)
    summary = summarise(net, (1, 28, 28))
    assert (summary.total, summary.trainable, summary.non_trainable) == (1_813_050, 1_811_706, 1_344)
    layers = [layer for layer in summary.layers if layer.parameters]
    counts = [layer.parameters for layer in layers]
    groups = [counts[0], counts[1], *(sum(counts[start : start + 3]) for start in (2, 5, 8, 11)), counts[14]]
    assert groups == [160, 2_320, 14_016, 55_680, 221_952, 886_272, 590_080]
    assert counts[15:] == [128 * 256 + 128, 4 * 128, 64 * 128 + 64, 4 * 64, 10 * 64 + 10]
    assert [layer.output_shape[1] for layer in summary.layers if layer.kind == "MaxPool2d"] == [14, 7, 3, 1, 1]
    assert [type(layer).__name__ for layer in net.body.children()][-4:] == ["Conv2d", "ReLU", "Dropout", "MaxPool2d"]
    shares = [layer.p for layer in net.modules() if isinstance(layer, nn.Dropout)]
    assert shares == [0.1, 0.2, 0.25, 0.3, 0.6, 0.4]
    assert net.features(torch.zeros(2, 1, 28, 28)).shape == (2, 256)


@pytest.mark.parametrize("size", [(1, 1), (3, 3), (5, 4), (2, 7), (6, 6)])
def test_same_padding_pools_as_keras(size: tuple[int, int]) -> None:
    height, width = size
    body, shape = cnn((1, height, width), [[4]], pool="max_same")
    assert shape == (4, -(-height // 2), -(-width // 2))
    images = torch.randn(2, 1, height, width)
    assert isinstance(body, nn.Sequential)
    before = body[:2](images)
    # Keras pads at the end, with what a maximum never takes.
    padded = nn.functional.pad(before, (0, width % 2, 0, height % 2), value=-torch.inf)
    assert torch.equal(body(images), nn.functional.max_pool2d(padded, 2))
    assert body(images).shape[1:] == shape


def test_each_block_has_its_own_settings() -> None:
    body, shape = cnn(
        (1, 8, 8),
        [[2], [3], [4]],
        batch_norm=["conv", "none", "block"],
        activation=["relu", "leaky_relu", "tanh"],
        pool=["none", "max", "max_same"],
        dropout=[0.1, 0.2, 0.3],
        dropout_place=["before_pool", "after_pool", "before_pool"],
    )
    assert [type(layer).__name__ for layer in body.children()] == [
        "Conv2d", "ReLU", "BatchNorm2d", "Dropout",
        "Conv2d", "LeakyReLU", "MaxPool2d", "Dropout",
        "Conv2d", "Tanh", "BatchNorm2d", "Dropout", "MaxPool2d",
    ]  # fmt: skip
    assert shape == (4, 2, 2)
