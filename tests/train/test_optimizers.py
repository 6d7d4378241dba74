import pytest
import torch
from torch import nn

from escalera.train.optimizers import OPTIMIZERS


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def test_frozen_weights_are_left_out() -> None:
    net = network()
    net[0].weight.requires_grad = False
    optimizer = OPTIMIZERS["adam"](net, lr=1e-3, betas=[0.9, 0.999], epsilon=1e-7)
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 5


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("adamw", {"betas": [0.9, 0.99], "epsilon": 1e-8, "weight_decay": 0.5}),
        ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.5}),
    ],
)
def test_vectors_are_not_decayed(name: str, more: dict) -> None:
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
