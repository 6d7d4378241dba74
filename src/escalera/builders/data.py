"""The data of a configuration: read, split, and in batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from escalera.data.augment.erasing import Cutout, Erase
from escalera.data.augment.geometric import Augment, Translate
from escalera.data.augment.mixup import Mix
from escalera.data.augment.randaugment import Policy
from escalera.data.augment.resizing import Progressive, scaled
from escalera.data.batches import Batches, Change, Treatment, evaluation_batch
from escalera.data.dataset import Dataset, Split
from escalera.data.duplicates.overlap import without_duplicates
from escalera.data.folds import fold, turned
from escalera.data.home import expanded, is_there
from escalera.data.images import ImageSet
from escalera.data.input_spec import InputSpec
from escalera.data.labels import Edits, Kind, read_edits, with_edits
from escalera.data.mosaic import grid
from escalera.data.options import ReadOptions
from escalera.data.sources.open import native_shape, open_source
from escalera.data.splits import split
from escalera.data.table.attributes import with_attributes
from escalera.data.table.bands import banded, provisional
from escalera.evaluate.views import VIEWS, View, as_it_is, mirrored
from escalera.ladder import schema
from escalera.ladder.epochs import scales
from escalera.models.inputs import pictures_of
from escalera.models.tiles import ONE, Layout, of_each


def pictures(
    data: schema.Data, *, data_root: Path | None, skip_bad: bool = False, beside: Path | None = None
) -> ImageSet:
    """The pictures of a source as it is, read or found in the cache; a path is looked for `beside` its ladder too."""
    return open_source(
        data.source,
        ReadOptions.of(data),
        data_root=data_root,
        image_size=_height_and_width(data.image_size),
        channels=data.channels,
        resize=data.resize,
        bad="skip" if skip_bad else "refuse",
        beside=beside,
    )


def dataset(
    data: schema.Data,
    *,
    seed: int,
    data_root: Path | None,
    skip_bad: bool = False,
    beside: Path | None = None,
    attributes: bool = True,
) -> Dataset:
    """The pictures, read (or found in the cache) and split; `attributes`: whether a model reads those beside them."""
    images = pictures(data, data_root=data_root, skip_bad=skip_bad, beside=beside)
    return divided(images, data, seed=seed, attributes=attributes, beside=beside)


def divided(
    images: ImageSet,
    data: schema.Data,
    *,
    seed: int,
    attributes: bool = True,
    beside: Path | None = None,
    number: int = 1,
    turn: int | None = None,
) -> Dataset:
    """The pictures of a source, split; `attributes`: whether a model reads those beside them.

    They are split by the labels that the source has, so that a rung with corrections is asked about the very test rows
    of the one without. The file of the corrections is looked for `beside` the ladder too. Where the configuration asks
    for folds, it is the fold of that `number`; with a `turn` another part of the rows that are not test is validation.
    """
    if data.target is not None and data.bands is not None:
        images = provisional(images, data.target, data.bands)
    alike: dict[str, Any] = {"group": data.group, "rare_classes": data.rare_classes, "validation": data.validation}
    if data.folds is not None:
        splits = fold(images, data.folds, number, seed=seed, **alike)
    else:
        splits = split(images, test=data.test, seed=seed, **alike)
    if turn is not None:
        splits = turned(splits, images, turn, seed=seed, group=data.group)
    if data.labels is not None:
        splits = with_edits(splits, _edits(images, data.labels, beside), test=data.labels.test == "change")
    return _with_table(without_duplicates(splits) if data.duplicates == "drop" else splits, data, attributes)


def _edits(images: ImageSet, labels: schema.Labels, beside: Path | None) -> Edits:
    kind: Kind = "drop" if labels.corrections is None else "corrections"
    file = expanded(str(labels.corrections or labels.drop), f"data.labels.{kind}")
    if beside is not None and not is_there(file) and is_there(beside / file):
        file = beside / file
    return read_edits(file, kind, images)


def _with_table(splits: Dataset, data: schema.Data, attributes: bool) -> Dataset:
    """The splits with what their tables give: bands for classes, and attributes; both are fitted on train alone."""
    if data.target is not None and data.bands is not None:
        splits = banded(splits, data.target, data.bands, whole=data.folds is not None)
    named = data.attributes
    return with_attributes(
        splits,
        columns={"numeric": named.numeric, "categorical": named.categorical}
        if isinstance(named, schema.Attributes)
        else named,
        only=data.select if isinstance(data.select, list) else None,
        best=data.select.best if isinstance(data.select, schema.Best) else None,
        aside={name: key for name, key in ((data.target, "target"), (data.group, "group")) if name},
        read=attributes,
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

    Means and deviations, where they are asked for, are those of `train`. Attributes stand beside the pictures where the
    model reads them.
    """
    mean, deviation = train.channels if config.data.normalize == "standard" else (None, None)
    return Batches(
        part.images,
        part.labels,
        part.rows,
        batch_size=config.train.batch_size if training else evaluation_batch(part.images, device),
        device=device,
        shuffle=training,
        seed=seed,
        treatment=Treatment(
            augment=changes(config.augment, mean, deviation, layout(config.data)) if training else (),
            mix=mix,
            mean=mean,
            std=deviation,
            attributes=_beside(part, config.model),
            shards=config.train.shards if training else 1,
            balanced=config.train.sampler == "balanced",
            mirror=of_each(mirrored, layout(config.data)) if training and config.augment.alternating_flip else None,
            drop_last=training and config.train.drop_last,
            resize=of_each(Progressive(scales(config.train)), layout(config.data))
            if training and config.train.progressive
            else None,
        ),
    )


