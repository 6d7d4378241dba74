"""From a configuration to the objects it speaks of. The only module that knows both sides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeGuard

import torch
from torch import nn

from escalera.data.augment import Augment
from escalera.data.batches import Batches, Change
from escalera.data.erase import Erase
from escalera.data.mix import Mix
from escalera.data.overlap import without_duplicates
from escalera.data.policy import Policy
from escalera.data.sources import native_shape, open_source
from escalera.data.splits import Dataset, Split, channel_statistics, split
from escalera.data.table_attributes import with_attributes
from escalera.data.table_bands import banded, provisional
from escalera.errors import EscaleraError, ModelError, Problem
from escalera.ladder import schema
from escalera.ladder.read import Place, Reading
from escalera.models import pretrained
from escalera.models.alexnet import alexnet
from escalera.models.backbone import backbone
from escalera.models.cnn import cnn
from escalera.models.freezing import freeze
from escalera.models.head import Head
from escalera.models.mlp import mlp
from escalera.models.network import Network
from escalera.models.transfer import load_body, read_body
from escalera.train.callbacks import EarlyStopping
from escalera.train.ema import MovingAverage
from escalera.train.optimizers import OPTIMIZERS
from escalera.train.penalty import L2Penalty
from escalera.train.plateau import Plateau
from escalera.train.schedules import SCHEDULES, Schedule
from escalera.train.unfreeze import UnfreezeAt

EVALUATION_BATCH = 512
FEATURES_AT_MOST = 2 * 1024**3
"""Bytes of features kept in memory. Not a share of what is free, since a resumed run has to decide as it did before."""


def network(model: schema.Model, image_shape: tuple[int, int, int], classes: int) -> Network:
    """The network for pictures (C, H, W), its frozen layers frozen; raises EscaleraError when none can be built."""
    body, map_shape = _body(model, image_shape)
    head = Head(
        map_shape,
        classes,
        pool=model.head.pool,
        widths=model.head.dense,
        batch_norm=model.head.batch_norm,
        dropout=model.head.dropout,
        activation=model.head.activation,
    )
    made = Network(body, head)
    if isinstance(model, schema.Backbone | schema.Transfer):
        if model.trainable == "none":
            freeze(made)
        elif isinstance(model.trainable, schema.Trainable) and model.trainable.last is not None:
            freeze(made, last=model.trainable.last)
    return made


def _body(model: schema.Model, image_shape: tuple[int, int, int]) -> tuple[nn.Module, tuple[int, int, int]]:
    """The body, and the shape of its feature map."""
    match model:
        case schema.Mlp():
            return mlp(
                image_shape,
                model.dense,
                batch_norm=model.batch_norm,
                dropout=model.dropout,
                activation=model.activation,
            )
        case schema.Cnn():
            return cnn(
                image_shape,
                model.blocks,
                batch_norm=model.batch_norm,
                activation=model.activation,
                pool=model.pool,
                dropout=model.dropout,
                dropout_place=model.dropout_place,
            )
        case schema.AlexNet():
            return alexnet(image_shape)
        case schema.Backbone():
            return backbone(image_shape, model.name, until=model.until)
        case schema.Transfer():
            assert model.like is not None, "lineage.inherit fills it in"
            return _body(model.like, image_shape)


def imagenet_file(model: schema.Model) -> Path | None:
    """The file of the ImageNet weights that a model starts from, fetched if need be; None where it starts otherwise."""
    return pretrained.imagenet_file(model.name) if _from_imagenet(model) else None


def start_from(file: Path, network: Network, model: schema.Model, image_shape: tuple[int, int, int]) -> None:
    """Put the weights in a file into the body of a network; raises EscaleraError when they are another network's."""
    if _from_imagenet(model):
        tensors = pretrained.imagenet_tensors(model.name, file, image_shape[1:])
    else:
        tensors = read_body(file)
    load_body(network.body, tensors, str(file))


def _from_imagenet(model: schema.Model) -> TypeGuard[schema.Backbone]:
    return isinstance(model, schema.Backbone) and model.weights == "imagenet"


def unfreezing(model: schema.Model, network: Network) -> UnfreezeAt | None:
    """The callback that lets the body learn from an epoch on, where the configuration has one."""
    trainable = model.trainable if isinstance(model, schema.Backbone | schema.Transfer) else None
    if not isinstance(trainable, schema.Trainable) or trainable.from_epoch is None:
        return None
    return UnfreezeAt(network, trainable.from_epoch)


def runs_once(config: schema.RungConfig, over: Network, rows: int) -> bool:
    """Whether the body gives the same features for a picture in every epoch, so that it need run only once.

    Not where they would take more than FEATURES_AT_MOST.
    """
    model = config.model
    frozen = isinstance(model, schema.Backbone | schema.Transfer) and model.trainable == "none"
    return frozen and config.augment == schema.Augment() and 4 * rows * over.head.inputs <= FEATURES_AT_MOST


