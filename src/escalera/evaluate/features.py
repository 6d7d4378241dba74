"""The pooled features (N, D) of a network over rows, in their order."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from escalera.core.runtime import autocast
from escalera.evaluate.gathered import Gathered
from escalera.models.inputs import Inputs
from escalera.models.network import Network


def features(
    network: Network, batches: Iterable[tuple[Inputs, Tensor]], *, part: str | None = None, precision: str = "fp32"
) -> tuple[Tensor, Tensor]:
    """Features (N, D) float32 and labels (N,), on the device of the batches, in evaluation mode.

    They are those of the whole, or of the branch of a fusion that is named `part`.
    """
    read = network.features if part is None else network.branch(part)
    was_training = network.training
    network.eval()
    found, labels = Gathered(), Gathered()
    # Not inference mode: a head is trained on what comes out.
    with torch.no_grad():
        for inputs, truth in batches:
            with autocast(precision, truth.device):
                own = read(inputs)
            found.add(own.float())
            labels.add(truth)
    network.train(was_training)
    return found.whole(), labels.whole()
