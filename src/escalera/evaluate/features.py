"""The pooled features (N, D) of a network over rows, in their order."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from escalera.models.network import Network


def features(network: Network, batches: Iterable[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Features (N, D) float32 and labels (N,), on the device of the batches; in evaluation mode and in fp32."""
    was_training = network.training
    network.eval()
    found: list[Tensor] = []
    labels: list[Tensor] = []
    # Not inference mode: a head is trained on what comes out.
    with torch.no_grad():
        for images, truth in batches:
            found.append(network.features(images))
            labels.append(truth)
    network.train(was_training)
    return torch.cat(found), torch.cat(labels)
