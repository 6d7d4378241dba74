from typing import Any

import pytest
import torch
from torch import nn

from escalera.models.cnn import cnn
from escalera.models.head import Head
from escalera.models.network import Network
from escalera.train.optimizers import OPTIMIZERS


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def test_frozen_weights_are_left_out() -> None:
    net = network()
    net.get_parameter("0.weight").requires_grad = False
    optimizer = OPTIMIZERS["adam"](net, lr=1e-3, betas=[0.9, 0.999], epsilon=1e-7)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 5


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("adamw", {"betas": [0.9, 0.99], "epsilon": 1e-8, "weight_decay": 0.5}),
        ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.5}),
    ],
)
def test_vectors_are_not_decayed(name: str, more: dict[str, Any]) -> None:
    net = network()
    optimizer = OPTIMIZERS[name](net, lr=0.1, **more)
    before = {key: value.detach().clone() for key, value in net.named_parameters()}
    for parameter in net.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    moved = {key for key, value in net.named_parameters() if not torch.equal(value, before[key])}
    assert moved == {"0.weight", "2.weight"}


def test_settings_arrive() -> None:
    optimizer = OPTIMIZERS["sgd"](network(), lr=0.3, momentum=0.8, nesterov=True, weight_decay=0.0)
    group = optimizer.param_groups[0]
    assert (group["lr"], group["momentum"], group["nesterov"]) == (0.3, 0.8, True)
    adam = OPTIMIZERS["adam"](network(), lr=0.2, betas=[0.8, 0.9], epsilon=1e-4).param_groups[0]
    assert (adam["lr"], adam["betas"], adam["eps"]) == (0.2, (0.8, 0.9), 1e-4)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("adam", {"betas": [0.9, 0.99], "epsilon": 1e-8}),
        ("adamw", {"betas": [0.9, 0.99], "epsilon": 1e-8, "weight_decay": 0.5}),
        ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.5}),
    ],
)
def test_the_body_has_a_rate_of_its_own(name: str, more: dict[str, Any]) -> None:
    body, shape = cnn((3, 4, 4), [[2]], batch_norm="conv")
    net = Network(body, Head(shape, 2))
    optimizer = OPTIMIZERS[name](net, lr=0.1, backbone_lr=0.01, **more)
    rates = {id(parameter): group["lr"] for group in optimizer.param_groups for parameter in group["params"]}
    assert {rates[id(parameter)] for parameter in net.body.parameters()} == {0.01}
    assert {rates[id(parameter)] for parameter in net.head.parameters()} == {0.1}
    assert len(rates) == len(list(net.parameters()))
    assert optimizer.param_groups[0]["lr"] == 0.1  # the history shows the first
    decays = {id(p): group.get("weight_decay") for group in optimizer.param_groups for p in group["params"]}
    assert all(decays[id(parameter)] == 0 for parameter in net.parameters() if parameter.ndim == 1)


def test_a_rate_for_the_body_without_a_body_changes_nothing() -> None:
    optimizer = OPTIMIZERS["adam"](network(), lr=0.1, backbone_lr=0.01, betas=[0.9, 0.999], epsilon=1e-7)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1]
