"""Optimisers by name, over the trainable parameters of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn


def adam(network: nn.Module, *, lr: float, betas: Sequence[float], epsilon: float) -> torch.optim.Optimizer:
    """Adam."""
    return torch.optim.Adam(_trainable(network), lr=lr, betas=(betas[0], betas[1]), eps=epsilon, fused=True)


def adamw(
    network: nn.Module, *, lr: float, betas: Sequence[float], epsilon: float, weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW; biases and batch norm are not decayed."""
    groups = _decayed(network, weight_decay)
    return torch.optim.AdamW(groups, lr=lr, betas=(betas[0], betas[1]), eps=epsilon, fused=True)


def sgd(
    network: nn.Module, *, lr: float, momentum: float, nesterov: bool, weight_decay: float
) -> torch.optim.Optimizer:
    """SGD with momentum; biases and batch norm are not decayed."""
    return torch.optim.SGD(_decayed(network, weight_decay), lr=lr, momentum=momentum, nesterov=nesterov, fused=True)


OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"adam": adam, "adamw": adamw, "sgd": sgd}


def _trainable(network: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def _decayed(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    parameters = _trainable(network)
    # Vectors are biases and batch-norm scales: pulling them to zero only hurts.
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
