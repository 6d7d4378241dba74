from typing import Any

import pytest
import torch
from torch import nn

from escalera.ladder.schema.optimizers import Adam, AdamW, Sgd
from escalera.models.backbone import backbone
from escalera.models.cnn import cnn
from escalera.models.freezing import freeze
from escalera.models.fusion import Branch, Fusion
from escalera.models.head import Head
from escalera.models.network import Network
from escalera.models.stages import stages
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


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_the_rate_falls_from_the_head_down(name: str) -> None:
    body, shape = cnn((1, 8, 8), [[2], [3]])
    net = Network(body, Head(shape, 2))
    more: dict[str, Any] = {"betas": [0.9, 0.999], "epsilon": 1e-7} if name != "sgd" else {"momentum": 0.0}
    if name == "sgd":
        more["nesterov"] = False
    if name != "adam":
        more["weight_decay"] = 0.1
    optimizer = OPTIMIZERS[name](net, lr=0.8, layer_decay=0.5, **more)
    rates = {id(one): group["lr"] for group in optimizer.param_groups for one in group["params"]}
    found = {key: rates[id(value)] for key, value in net.named_parameters()}
    convolutions = [rate for key, rate in found.items() if key.startswith("body.")]
    assert convolutions == [0.2, 0.2, 0.4, 0.4]
    assert {rate for key, rate in found.items() if key.startswith("head.")} == {0.8}
    assert optimizer.param_groups[0]["lr"] == 0.8  # what the history shows


def test_a_network_of_timm_has_the_stages_of_timm() -> None:
    body, _ = backbone((3, 32, 32), "test_resnet")
    found = stages(body)
    names = {id(value): key for key, value in body.named_parameters()}
    assert sorted(names) == sorted(id(one) for stage in found for one in stage)
    assert {names[id(one)].split(".")[1] for one in found[0]} <= {"conv1", "bn1"}
    assert {names[id(one)].split(".")[1] for one in found[-1]} == {"layer4"}


def test_of_what_is_frozen_nothing_is_in_a_group() -> None:
    body, shape = cnn((1, 8, 8), [[2], [3]])
    net = Network(body, Head(shape, 2))
    freeze(net, last=1)
    optimizer = OPTIMIZERS["adam"](net, lr=0.8, layer_decay=0.5, betas=[0.9, 0.999], epsilon=1e-7)
    assert [(group["lr"], len(group["params"])) for group in optimizer.param_groups] == [(0.8, 2), (0.4, 2)]


def test_the_branches_of_a_fusion_end_at_one_head() -> None:
    one, _ = cnn((1, 8, 8), [[2], [3]])
    other, _ = cnn((1, 8, 8), [[4]])
    branches = {"one": Branch(one, nn.Flatten(), 12), "other": Branch(other, nn.Flatten(), 64)}
    assert [len(stage) for stage in stages(Fusion(branches))] == [2, 4]


@pytest.mark.parametrize("section", [Adam, AdamW, Sgd])
def test_the_body_has_one_rate_or_one_for_each_stage(section: type[Adam | AdamW | Sgd]) -> None:
    values = {"name": section.__name__.lower(), "lr": 1e-3, "backbone_lr": 1e-4, "layer_decay": 0.75}
    with pytest.raises(ValueError, match=r"expected one of backbone_lr and layer_decay, received 0.0001 beside 0.75"):
        section.model_validate(values)
