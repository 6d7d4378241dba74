"""From a configuration to the objects it speaks of. The only module that knows both sides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from escalera.data.augment import Augment
from escalera.data.batches import Batches
from escalera.data.sources import native_shape, open_source
from escalera.data.splits import Dataset, Split, channel_statistics, split
from escalera.errors import EscaleraError, Problem
from escalera.ladder import schema
from escalera.ladder.read import Place, Reading
from escalera.models.cnn import cnn
from escalera.models.head import Head
from escalera.models.mlp import mlp
from escalera.models.network import Network
from escalera.train.callbacks import EarlyStopping
from escalera.train.optimizers import OPTIMIZERS
from escalera.train.schedules import SCHEDULES, Schedule

EVALUATION_BATCH = 512


def network(model: schema.Mlp | schema.Cnn, image_shape: tuple[int, int, int], classes: int) -> Network:
    """The network for pictures (C, H, W); raises EscaleraError when no such network can be built for them."""
    match model:
        case schema.Mlp():
            body, map_shape = mlp(
                image_shape,
                model.dense,
                batch_norm=model.batch_norm,
                dropout=model.dropout,
                activation=model.activation,
            )
        case schema.Cnn():
            body, map_shape = cnn(
                image_shape,
                model.blocks,
                batch_norm=model.batch_norm,
                activation=model.activation,
                dropout=model.dropout,
            )
    head = Head(
        map_shape,
        classes,
        pool=model.head.pool,
        widths=model.head.dense,
        batch_norm=model.head.batch_norm,
        dropout=model.head.dropout,
        activation=model.head.activation,
    )
    return Network(body, head)


def dataset(data: schema.Data, *, seed: int, data_root: Path | None) -> Dataset:
    """The pictures, read (or found in the cache) and split."""
    images = open_source(
        data.source, data_root=data_root, image_size=_height_and_width(data.image_size), channels=data.channels
    )
    return split(images, validation=data.validation, test=data.test, seed=seed)


def batches(
    config: schema.RungConfig, part: Split, train: Split, *, seed: int, device: torch.device, training: bool
) -> Batches:
    """Batches of one split: shuffled and augmented for training, in order and untouched for evaluation.

    Means and deviations, where they are asked for, are those of `train`.
    """
    augment = Augment(**config.augment.model_dump()) if training and config.augment != schema.Augment() else None
    mean, deviation = statistics(config.data, train)
    return Batches(
        part.images,
        part.labels,
        part.rows,
        batch_size=config.train.batch_size if training else EVALUATION_BATCH,
        device=device,
        shuffle=training,
        seed=seed,
        augment=augment,
        mean=mean,
        std=deviation,
    )


def statistics(data: schema.Data, train: Split) -> tuple[list[float] | None, list[float] | None]:
    """Mean and deviation of each channel over the train rows, in [0, 1]; None where the pixels stay as they are."""
    if data.normalize == "unit":
        return None, None
    mean, deviation = channel_statistics(train)
    return list(map(float, mean)), list(map(float, deviation))


def optimizer(settings: schema.Adam | schema.AdamW | schema.Sgd, over: Network) -> torch.optim.Optimizer:
    """The optimiser over a network's trainable parameters."""
    return OPTIMIZERS[settings.name](over, **settings.model_dump(exclude={"name"}))


def schedule(train: schema.Train) -> Schedule:
    """The learning-rate schedule over the epochs of a training."""
    return SCHEDULES[train.schedule.name](train.epochs, **train.schedule.model_dump(exclude={"name"}))


def early_stopping(train: schema.Train, best: Path) -> EarlyStopping | None:
    """The callback that stops early, where the configuration has one; it writes the best weights to `best` if asked."""
    settings = train.early_stopping
    if settings is None:
        return None
    monitors = [settings.monitor] if isinstance(settings.monitor, str) else settings.monitor
    return EarlyStopping(monitors, settings.patience, best if settings.restore_best else None)


def image_shape(data: schema.Data) -> tuple[int, int, int] | None:
    """(C, H, W) of the pictures as far as the configuration alone tells, else None."""
    native = native_shape(data.source)
    size = _height_and_width(data.image_size) or (native and native[:2])
    channels = data.channels or (native and native[2])
    return (channels, *size) if size and channels else None


def shape_problems(reading: Reading, rungs: Sequence[schema.Rung]) -> list[Problem]:
    """Rungs whose network cannot be built for their pictures, found without data and without memory for weights."""
    problems: dict[Place, Problem] = {}
    for rung in rungs:
        shape = image_shape(rung.config.data)
        if shape is None:
            continue
        try:
            with torch.device("meta"):
                network(rung.config.model, shape, classes=2)
        except EscaleraError as error:
            place = reading.locate(rung.name, "model.blocks")
            # A rung inherits its parent's blocks: the mistake is told once, where it was typed.
            problems.setdefault(place, Problem(str(error), place.path, place.file, place.line))
    return list(problems.values())


def _height_and_width(size: int | list[int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    return (size, size) if isinstance(size, int) else (size[0], size[1])
