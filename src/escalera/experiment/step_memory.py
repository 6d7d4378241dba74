"""The memory of a training step, by the layers of a network and without running it.

It stands apart from the rest of a plan because whoever chooses how many runs go side by side needs nothing that trains:
`torch._dynamo`, which all of that brings along, takes two seconds to import.
"""

from __future__ import annotations

import math

from escalera import builders
from escalera.data.dataset import Dataset
from escalera.ladder.schema import RungConfig
from escalera.models.summary import Summary, summarise


def step_memory(config: RungConfig, data: Dataset) -> int:
    """Bytes of one training step on data that are open, as `memory` counts them, without memory for weights."""
    network, inputs = builders.sketch(config, data)
    return memory(summarise(network, inputs.shape, inputs.attributes), config, config.train.precision)


def memory(summary: Summary, config: RungConfig, precision: str) -> int:
    """Bytes of one training step, about: weights, gradients, the optimiser's moments and each layer's output.

    Less than the process takes: the libraries and the pictures come on top.
    """
    optimizer = config.train.optimizer
    moments = int(optimizer.momentum > 0) if optimizer.name in ("sgd", "muon") else 2
    copies = 1 + (config.train.ema is not None) + (config.train.lookahead is not None)
    weights = 4 * (summary.total * copies + summary.trainable * (1 + moments))
    outputs = sum(math.prod(layer.output_shape) for layer in summary.layers)
    return weights + outputs * config.train.batch_size * (2 if precision == "bf16" else 4)
