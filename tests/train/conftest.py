"""A small problem that a small network learns: the brighter half of 4x4 pictures."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from escalera.data.batches import Batches
from escalera.models.cnn import cnn
from escalera.models.head import Head
from escalera.models.network import Network
from escalera.train.loop import Training

CPU = torch.device("cpu")
IMAGES = 120


def pictures(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, IMAGES)
    images = rng.integers(0, 128, (IMAGES, 4, 4, 1), dtype=np.uint8)
    images[labels == 1, :, 2:] += 100
    return images, labels.astype(np.int64)


@pytest.fixture
def batches() -> Batches:
    images, labels = pictures()
    return Batches(images, labels, np.arange(IMAGES), batch_size=32, device=CPU, shuffle=True, seed=3)


@pytest.fixture
def start() -> Callable[..., Training]:
    """A new training over a fresh network with convolution, batch norm and dropout."""

    def make(epochs: int = 5, *, seed: int = 1, optimizer: str = "adam") -> Training:
        torch.manual_seed(seed)
        body, shape = cnn((1, 4, 4), [[6]], batch_norm="conv", dropout=0.2)
        network: nn.Module = Network(body, Head(shape, 2, widths=[8])).to(memory_format=torch.channels_last)
        from escalera.train.optimizers import OPTIMIZERS

        of_each: dict[str, dict[str, Any]] = {
            "adam": {"lr": 1e-2, "betas": [0.9, 0.999], "epsilon": 1e-7},
            "adamw": {"lr": 1e-2, "betas": [0.9, 0.999], "epsilon": 1e-7, "weight_decay": 0.1},
            "sgd": {"lr": 1e-2, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        }
        return Training(network, OPTIMIZERS[optimizer](network, **of_each[optimizer]), epochs, 4)

    return make
