"""The network of a configuration, and the weights that it starts from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeGuard

import torch
from torch import nn

from escalera.build.data import image_shape
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


def shape_problems(reading: Reading, rungs: Sequence[schema.Rung]) -> list[Problem]:
    """Rungs whose network cannot be built for their pictures, found without data and without memory for weights."""
    problems: dict[Place, Problem] = {}
    for rung in rungs:
        shape = image_shape(rung.config.data)
        if shape is None or (isinstance(rung.config.model, schema.Transfer) and rung.config.model.like is None):
            continue  # unknown until the source is opened; or weights that cannot be had, which was told already
        try:
            with torch.device("meta"):
                network(rung.config.model, shape, classes=2)
        except EscaleraError as error:
            key = error.key if isinstance(error, ModelError) else "blocks"
            place = reading.locate(rung.name, f"model.{key}")
            # A rung inherits its parent's model: the mistake is told once, where it was typed.
            problems.setdefault(place, Problem(str(error), place.path, place.file, place.line))
    return list(problems.values())
