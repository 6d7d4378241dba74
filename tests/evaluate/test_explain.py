"""Grad-CAM: equal to its definition, taken from a layer that still shows where, and harmless to the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from escalera.evaluate.explain import grad_cam
from escalera.models.backbone import backbone
from escalera.models.cnn import cnn
from escalera.models.head import Head
from escalera.models.mlp import mlp
from escalera.models.network import Network


def network(blocks: list[list[int]], size: int = 16, pool: str = "flatten") -> Network:
    torch.manual_seed(0)
    body, shape = cnn((3, size, size), blocks)
    return Network(body, Head(shape, 5, pool=pool, widths=[8]))


def test_equals_its_definition() -> None:
    net = network([[4], [6]]).eval()
    images, classes = torch.rand(3, 3, 16, 16), torch.tensor([0, 4, 2])
    found = grad_cam(net, images, classes)
    assert found is not None and found.shape == (3, 4, 4)
    for i in range(3):
        activation = net.body(images[i : i + 1]).detach().requires_grad_()
        net.head(activation)[0, classes[i]].backward()
        assert activation.grad is not None
        weights = activation.grad.mean(dim=(2, 3), keepdim=True)
        expected = (weights * activation.detach()).sum(dim=1).relu()[0].numpy()
        np.testing.assert_allclose(found[i], expected / max(expected.max(), 1e-12), atol=1e-6)


@pytest.mark.parametrize(
    ("blocks", "size", "expected"),
    [
        ([[4], [6]], 16, (4, 4)),
        ([[4], [6], [6]], 8, (4, 4)),
        ([[4], [6], [6], [8], [8]], 32, (4, 4)),
        ([[4]], 4, (4, 4)),
    ],
)
def test_the_deepest_layer_that_shows_where(blocks: list[list[int]], size: int, expected: tuple[int, int]) -> None:
    """Where poolings leave 2x2 or a single pixel, the last convolution that sees 4x4 is asked."""
    found = grad_cam(network(blocks, size), torch.rand(2, 3, size, size), torch.tensor([1, 3]))
    assert found is not None and found.shape == (2, *expected)
    assert found.min() >= 0 and found.max() <= 1


def test_it_looks_where_the_evidence_is() -> None:
    """A network that answers by the brightness of what its one convolution sees is explained by the bright corner."""
    net = network([[1]], pool="average")
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.1)
    image = torch.zeros(1, 3, 16, 16)
    image[..., :4, :4] = 1
    found = grad_cam(net, image, torch.tensor([0]))
    assert found is not None
    assert np.unravel_index(found[0].argmax(), found[0].shape)[0] < 3
    assert found[0][:2, :2].mean() > 5 * found[0][4:, 4:].mean()


def test_a_backbone_has_maps() -> None:
    body, shape = backbone((3, 32, 32), "resnet18")
    found = grad_cam(Network(body, Head(shape, 4, pool="average")), torch.rand(2, 3, 32, 32), torch.tensor([0, 3]))
    assert found is not None and found.shape == (2, 4, 4)


def test_a_network_without_maps() -> None:
    body, shape = mlp((1, 8, 8), [16])
    assert grad_cam(Network(body, Head(shape, 3)), torch.rand(2, 1, 8, 8), torch.tensor([0, 1])) is None


def test_frozen_layers_are_explained_too() -> None:
    net = network([[4], [6]])
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    found = grad_cam(net, torch.rand(1, 3, 16, 16), torch.tensor([0]))
    assert found is not None


def test_leaves_no_trace() -> None:
    net = network([[4]]).train()
    grad_cam(net, torch.rand(1, 3, 16, 16), torch.tensor([0]))
    assert net.training
    assert all(parameter.grad is None for parameter in net.parameters())
    assert not any(module._forward_hooks for module in net.modules())
    assert isinstance(net.body, nn.Sequential)
