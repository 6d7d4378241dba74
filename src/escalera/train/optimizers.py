"""Optimisers by name, over the trainable parameters of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn


def adam(
    network: nn.Module, *, lr: float, betas: Sequence[float], epsilon: float, backbone_lr: float | None = None
) -> torch.optim.Optimizer:
    """Adam."""
    groups = [{"params": parameters, **rate} for parameters, rate in _parts(network, backbone_lr)]
    return torch.optim.Adam(groups, lr=lr, betas=(betas[0], betas[1]), eps=epsilon, fused=True)


def adamw(
    network: nn.Module,
    *,
    lr: float,
    betas: Sequence[float],
    epsilon: float,
    weight_decay: float,
    backbone_lr: float | None = None,
) -> torch.optim.Optimizer:
    """AdamW; biases and batch norm are not decayed."""
    groups = _decayed(network, weight_decay, backbone_lr)
    return torch.optim.AdamW(groups, lr=lr, betas=(betas[0], betas[1]), eps=epsilon, fused=True)


def sgd(
    network: nn.Module,
    *,
    lr: float,
    momentum: float,
    nesterov: bool,
    weight_decay: float,
    backbone_lr: float | None = None,
) -> torch.optim.Optimizer:
    """SGD with momentum; biases and batch norm are not decayed."""
    groups = _decayed(network, weight_decay, backbone_lr)
    optimizer = torch.optim.SGD(groups, lr=lr, momentum=momentum, nesterov=nesterov, fused=True)
    if momentum:
        # The fused kernel takes all parameters at their first step or none; a body may begin epochs after its head.
        # A momentum of zero is what the first step begins with anyway.
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"adam": adam, "adamw": adamw, "sgd": sgd}


def _parts(network: nn.Module, backbone_lr: float | None) -> list[tuple[list[nn.Parameter], dict[str, float]]]:
    """The trainable parameters and their own learning rate, where they have one: the head before the body."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    body = getattr(network, "body", None)
    if backbone_lr is None or not isinstance(body, nn.Module):
        return [(trainable, {})]
    below = set(body.parameters())
    # The head first: the rate of the first group is the one that the history shows.
    return [
        ([parameter for parameter in trainable if parameter not in below], {}),
        ([parameter for parameter in trainable if parameter in below], {"lr": backbone_lr}),
    ]


def _decayed(network: nn.Module, weight_decay: float, backbone_lr: float | None) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = []
    for parameters, rate in _parts(network, backbone_lr):
        # Vectors are biases and batch-norm scales: pulling them to zero only hurts.
        groups += [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay, **rate},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0, **rate},
        ]
    return groups