def dataset(data: schema.Data, *, seed: int, data_root: Path | None, skip_bad: bool = False) -> Dataset:
    """The pictures, read (or found in the cache) and split."""
    images = open_source(
        data.source,
        data_root=data_root,
        image_size=_height_and_width(data.image_size),
        channels=data.channels,
        resize=data.resize,
        image_column=data.image_column,
        label_column=data.label_column,
        group=data.group,
        target=data.target,
        skip_bad=skip_bad,
    )
    if data.target is not None and data.bands is not None:
        images = provisional(images, data.target, data.bands)
    splits = split(images, validation=data.validation, test=data.test, seed=seed, group=data.group)
    return _with_table(without_duplicates(splits) if data.duplicates == "drop" else splits, data)


def _with_table(splits: Dataset, data: schema.Data) -> Dataset:
    """The splits with what their tables give: bands for classes, and attributes; both are fitted on train alone."""
    if data.target is not None and data.bands is not None:
        splits = banded(splits, data.target, data.bands)
    named = data.attributes
    return with_attributes(
        splits,
        columns={"numeric": named.numeric, "categorical": named.categorical}
        if isinstance(named, schema.Attributes)
        else named,
        only=data.select if isinstance(data.select, list) else None,
        best=data.select.best if isinstance(data.select, schema.Best) else None,
        aside={name: key for name, key in ((data.target, "target"), (data.group, "group")) if name},
    )


def batches(
    config: schema.RungConfig,
    part: Split,
    train: Split,
    *,
    seed: int,
    device: torch.device,
    training: bool,
    mix: Mix | None = None,
) -> Batches:
    """Batches of one split: shuffled and augmented for training, in order and untouched for evaluation.

    Means and deviations, where they are asked for, are those of `train`.
    """
    mean, deviation = statistics(config.data, train)
    return Batches(
        part.images,
        part.labels,
        part.rows,
        batch_size=config.train.batch_size if training else EVALUATION_BATCH,
        device=device,
        shuffle=training,
        seed=seed,
        augment=changes(config.augment, mean, deviation) if training else (),
        mix=mix,
        mean=mean,
        std=deviation,
    )


def changes(augment: schema.Augment, mean: list[float] | None, deviation: list[float] | None) -> list[Change]:
    """The random changes of single pictures, in the order of the section's keys; only those that do something."""
    moves = augment.model_dump(include={"rotation", "shift", "zoom", "horizontal_flip"})
    found: list[Change] = []
    if any(moves.values()):
        found.append(Augment(**moves, fill=augment.fill))
    if augment.random_ops:
        found.append(Policy(augment.random_ops, augment.magnitude, mean, deviation))
    if augment.erasing:
        found.append(Erase(augment.erasing))
    return found


def mix(augment: schema.Augment, classes: int) -> Mix | None:
    """What mixes pictures and labels in pairs, where the configuration asks for it."""
    return Mix(classes, augment.mixup, augment.cutmix) if augment.mixup or augment.cutmix else None


def statistics(data: schema.Data, train: Split) -> tuple[list[float] | None, list[float] | None]:
    """Mean and deviation of each channel over the train rows, in [0, 1]; None where the pixels stay as they are."""
    if data.normalize == "unit":
        return None, None
    mean, deviation = channel_statistics(train)
    return list(map(float, mean)), list(map(float, deviation))


def optimizer(settings: schema.Adam | schema.AdamW | schema.Sgd, over: nn.Module) -> torch.optim.Optimizer:
    """The optimiser over a network's trainable parameters."""
    return OPTIMIZERS[settings.name](over, **settings.model_dump(exclude={"name"}))


def schedule(train: schema.Train) -> Schedule:
    """The learning-rate schedule over the epochs of a training; a Plateau is a callback too."""
    settings = train.schedule
    if isinstance(settings, schema.Plateau):
        floor = min(1.0, settings.min_lr / train.optimizer.lr)
        return Plateau(settings.monitor, factor=settings.factor, patience=settings.patience, floor=floor)
    return SCHEDULES[settings.name](train.epochs, **settings.model_dump(exclude={"name"}))


def penalty(model: schema.Model, network: Network) -> L2Penalty | None:
    """The L2 penalty of a network, where the configuration asks for one."""
    body = model.l2 if isinstance(model, schema.Mlp | schema.Cnn) else 0.0
    return L2Penalty([(network.body, body), (network.head, model.head.l2)]) if body or model.head.l2 else None


def moving_average(train: schema.Train) -> MovingAverage | None:
    """The callback that averages the weights, where the configuration has one."""
    return MovingAverage(train.ema) if train.ema is not None else None


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
            key = error.key if isinstance(error, ModelError) else "blocks"
            place = reading.locate(rung.name, f"model.{key}")
            # A rung inherits its parent's model: the mistake is told once, where it was typed.
            problems.setdefault(place, Problem(str(error), place.path, place.file, place.line))
    return list(problems.values())


def _height_and_width(size: int | list[int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    return (size, size) if isinstance(size, int) else (size[0], size[1])
