"""What a climb would cost, before it: each rung's network, its memory and its time, without training it.

Nothing is read where the source is known by name; the time is that of real steps on made-up pictures.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from escalera import builders
from escalera.core.errors import EscaleraError
from escalera.core.runtime import choose_device, choose_precision, threads
from escalera.data.dataset import Split
from escalera.data.sources.registry import KNOWN
from escalera.evaluate.cost import flops_per_image
from escalera.evaluate.speed import rows_per_second
from escalera.experiment.step_memory import memory
from escalera.ladder.epochs import FORWARD_SHARE, passes, scales
from escalera.ladder.schema import Data, Rung, RungConfig
from escalera.models.network import Network
from escalera.models.summary import summarise
from escalera.run.ablation import LEARNED
from escalera.run.as_begun import busy
from escalera.run.fitting import RECALLED
from escalera.run.status import trains_alike
from escalera.train.criterion import Criterion
from escalera.train.ema import averaged
from escalera.train.loop import Callback, Training, train

PROBE_SECONDS = 1.5
"""How long the steps of a rung are measured, the first one left out."""
PROBE_FLOPS = 6e10
"""Operations of a step while measuring: some tenths of a second on a CPU, whatever the network."""
OF_A_RUN, OF_AN_EPOCH = 0.5, 0.01
"""Seconds of a run beside its rows: it is prepared, measured, and its files are written, those of each epoch too."""
TO_START, TO_REPORT, TO_DRAW = 4.0, 1.5, 0.7
"""Seconds of a climb beside its runs: until the first begins, and for its report, with what each rung adds to that."""


@dataclass(frozen=True)
class Extent:
    """How much there is: pictures (C, H, W), classes, the rows of train, validation and test, attributes."""

    shape: tuple[int, int, int]
    classes: int
    train: int
    validation: int
    test: int
    attributes: int = 0

    @property
    def rows_evaluated(self) -> int:
        """How many rows are asked about once the training is over."""
        return min(self.train, RECALLED) + self.validation + self.test


def plan(
    rungs: Sequence[Rung],
    *,
    seed: int,
    data_root: Path | None,
    device: str,
    beside: Path | None = None,
    skip_bad: bool = False,
) -> list[dict[str, Any]]:
    """A row for each rung: name, parameters, flops_per_image, memory_bytes, images_per_second, answers_per_second,
    epochs, training_seconds, seconds, validation_rows.

    `training_seconds` are for one seed and all epochs, which early stopping may end sooner; `seconds` are those of the
    whole run, with what it answers in the end for train, validation and test. A rung whose network cannot be built here
    has an `error` instead. Raises DataError where a source has to be opened and cannot.
    """
    where = choose_device(device)
    extents: dict[str, Extent] = {}
    known = {rung.name: rung for rung in rungs}
    rows: dict[str, dict[str, Any]] = {}

    def size(data: Data) -> Extent:
        key = data.model_dump_json()
        if key not in extents:
            extents[key] = extent(data, seed=seed, data_root=data_root, beside=beside, skip_bad=skip_bad)
        return extents[key]

    def row(rung: Rung) -> dict[str, Any]:
        if rung.name in rows:
            return rows[rung.name]
        own, before = size(rung.config.data), known.get(rung.parent or "")
        if before and trains_alike(before.config, rung.config) and rung.search is None:
            # A parent may stand below its child.
            found = _evaluated_anew(row(before), rung, own)
        else:
            try:
                found = {"name": rung.name, **_row(rung.config, own, where)}
            except EscaleraError as error:
                found = {"name": rung.name, "error": str(error)}
        return rows.setdefault(rung.name, found)

    return [row(rung) for rung in rungs]


def extent(
    data: Data, *, seed: int, data_root: Path | None, beside: Path | None = None, skip_bad: bool = False
) -> Extent:
    """The extent of a source: as published where it is known, else counted in the data."""
    shape, known = builders.image_shape(data), KNOWN.get(data.source)
    if shape is None or known is None:
        found = builders.dataset(data, seed=seed, data_root=data_root, beside=beside, skip_bad=skip_bad)
        rows = len(found.train.rows), len(found.validation.rows)
        return Extent(found.image_shape, len(found.classes), *rows, len(found.test.rows), found.attribute_count)
    rest = known.train if known.test else round(known.train * (1 - data.test))
    if data.folds is not None:
        rest = known.train - round(known.train / data.folds)
    validation = round(rest * data.validation)
    test = known.test if data.folds is None and known.test else known.train - rest
    return Extent(shape, len(known.classes), rest - validation, validation, test)


def _row(config: RungConfig, size: Extent, device: torch.device) -> dict[str, Any]:
    torch.manual_seed(0)
    attributes = size.attributes if config.model.reads_attributes else 0
    network = builders.network(config.model.net, size.shape, size.classes, attributes, builders.layout(config.data))
    network.to(device).to(memory_format=torch.channels_last)
    summary = summarise(network, size.shape, attributes)
    flops = flops_per_image(network, size.shape, attributes)
    precision = choose_precision(config.train.precision, device)
    with threads(busy(config, flops)):
        rate = images_per_second(network, config, size, device, precision, flops)
        answers = rows_per_second(network, network, size.shape, attributes) or rate / FORWARD_SHARE
    epochs = config.train.epochs if config.model.trains else 0
    during, after = _answers(network, config, size)
    training = _pictures(network, config, size, flops) / rate + during / answers + epochs * OF_AN_EPOCH
    whole = training + after / answers + OF_A_RUN
    folds = config.data.folds or 1
    return {
        "parameters": summary.parameters(),
        "flops_per_image": flops,
        "memory_bytes": memory(summary, config, precision),
        "images_per_second": round(rate, 1),
        "answers_per_second": round(answers, 1),
        "epochs": epochs,
        "training_seconds": round(folds * training, 3),
        "seconds": round(folds * whole, 3),
        "validation_rows": size.validation,
    }


def _evaluated_anew(before: dict[str, Any], rung: Rung, size: Extent) -> dict[str, Any]:
    """The row of a rung that takes over its parent's training, whose row is `before`, and is only judged otherwise."""
    if "error" in before:
        return {**before, "name": rung.name}
    each = looks(rung.config) * size.rows_evaluated / before["answers_per_second"] + OF_A_RUN
    seconds = (rung.config.data.folds or 1) * each
    return {**before, "name": rung.name, "training_seconds": 0.0, "seconds": round(seconds, 3)}


