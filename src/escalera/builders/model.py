"""The network of a configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from escalera.builders.data import image_shape, layout
from escalera.core.errors import EscaleraError, ModelError, Problem
from escalera.data.dataset import Dataset
from escalera.data.sources.registry import KNOWN
from escalera.ladder import schema
from escalera.ladder.read import Place, Reading
from escalera.models.alexnet import alexnet
from escalera.models.backbone import backbone
from escalera.models.cnn import cnn
from escalera.models.conv1d import conv1d
from escalera.models.freezing import freeze
from escalera.models.fusion import Branch, Fusion
from escalera.models.head import Head, pooling
from escalera.models.mlp import mlp
from escalera.models.network import Network
from escalera.models.table import table
from escalera.models.tiles import ONE, Layout


def network(
    model: schema.Net,
    image_shape: tuple[int, int, int],
    classes: int,
    attributes: int | None = None,
    layout: Layout = ONE,
) -> Network:
    """The network for pictures (C, H, W) and so many attributes, its frozen layers frozen.

    `layout` says how several pictures of a row lie in one. Raises EscaleraError when none can be built, and where a
    model needs attributes and there are none.
    """
    body, map_shape, own = _body_and_layout(model, image_shape, attributes, layout)
    head = Head(
        map_shape,
        classes,
        pool=model.head.pool,
        widths=model.head.dense,
        batch_norm=model.head.batch_norm,
        dropout=model.head.dropout,
        activation=model.head.activation,
    )
    made = Network(body, head, own)
    for part, of in bodies(model, made):
        if isinstance(part, schema.Backbone | schema.Transfer):
            if part.trainable == "none":
                freeze(made, of)
            elif isinstance(part.trainable, schema.Trainable) and part.trainable.last is not None:
                freeze(made, of, last=part.trainable.last)
    return made


def bodies(model: schema.Net, made: Network) -> list[tuple[schema.Net, nn.Module]]:
    """The model and the body of a network, or those of each of its branches."""
    return [(of, part.body) for of, part in zip(schema.parts(model).values(), made.parts, strict=True)]


def _body_and_layout(
    model: schema.Net, image_shape: tuple[int, int, int], attributes: int | None, layout: Layout
) -> tuple[nn.Module, tuple[int, int, int], Layout]:
    """The body, the shape of its feature map of the whole, and the layout by which it takes pictures apart.

    Layers that see the pixels as a vector take the whole: side by side or not, every pixel has weights of its own.
    """
    if isinstance(model, schema.Fusion):
        return *_fusion(model, image_shape, attributes, layout), ONE
    own = layout if isinstance(_like(model), schema.Cnn | schema.AlexNet | schema.Backbone) else ONE
    (rows, columns), (channels, height, width) = own, image_shape
    if height % rows or width % columns:
        raise ModelError(
            f"expected {rows}x{columns} pictures of one size in each row, received {height}x{width} pixels", "kind"
        )
    body, (maps, high, wide) = _body(model, (channels, height // rows, width // columns), attributes)
    return body, (maps, rows * high, columns * wide), own


def _like(model: schema.Net) -> schema.Net:
    """The model itself, or for a transfer the one whose layers it takes over."""
    if not isinstance(model, schema.Transfer):
        return model
    assert model.like is not None, "lineage.inherit fills it in"
    return _like(model.like)


def _body(
    model: schema.Net, image_shape: tuple[int, int, int], attributes: int | None
) -> tuple[nn.Module, tuple[int, int, int]]:
    """The body, and the shape of its feature map."""
    match model:
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
            return _body(_like(model), image_shape, attributes)
        case schema.Conv1d():
            return conv1d(
                image_shape,
                model.widths,
                kernel=model.kernel,
                pool=model.pool,
                batch_norm=model.batch_norm,
                dropout=model.dropout,
                activation=model.activation,
            )
        case schema.Mlp():
            return mlp(
                image_shape,
                model.dense,
                batch_norm=model.batch_norm,
                dropout=model.dropout,
                activation=model.activation,
            )
    assert isinstance(model, schema.Table), "a fusion has no single body"
    if not attributes:
        raise ModelError("a table learns from the attributes of a row, and the source has pictures alone", "kind")
    return table(
        attributes,
        model.dense,
        batch_norm=model.batch_norm,
        dropout=model.dropout,
        activation=model.activation,
    )


def _fusion(
    model: schema.Fusion, image_shape: tuple[int, int, int], attributes: int | None, layout: Layout
) -> tuple[Fusion, tuple[int, int, int]]:
    """The branches side by side; a mistake in one is told as that branch's."""
    branches, inputs = {}, 0
    for name, branch in model.branches.items():
        try:
            body, map_shape, own = _body_and_layout(branch, image_shape, attributes, layout)
        except EscaleraError as error:
            key = error.key if isinstance(error, ModelError) else "blocks"
            raise ModelError(f"branch '{name}': {error}", f"branches.{name}.{key}") from error
        branches[name] = Branch(body, pooling(branch.head.pool), own)
        inputs += Head(map_shape, 1, pool=branch.head.pool).inputs
    return Fusion(branches), (inputs, 1, 1)


def shape_problems(
    reading: Reading, rungs: Sequence[schema.Rung], opened: Mapping[str, Dataset] | None = None
) -> list[Problem]:
    """Rungs whose network cannot be built for their pictures and attributes, found without memory for weights.

    `opened` are the data by their section as JSON; without them, what the configuration alone tells.
    """
    problems: dict[Place, Problem] = {}
    for rung in rungs:
        net = rung.config.model.like if isinstance(rung.config.model, schema.Votes) else rung.config.model
        extent = extent_of(rung.config.data, opened or {})
        if extent is None or net is None or not is_continued(net):
            continue
        shape, attributes = extent
        try:
            with torch.device("meta"):
                network(net, shape, 2, attributes, layout(rung.config.data))
        except EscaleraError as error:
            key = error.key if isinstance(error, ModelError) else "blocks"
            place = reading.locate(rung.name, f"model.{key}")
            # A rung inherits its parent's model: the mistake is told once, where it was typed.
            problems.setdefault(place, Problem(str(error), place.path, place.file, place.line))
    return list(problems.values())


def extent_of(data: schema.Data, opened: Mapping[str, Dataset]) -> tuple[tuple[int, int, int], int | None] | None:
    """(C, H, W) and the number of attributes, as far as is known; None where not even the pictures' shape is."""
    found = opened.get(data.model_dump_json())
    if found is not None:
        return found.image_shape, found.attribute_count or None
    shape = image_shape(data)
    # How many attributes a file gives is seen when it is opened; a set known by name has none.
    return shape and (shape, None if data.source in KNOWN else 1)


def is_continued(net: schema.Net) -> bool:
    """Whether every transfer in it knows what it continues; where one does not, that is told elsewhere."""
    return all(part.like is not None for part in schema.parts(net).values() if isinstance(part, schema.Transfer))
