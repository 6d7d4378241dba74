"""What a climb would cost, before it: each rung's network, its memory and its time, without training it.

Nothing is read where the source is known by name; the time is that of real steps on made-up pictures.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from escalera import builders
from escalera.core.errors import EscaleraError
from escalera.core.runtime import choose_device, choose_precision
from escalera.data.dataset import Dataset, Split
from escalera.data.sources.registry import KNOWN
from escalera.evaluate.cost import flops_per_image
from escalera.ladder.schema import Data, Rung, RungConfig
from escalera.models.network import Network
from escalera.models.summary import Summary, summarise
from escalera.train.criterion import Criterion
from escalera.train.ema import averaged
from escalera.train.loop import Callback, Training, train

PROBE_SECONDS = 1.5
"""How long the steps of a rung are measured, the first one left out."""
PROBE_FLOPS = 2e10
"""Operations of a step while measuring: a tenth of a second or so on a CPU, whatever the network."""
FORWARD_SHARE = 1 / 3
"""What evaluating a picture takes of training on it: backward costs about twice what forward does."""


@dataclass(frozen=True)
class Extent:
    """How much there is to learn from: pictures (C, H, W), classes, the rows of train and validation, attributes."""

    shape: tuple[int, int, int]
    classes: int
    train: int
    validation: int
    attributes: int = 0


def plan(
    rungs: Sequence[Rung], *, seed: int, data_root: Path | None, device: str, beside: Path | None = None
) -> list[dict[str, Any]]:
    """A row for each rung: name, parameters, flops_per_image, memory_bytes, images_per_second, epochs, seconds,
    validation_rows.

    `seconds` is for one seed and all epochs: early stopping may end it sooner. A rung whose network cannot be built
    here has an `error` instead. Raises DataError where a source has to be opened and cannot.
    """
    where = choose_device(device)
    extents: dict[str, Extent] = {}
    rows: list[dict[str, Any]] = []
    for rung in rungs:
        before = next((other for other in rungs if other.name == rung.parent), None)
        alike = before and before.config.model_copy(update={"evaluate": rung.config.evaluate}) == rung.config
        if before and alike and rung.search is None:
            # It takes over its parent's training, and is only judged otherwise.
            rows.append({**next(row for row in rows if row["name"] == before.name), "name": rung.name, "seconds": 0.0})
            continue
        key = rung.config.data.model_dump_json()
        if key not in extents:
            extents[key] = extent(rung.config.data, seed=seed, data_root=data_root, beside=beside)
        try:
            rows.append({"name": rung.name, **_row(rung.config, extents[key], where)})
        except EscaleraError as error:
            rows.append({"name": rung.name, "error": str(error)})
    return rows


def extent(data: Data, *, seed: int, data_root: Path | None, beside: Path | None = None) -> Extent:
    """The extent of a source: as published where it is known, else counted in the data."""
    shape, known = builders.image_shape(data), KNOWN.get(data.source)
    if shape is None or known is None:
        found = builders.dataset(data, seed=seed, data_root=data_root, beside=beside)
        rows = len(found.train.rows), len(found.validation.rows)
        return Extent(found.image_shape, len(found.classes), *rows, found.attribute_count)
    rest = known.train if known.test else round(known.train * (1 - data.test))
    if data.folds is not None:
        rest = known.train - round(known.train / data.folds)
    validation = round(rest * data.validation)
    return Extent(shape, len(known.classes), rest - validation, validation)


def _row(config: RungConfig, size: Extent, device: torch.device) -> dict[str, Any]:
    torch.manual_seed(0)
    attributes = size.attributes if config.model.reads_attributes else 0
    network = builders.network(config.model.net, size.shape, size.classes, attributes, builders.layout(config.data))
    network.to(device).to(memory_format=torch.channels_last)
    summary = summarise(network, size.shape, attributes)
    flops = flops_per_image(network, size.shape, attributes)
    precision = choose_precision(config.train.precision, device)
    rate = images_per_second(network, config, size, device, precision, flops)
    return {
        "parameters": summary.parameters(),
        "flops_per_image": flops,
        "memory_bytes": memory(summary, config, precision),
        "images_per_second": round(rate, 1),
        "epochs": config.train.epochs if config.model.trains else 0,
        "seconds": round((config.data.folds or 1) * _pictures(network, config, size, flops) / rate, 3),
        "validation_rows": size.validation,
    }


def _pictures(network: Network, config: RungConfig, size: Extent, flops: int) -> float:
    """How many pictures' worth of training a run is: those of all epochs, and of validation what forward takes.

    Of votes, what their features take; the classifiers' own time depends on what they find in them.
    """
    if not config.model.trains:
        return 2 * (size.train + size.validation) * FORWARD_SHARE
    if builders.runs_once(config, network, size.train):
        head = 2 * sum(parameter.numel() for parameter in network.head.parameters())
        return (size.train + size.validation) * (1 + config.train.epochs * 3 * head / flops)
    return (
        _whole_epochs(network, config, size, flops) * size.train + config.train.epochs * size.validation * FORWARD_SHARE
    )


def _whole_epochs(network: Network, config: RungConfig, size: Extent, flops: int) -> float:
    """How many epochs of whole pictures those of a training are worth, by the operations of smaller ones."""
    attributes = size.attributes if config.model.reads_attributes else 0
    sizes, layout = builders.progressive(config.train), builders.layout(config.data)
    scales = Counter(sizes.scale(epoch) for epoch in range(1, config.train.epochs + 1))
    return sum(
        count * flops_per_image(network, builders.smaller(size.shape, scale, layout), attributes) / flops
        if scale < 1
        else count
        for scale, count in scales.items()
    )


def step_memory(config: RungConfig, data: Dataset) -> int:
    """Bytes of one training step on data that are open, as `memory` counts them, without memory for weights."""
    attributes, layout = config.model.reads_attributes, builders.layout(config.data)
    inputs = data.inputs(attributes=attributes, layout=layout, standard=False)  # the means are of no matter here
    with torch.device("meta"):
        network = builders.network_for(inputs, config.model)
    return memory(summarise(network, inputs.shape, inputs.attributes), config, config.train.precision)


def memory(summary: Summary, config: RungConfig, precision: str) -> int:
    """Bytes of one training step, about: weights, gradients, the optimiser's moments and each layer's output.

    Less than the process takes: the libraries and the pictures come on top.
    """
    optimizer = config.train.optimizer
    moments = 2 if optimizer.name != "sgd" else int(optimizer.momentum > 0)
    copies = 1 + (config.train.ema is not None) + (config.train.lookahead is not None)
    weights = 4 * (summary.total * copies + summary.trainable * (1 + moments))
    outputs = sum(math.prod(layer.output_shape) for layer in summary.layers)
    return weights + outputs * config.train.batch_size * (2 if precision == "bf16" else 4)


def images_per_second(
    network: Network, config: RungConfig, size: Extent, device: torch.device, precision: str, flops: int
) -> float:
    """The speed of training: a few steps of the very loop on made-up pictures, a large network in small batches."""
    batch = int(min(config.train.batch_size, max(8, PROBE_FLOPS / max(1, 3 * flops))))
    channels, height, width = size.shape
    draw = np.random.default_rng(0)
    count = batch * 8
    images = draw.integers(0, 256, (count, height, width, channels), dtype=np.uint8)
    attributes = draw.standard_normal((count, size.attributes), dtype=np.float32)
    made_up = Split(images, draw.integers(0, size.classes, count), np.arange(count), attributes=attributes)
    measured = {"batch_size": batch, "shards": 1, "progressive": []}
    small = config.model_copy(update={"train": config.train.model_copy(update=measured)})
    batches = builders.batches(
        small, made_up, made_up, seed=0, device=device, training=True, mix=builders.mix(config.augment, size.classes)
    )
    training = Training(network, builders.optimizer(config.train.optimizer, network), 1_000_000, len(batches))
    average = builders.moving_average(config.train)
    if average is not None:
        training.average = averaged(network)
    watch = Stopwatch(device)
    train(
        training,
        batches,
        # At a rate of zero the weights stay, so that the loss cannot diverge on pictures without sense.
        schedule=lambda position: 0.0,
        validate=dict,
        seed=0,
        precision=precision,
        clip_norm=config.train.clip_norm,
        criterion=Criterion(config.train.label_smoothing),
        penalty=builders.penalty(config.model.net, network),
        callbacks=[*([average] if average else []), watch],
    )
    return watch.steps * batch / watch.seconds


class Stopwatch(Callback):
    """Measures steps after the first, and ends the training after PROBE_SECONDS of them."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.steps = -1
        self.seconds = 0.0

    def on_step_end(self, training: Training) -> None:
        """Look at the clock, once the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.steps += 1
        if self.steps == 0:
            self.started = time.perf_counter()
            return
        self.seconds = time.perf_counter() - self.started
        training.interrupted = self.seconds > PROBE_SECONDS