def looks(config: RungConfig) -> int:
    """How often a picture is looked at for one answer: a view that counts twice is asked once."""
    return len(set(builders.views(config)))


def around(rows: Sequence[dict[str, Any]]) -> float:
    """Seconds that a climb of these rungs takes beside their runs, with the pictures in the cache."""
    return TO_START + TO_REPORT + TO_DRAW * sum("error" not in row for row in rows)


def _pictures(network: Network, config: RungConfig, size: Extent, flops: int) -> float:
    """How many pictures' worth of training a run is; none of classifiers, which take what they take."""
    if not config.model.trains:
        return 0.0
    if builders.runs_once(config, network, size.train):
        head = 2 * sum(parameter.numel() for parameter in network.head.parameters())
        return size.train * config.train.epochs * 3 * head / flops
    return _whole_epochs(network, config, size, flops) * size.train


def _answers(network: Network, config: RungConfig, size: Extent) -> tuple[int, int]:
    """How many pictures are asked about without learning from them: in the training, and once it is over.

    In the end these are the rows of validation and test, and some of train, by each view, and for each branch of
    several; what a body that stays as it is has said of a row is kept.
    """
    known, views, parts = size.train + size.validation, looks(config), len(config.model.parts)
    if not config.model.trains:
        return known, size.test
    if builders.runs_once(config, network, size.train):
        return known, size.test if views == 1 else views * size.rows_evaluated
    of_branches = min(size.train, LEARNED) + (1 + views) * size.test if parts > 1 else 0
    return config.train.epochs * size.validation, views * size.rows_evaluated + of_branches


def _whole_epochs(network: Network, config: RungConfig, size: Extent, flops: int) -> float:
    """How many epochs of whole pictures, all layers learning, those of a training are worth, by their operations."""
    attributes = size.attributes if config.model.reads_attributes else 0
    layout = builders.layout(config.data)
    shares = {
        scale: flops_per_image(network, builders.smaller(size.shape, scale, layout), attributes) / flops
        for scale in {*scales(config.train)} - {1.0}
    }
    return sum(part * shares.get(scale, 1.0) for part, scale in zip(passes(config), scales(config.train), strict=True))


def images_per_second(
    network: Network, config: RungConfig, size: Extent, device: torch.device, precision: str, flops: int
) -> float:
    """The speed of training: a few steps of the very loop on made-up pictures, a large network in small batches.

    Of small batches two sizes are measured: what a step takes whatever its batch, as an optimiser that makes matrices
    orthogonal does, comes once in a whole one.
    """
    whole = config.train.batch_size
    batch = int(min(whole, max(8, PROBE_FLOPS / max(1, 3 * flops))))
    step = _step_seconds(network, config, size, device, precision, batch)
    if batch == whole:
        return batch / step
    few = batch // 4
    each = (step - _step_seconds(network, config, size, device, precision, few)) / (batch - few)
    # By chance the smaller batch may seem to take as long.
    each = min(step / batch, max(0.1 * step / batch, each))
    once = step - each * batch
    return whole / (once + each * whole)


def _step_seconds(
    network: Network, config: RungConfig, size: Extent, device: torch.device, precision: str, batch: int
) -> float:
    """What a step of the loop takes with a batch of made-up pictures."""
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
    return watch.seconds / watch.steps


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
