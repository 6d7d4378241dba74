"""The pooled features (N, D) of a network over rows, in their order."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from escalera.evaluate.gathered import Gathered
from escalera.models.inputs import Inputs
from escalera.models.network import Network


def features(network: Network, batches: Iterable[tuple[Inputs, Tensor]]) -> tuple[Tensor, Tensor]:
    """Features (N, D) float32 and labels (N,), on the device of the batches; in evaluation mode and in fp32."""
    was_training = network.training
    network.eval()
    found, labels = Gathered(), Gathered()
    # Not inference mode: a head is trained on what comes out.
    with torch.no_grad():
        for inputs, truth in batches:
            found.add(network.features(inputs))
            labels.add(truth)
    network.train(was_training)
    return found.whole(), labels.whole()