def smaller(shape: tuple[int, int, int], scale: float, layout: Layout) -> tuple[int, int, int]:
    """The shape (C, H, W) of pictures at a scale; of several in one each is scaled by itself."""
    (channels, height, width), (rows, columns) = shape, layout
    high, wide = scaled((height // rows, width // columns), scale)
    return channels, rows * high, columns * wide


def drawn_pictures(config: schema.RungConfig, train: Split, count: int) -> Tensor:
    """At most so many pictures (N, C, H, W) from all over train, as they come to the network in evaluation.

    Not its first rows: those of a folder are its first classes.
    """
    feed = batches(config, train.drawn(count), train, seed=0, device=torch.device("cpu"), training=False)
    return torch.cat([pictures_of(inputs) for inputs, _ in feed.epoch(0)])


def _beside(part: Split, model: schema.Model) -> NDArray[np.float32] | None:
    """What stands beside the pictures: the attributes where the model reads them, then the features that are kept."""
    found = [one for one in (part.attributes if model.reads_attributes else None, part.kept) if one is not None]
    return None if not found else found[0] if len(found) == 1 else np.concatenate(found, axis=1)


def changes(
    augment: schema.Augment, mean: list[float] | None, deviation: list[float] | None, layout: Layout = ONE
) -> list[Change]:
    """The random changes of single pictures, in the order of the section's keys; only those that do something.

    Where several pictures lie in one, each of them is changed by itself.
    """
    moves = augment.model_dump(include={"rotation", "shift", "zoom", "horizontal_flip"})
    found: list[Change] = []
    if any(moves.values()):
        found.append(Augment(**moves, fill=augment.fill))
    if augment.translate:
        found.append(Translate(augment.translate))
    if augment.random_ops:
        found.append(Policy(augment.random_ops, augment.magnitude, mean, deviation))
    if augment.erasing:
        found.append(Erase(augment.erasing))
    if augment.cutout:
        found.append(Cutout(augment.cutout))
    return [of_each(change, layout) for change in found]


def views(config: schema.RungConfig) -> Sequence[View]:
    """The views of test-time augmentation; where several pictures lie in one, those of each of them."""
    own, views = layout(config.data), VIEWS[config.evaluate.tta]
    each = {view: view if view is as_it_is else of_each(view, own) for view in views}
    return [each[view] for view in views]


def mix(augment: schema.Augment, classes: int) -> Mix | None:
    """What mixes pictures and labels in pairs, where the configuration asks for it."""
    return Mix(classes, augment.mixup, augment.cutmix) if augment.mixup or augment.cutmix else None


def inputs(config: schema.RungConfig, data: Dataset) -> InputSpec:
    """What the network of a configuration is given of a row of its data."""
    return data.inputs(
        attributes=config.model.reads_attributes,
        layout=layout(config.data),
        standard=config.data.normalize == "standard",
    )


def image_shape(data: schema.Data) -> tuple[int, int, int] | None:
    """(C, H, W) of the pictures as far as the configuration alone tells, else None."""
    native = native_shape(data.source)
    size = _height_and_width(data.image_size) or (native and native[:2])
    channels = data.channels or (native and native[2])
    if size and isinstance(data.image_column, list):
        rows, columns = layout(data)
        size = rows * size[0], columns * size[1]
    return (channels, *size) if size and channels else None


def layout(data: schema.Data) -> Layout:
    """How the pictures of a row lie in one: (rows, columns)."""
    return grid(len(data.image_column)) if isinstance(data.image_column, list) else ONE


def _height_and_width(size: int | list[int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    return (size, size) if isinstance(size, int) else (size[0], size[1])
