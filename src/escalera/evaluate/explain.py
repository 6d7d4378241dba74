"""Where a network looked: Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391).

images  (N, C, H, W) float, as the network takes them
maps    (N, h, w) float32 in [0, 1], of the size of the layer that they come from
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from escalera.models.network import Network

SMALLEST = 4
"""Pixels on a side below which a map says nothing of where; a layer further up is taken instead."""


def grad_cam(network: Network, images: Tensor, classes: Tensor) -> NDArray[np.float32] | None:
    """The maps of what spoke for a class (N,) in each picture; None for a network without convolutions.

    The map is taken from the deepest place that still has 4x4 pixels: the feature map itself, or what goes into it.
    """
    was_training = network.training
    network.eval()
    layers: list[Tensor] = []
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output: layers.append(output))
        for module in network.body.modules()
        if isinstance(module, nn.Conv1d | nn.Conv2d)
    ]
    try:
        with torch.enable_grad():
            feature_map = network.feature_map(images.detach().requires_grad_())
            logits = network.head(feature_map)
            place = _deepest([*layers, feature_map])
            if place is None:
                return None
            (slope,) = torch.autograd.grad(logits.gather(1, classes[:, None]).sum(), place)
    finally:
        for hook in hooks:
            hook.remove()
        network.train(was_training)
    weights = slope.flatten(2).mean(dim=2)
    maps = torch.einsum("nc,nc...->n...", weights, place.detach()).relu()
    highest = maps.flatten(1).amax(dim=1).clamp_min(1e-12)
    maps = maps / highest.view(-1, *[1] * (maps.ndim - 1))
    # One that runs along a line is one pixel high.
    found: NDArray[Any] = maps.float().cpu().numpy()
    return found.reshape(len(found), -1, found.shape[-1])


def _deepest(layers: list[Tensor]) -> Tensor | None:
    """The last layer (N, C, ...) of at least 4 pixels a side; where none has that, the last with more than one."""
    for least in (SMALLEST, 2):
        for layer in reversed(layers):
            if layer.ndim > 2 and min(layer.shape[2:]) >= least:
                return layer
    return None
