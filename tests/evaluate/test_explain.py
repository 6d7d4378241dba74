"""Grad-CAM: equal to its definition, taken from a layer that still shows where, and harmless to the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from escalera.builders import network as build_network
from escalera.evaluate.explain import _added, _map, grad_cam
from escalera.ladder import schema
from escalera.models.backbone import backbone
from escalera.models.cnn import cnn
from escalera.models.fusion import Branch, Fusion
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


def fusion(kinds: dict[str, schema.Branch], *, attributes: int = 0) -> Network:
    torch.manual_seed(0)
    return build_network(schema.Fusion(kind="fusion", branches=kinds), (3, 16, 16), 5, attributes)


def test_the_maps_of_a_fusion_are_those_of_its_branches_added_up() -> None:
    one, two = (schema.Cnn(kind="cnn", blocks=blocks) for blocks in ([[4]], [[4], [6]]))
    net = fusion({"one": one, "row": schema.Table(kind="table", dense=[3]), "two": two}, attributes=2)
    images, rows, classes = torch.rand(2, 3, 16, 16), torch.rand(2, 2), torch.tensor([1, 3])
    found = grad_cam(net, (images, rows), classes)
    assert found is not None and found.shape == (2, 8, 8)
    expected = torch.zeros(2, 8, 8)
    assert isinstance(net.body, Fusion)
    for name in ("one", "two"):
        branch = net.body.branches[name]
        assert isinstance(branch, Branch)
        activation = branch.map(images).detach().requires_grad_()
        features = [
            branch.pooling(activation) if other == name else part((images, rows))
            for other, part in net.body.branches.items()
        ]
        net.head.layers(torch.cat(features, dim=1)).gather(1, classes[:, None]).sum().backward()
        assert activation.grad is not None
        weights = activation.grad.mean(dim=(2, 3), keepdim=True)
        cam = (weights * activation.detach()).sum(dim=1, keepdim=True).relu()
        larger = torch.nn.functional.interpolate(cam, (8, 8), mode="bilinear")
        expected += larger[:, 0] * (cam[0].numel() / 64)
    expected = expected / expected.amax(dim=(1, 2), keepdim=True)
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)
    # A branch that the head does not listen to says nothing of where.
    with torch.no_grad():
        heard = net.head.layers[0].get_parameter("weight")
        heard[:, 4 * 64 + 3 :] = 0
    deaf = grad_cam(net, (images, rows), classes)
    assert deaf is not None and not np.allclose(deaf, found)


def test_of_several_pictures_the_map_is_that_of_the_whole() -> None:
    torch.manual_seed(0)
    photos = schema.Cnn(kind="cnn", blocks=[[4]])
    net = build_network(photos, (1, 16, 16), 5, layout=(2, 2))
    found = grad_cam(net, torch.rand(3, 1, 16, 16), torch.tensor([0, 1, 2]))
    assert found is not None and found.shape == (3, 8, 8)
    branches: dict[str, schema.Branch] = {"photos": photos, "row": schema.Table(kind="table", dense=[3])}
    both = build_network(schema.Fusion(kind="fusion", branches=branches), (1, 16, 16), 5, 2, (2, 2))
    image = torch.rand(1, 1, 16, 16)
    whole = grad_cam(both, (image, torch.zeros(1, 2)), torch.tensor([0]))
    assert whole is not None and whole.shape == (1, 8, 8)
    # What is found in one picture does not hang on the one beside it, but for the common scale.
    image[..., :8, 8:] = 0
    other = grad_cam(both, (image, torch.zeros(1, 2)), torch.tensor([0]))
    assert other is not None
    scale = whole[0, :4, :4].max() / other[0, :4, :4].max()
    np.testing.assert_allclose(other[0, :4, :4] * scale, whole[0, :4, :4], atol=1e-5)


def test_a_map_along_the_pixels_keeps_its_sum() -> None:
    torch.manual_seed(0)
    place, slope = torch.rand(2, 3, 8), torch.rand(2, 3, 8)
    laid = _map(place, slope, 16, 16)
    assert laid.shape == (2, 16, 16)
    line = torch.einsum("nc,ncl->nl", slope.mean(dim=2), place)
    assert torch.allclose(laid.sum(dim=(1, 2)), line.sum(dim=1))
    square = _map(place.view(2, 3, 2, 4), slope.view(2, 3, 2, 4), 16, 16)
    assert torch.equal(square, line.view(2, 2, 4))
    both = _added([laid, square])
    assert torch.allclose(both.sum(dim=(1, 2)) / 256, laid.sum(dim=(1, 2)) + square.sum(dim=(1, 2)), rtol=0.05)


def test_a_fusion_without_pictures_has_no_map() -> None:
    rows = schema.Table(kind="table", dense=[3])
    net = fusion({"a": rows, "b": rows}, attributes=2)
    assert grad_cam(net, (torch.rand(1, 3, 16, 16), torch.rand(1, 2)), torch.tensor([0])) is None


def test_a_layer_along_the_pixels_is_laid_out_over_the_rows() -> None:
    torch.manual_seed(0)
    net = build_network(schema.Conv1d(kind="conv1d", widths=[1], kernel=3, pool=4), (1, 16, 16), 2)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.fill_(0.1)
    image = torch.zeros(1, 1, 16, 16)
    image[:, :, 12:] = 1
    found = grad_cam(net, image, torch.tensor([0]))
    assert found is not None and found.shape == (1, 16, 16)
    assert found[0, 13:].min() > 2 * found[0, :11].max()


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
