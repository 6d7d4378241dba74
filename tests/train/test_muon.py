"""Muon: what it makes of a matrix, which parameters it takes, and that a run taken up again equals the whole one."""

import copy

import pytest
import torch
from torch import nn

from escalera.core import runtime
from escalera.models.cnn import cnn
from escalera.models.freezing import freeze
from escalera.models.head import Head
from escalera.models.network import Network
from escalera.train.muon import COEFFICIENTS, Muon, orthogonalised
from escalera.train.optimizers import OPTIMIZERS

SETTINGS = {
    "lr": 0.1, "momentum": 0.6, "nesterov": True, "steps": 5, "normalize": True, "sgd_lr": 0.01, "sgd_momentum": 0.9,
    "bias_scaler": 8.0, "weight_decay": 1e-4, "bias_decay": 1e-5,
}  # fmt: skip


def small() -> Network:
    torch.manual_seed(0)
    body, shape = cnn((1, 8, 8), [[4], [6]], batch_norm="conv")
    return Network(body, Head(shape, 3))


def steps(network: Network, optimizer: torch.optim.Optimizer, count: int) -> None:
    for step in range(count):
        torch.manual_seed(step)
        optimizer.zero_grad()
        network(torch.rand(8, 1, 8, 8)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("shape", [(6, 20), (20, 6)])
def test_a_matrix_becomes_orthogonal(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    values = torch.linalg.svdvals(orthogonalised(torch.randn(shape), 5))
    assert values.min() > 0.5
    assert values.max() < 1.4


def test_over_a_frozen_body_the_rate_is_that_of_what_learns() -> None:
    """A group without parameters would be the first, whose rate the history has."""
    network = small()
    freeze(network)
    groups = OPTIMIZERS["muon"](network, **SETTINGS).param_groups
    assert groups[0]["lr"] == SETTINGS["sgd_lr"] and groups[0]["params"]


def test_no_gradient_is_no_direction() -> None:
    assert not orthogonalised(torch.zeros(3, 4), 5).any()


def test_kernels_of_the_body_are_turned_and_the_rest_learns_by_sgd() -> None:
    network = small()
    optimizer = OPTIMIZERS["muon"](network, **SETTINGS)
    assert isinstance(optimizer, Muon)
    kernels, *others = optimizer.param_groups
    assert [len(one) for one in kernels["params"]] == [4, 6]
    rates = {parameter.ndim: group["lr"] for group in others for parameter in group["params"]}
    assert rates == {2: 0.01, 1: 0.08}
    assert {group["weight_decay"] for group in others} == {1e-4, 1e-5}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len([*network.parameters()])
    before = [parameter.clone() for parameter in network.parameters()]
    steps(network, optimizer, 1)
    assert all(not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_a_kernel_has_the_norm_of_its_filters_root_before_its_step() -> None:
    network = small()
    optimizer = OPTIMIZERS["muon"](network, **{**SETTINGS, "lr": 1e-9, "weight_decay": 0.5})
    steps(network, optimizer, 1)
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    assert first.weight.norm().item() == pytest.approx(2.0, rel=1e-5)


def test_the_same_steps_give_the_same_bits_also_when_taken_up_again() -> None:
    whole = small()
    optimizer = OPTIMIZERS["muon"](whole, **SETTINGS)
    steps(whole, optimizer, 2)
    again = copy.deepcopy(whole)
    other = OPTIMIZERS["muon"](again, **SETTINGS)
    other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    steps(whole, optimizer, 2)
    steps(again, other, 2)
    for one, two in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, two)


def test_the_biases_of_other_optimisers_have_a_rate_of_their_own_too() -> None:
    for name, more in (("adam", {}), ("adamw", {"weight_decay": 0.1})):
        network = small()
        optimizer = OPTIMIZERS[name](network, lr=0.1, betas=[0.9, 0.99], epsilon=1e-7, bias_scaler=4.0, **more)
        rates = {(p.ndim > 1, group["lr"]) for group in optimizer.param_groups for p in group["params"]}
        assert rates == {(True, 0.1), (False, 0.4)}


@pytest.mark.parametrize(("flags", "exact"), [((), True), (("avx512_bf16",), False)])
def test_bf16_is_not_emulated(flags: tuple[str, ...], exact: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    matrix = torch.randn(6, 20)
    monkeypatch.setattr(runtime, "cpu_flags", lambda: frozenset(flags))
    x, (a, b, c) = matrix.double() / matrix.double().norm(), COEFFICIENTS
    for _ in range(5):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    error = float((orthogonalised(matrix, 5) - x).abs().max())
    assert (error < 1e-5) == exact
    assert error < 0.1
