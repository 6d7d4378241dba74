"""The pooled features (N, D) of a network over rows, in their order, and what its head says of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from escalera.core.runtime import autocast
from escalera.evaluate.gathered import Gathered
from escalera.evaluate.views import VIEWS, View, mean_logits
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


def looked(
    network: Network, batches: Iterable[tuple[Inputs, Tensor]], views: Sequence[View] = VIEWS["none"]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features (N, D) of the pictures as they are, and logits (N, K) over the views: one pass for both."""
    was_training = network.training
    network.eval()
    found, logits = Gathered(), Gathered()
    with torch.inference_mode():
        for inputs, _ in batches:
            made: list[Tensor] = []

            def answer(seen: Inputs, made: list[Tensor] = made) -> Tensor:
                made.append(network.features(seen))
                answered: Tensor = network.head.layers(made[-1])
                return answered

            logits.add(mean_logits(answer, inputs, views))
            found.add(made[0])
    network.train(was_training)
    return found.whole().cpu().numpy(), logits.whole().cpu().numpy()
