"""Where a network looked: Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391).

inputs  pictures (N, C, H, W) float as the network takes them, with the attributes of their rows where it reads any
maps    (N, h, w) float32 in [0, 1], of the size of the layer that they come from
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from escalera.models.inputs import Inputs, pictures_of
from escalera.models.network import Network
from escalera.models.tiles import together

SMALLEST = 4
"""Pixels on a side below which a map says nothing of where; a layer further up is taken instead."""


def grad_cam(network: Network, inputs: Inputs, classes: Tensor) -> NDArray[np.float32] | None:
    """The maps of what spoke for a class (N,) in each picture; None for a network without convolutions.

    A map is taken from the deepest place that still has 4x4 pixels: the feature map itself, or what goes into it. Of a
    fusion those of its branches are added up, each with the weight that it has for the class.
    """
    was_training = network.training
    network.eval()
    parts = network.parts
    layers: list[list[Tensor]] = [[] for _ in parts]
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output, found=found: found.append(output))
        for part, found in zip(parts, layers, strict=True)
        for module in part.body.modules()
        if isinstance(module, nn.Conv1d | nn.Conv2d) or module is part.body
    ]
    pictures = pictures_of(inputs).detach().requires_grad_()
    try:
        with torch.enable_grad():
            logits = network(pictures if isinstance(inputs, Tensor) else (pictures, inputs[1]))
            found = [(part.layout, _deepest(outputs)) for part, outputs in zip(parts, layers, strict=True)]
            places = [(layout, place) for layout, place in found if place is not None]
            spoken = logits.gather(1, classes[:, None]).sum()
            slopes = torch.autograd.grad(spoken, [place for _, place in places]) if places else ()
    finally:
        for hook in hooks:
            hook.remove()
        network.train(was_training)
    if not places:
        return None
    height, width = pictures.shape[2:]
    maps = [
        together(_map(place, slope, height, width)[:, None], layout)[:, 0]
        for (layout, place), slope in zip(places, slopes, strict=True)
    ]
    whole = _added(maps)
    scaled: NDArray[np.float32] = (whole / whole.flatten(1).amax(dim=1).clamp_min(1e-12)[:, None, None]).numpy()
    return scaled


def _deepest(layers: list[Tensor]) -> Tensor | None:
    """The last layer (N, C, ...) of at least 4 pixels a side; where none has that, the last with more than one."""
    for least in (SMALLEST, 2):
        for layer in reversed(layers):
            if layer.ndim > 2 and min(layer.shape[2:]) >= least:
                return layer
    return None


def _map(place: Tensor, slope: Tensor, height: int, width: int) -> Tensor:
    """What spoke for the class (N, h, w). A layer that runs along the pixels is laid out over the picture's rows.

    Its sum over the pixels stays.
    """
    found = torch.einsum("nc,nc...->n...", slope.flatten(2).mean(dim=2), place.detach()).relu().float().cpu()
    if found.ndim == 3:
        return found
    share = found[0].numel() / (height * width)
    return share * interpolate(found[:, None], height * width).view(-1, height, width)


def _added(maps: list[Tensor]) -> Tensor:
    """The sum of maps, of the size of the largest; enlarged, a map keeps the sum of its pixels."""
    size = max((map_.shape[1:] for map_ in maps), key=lambda shape: shape[0] * shape[1])
    enlarged = [interpolate(map_[:, None], size, mode="bilinear")[:, 0] * map_[0].numel() for map_ in maps]
    return torch.stack(enlarged).sum(dim=0)
