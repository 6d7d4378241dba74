"""Optimisers by name, over the trainable parameters of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from escalera.models.stages import stages
from escalera.models.whitening import whitenings
from escalera.train.muon import Muon


class Rates(NamedTuple):
    """Learning rates of their own for the body: one for all of it, or the head's, times `decay` at each stage down."""

    head: float = 0.0
    body: float | None = None
    decay: float | None = None

    @classmethod
    def of(cls, lr: float, backbone_lr: float | None, layer_decay: float | None) -> Rates:
        """As the settings of an optimiser have them."""
        if backbone_lr is None and layer_decay is None:
            return cls()
        return cls(lr, backbone_lr, layer_decay)


def adam(
    network: nn.Module,
    *,
    lr: float,
    betas: Sequence[float],
    epsilon: float,
    backbone_lr: float | None = None,
    layer_decay: float | None = None,
    bias_scaler: float | None = None,
) -> torch.optim.Optimizer:
    """Adam."""
    rates = Rates.of(lr, backbone_lr, layer_decay)
    groups: list[dict[str, Any]] = [{"params": parameters, **rate} for parameters, rate in _parts(network, rates)]
    if bias_scaler is not None or whitenings(network):
        groups = _decayed(network, 0.0, rates)
    _scale_biases(groups, lr, bias_scaler)
    return torch.optim.Adam(groups, lr=lr, betas=(betas[0], betas[1]), eps=epsilon, fused=True)


def adamw(
    network: nn.Module,
    *,
    lr: float,
    betas: Sequence[float],
    epsilon: float,
    weight_decay: float,
    backbone_lr: float | None = None,
    layer_decay: float | None = None,
    bias_scaler: float | None = None,
) -> torch.optim.Optimizer:
    """AdamW; biases and batch norm are not decayed."""
    groups = _decayed(network, weight_decay, Rates.of(lr, backbone_lr, layer_decay))
    _scale_biases(groups, lr, bias_scaler)
    return torch.optim.AdamW(groups, lr=lr, betas=(betas[0], betas[1]), eps=epsilon, fused=True)


def sgd(
    network: nn.Module,
    *,
    lr: float,
    weight_decay: float,
    bias_decay: float = 0.0,
    backbone_lr: float | None = None,
    layer_decay: float | None = None,
    bias_scaler: float | None = None,
    **settings: Any,
) -> torch.optim.Optimizer:
    """SGD with momentum; biases and batch norm have a decay of their own."""
    groups = _decayed(network, weight_decay, Rates.of(lr, backbone_lr, layer_decay), bias_decay)
    _scale_biases(groups, lr, bias_scaler)
    optimizer = torch.optim.SGD(groups, lr=lr, fused=True, **settings)
    if settings["momentum"]:
        # The fused kernel takes all parameters at their first step or none; a body may begin epochs after its head.
        # A momentum of zero is what the first step begins with anyway.
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def muon(
    network: nn.Module,
    *,
    sgd_lr: float,
    sgd_momentum: float,
    bias_scaler: float | None,
    weight_decay: float,
    bias_decay: float,
    **settings: Any,
) -> torch.optim.Optimizer:
    """Muon for the kernels of the body; for its biases, its batch norm and the head SGD."""
    body = getattr(network, "body", None)
    kernels = [p for p in body.parameters() if p.ndim > 1 and p.requires_grad] if isinstance(body, nn.Module) else []
    nesterov = settings["nesterov"] and sgd_momentum > 0
    others = {"lr": sgd_lr, "momentum": sgd_momentum, "nesterov": nesterov}
    groups = _decayed(network, weight_decay, Rates(), bias_decay)
    _scale_biases(groups, sgd_lr, bias_scaler)
    taken = set(kernels)
    for group in groups:
        group["params"] = [parameter for parameter in group["params"] if parameter not in taken]
    return Muon(
        [{"params": kernels, "weight_decay": weight_decay}], [{**others, **group} for group in groups], **settings
    )


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": adam,
    "adamw": adamw,
    "sgd": sgd,
    "muon": muon,
}


def _scale_biases(groups: list[dict[str, Any]], lr: float, scaler: float | None) -> None:
    """Multiply the rate of the groups of vectors."""
    for group in groups if scaler is not None else ():
        if all(parameter.ndim <= 1 for parameter in group["params"]):
            group["lr"] = group.get("lr", lr) * scaler


def _parts(network: nn.Module, rates: Rates) -> list[tuple[list[nn.Parameter], dict[str, float]]]:
    """The trainable parameters and their own learning rate, where they have one: the head before the body."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    body = getattr(network, "body", None)
    if rates == Rates() or not isinstance(body, nn.Module):
        return [(trainable, {})]
    below = set(body.parameters())
    # The head first: the rate of the first group is the one that the history shows.
    head = ([parameter for parameter in trainable if parameter not in below], dict[str, float]())
    if rates.decay is None:
        assert rates.body is not None
        return [head, ([parameter for parameter in trainable if parameter in below], {"lr": rates.body})]
    groups = [
        ([parameter for parameter in stage if parameter.requires_grad], {"lr": rates.head * rates.decay**step})
        for step, stage in enumerate(reversed(stages(body)), start=1)
    ]
    return [head, *(group for group in groups if group[0])]


def _decayed(network: nn.Module, weight_decay: float, rates: Rates, bias_decay: float = 0.0) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = []
    for parameters, rate in _parts(network, rates):
        # Vectors are biases and batch-norm scales: pulling them to zero hurts, unless their rate is very large.
        groups += [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay, **rate},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": bias_decay, **rate},
        ]
    return _whitening_apart(network, groups)


def _whitening_apart(network: nn.Module, groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with the bias of a whitening convolution in a group of its own, and the epochs in which it learns."""
    for layer in whitenings(network):
        for group in list(groups):
            others = [parameter for parameter in group["params"] if parameter is not layer.bias]
            if len(others) < len(group["params"]):
                groups.append({**group, "params": [layer.bias], "epochs": layer.bias_epochs})
                group["params"] = others
    return groups
