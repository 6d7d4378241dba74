"""The network of a configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from inspect import signature

import torch
from torch import Tensor, nn

from escalera.builders.data import image_shape, layout, smaller
from escalera.core.errors import EscaleraError, ModelError, Problem
from escalera.data.dataset import Dataset
from escalera.data.input_spec import InputSpec
from escalera.data.sources.registry import KNOWN
from escalera.ladder import schema
from escalera.ladder.read import Place, Reading
from escalera.models.freezing import freeze
from escalera.models.fusion import Branch, Fusion
from escalera.models.head import Head, Output, pooling
from escalera.models.late import LateHead
from escalera.models.layers import ACTIVATIONS, batch_norms, dirac
from escalera.models.network import Network
from escalera.models.tiles import ONE, Layout, apart
from escalera.models.whitening import Whitening, whitened, whitenings

WHITENED_ON = 5000
"""Pictures whose patches a whitening convolution is fitted on: as many as in hlb-CIFAR10."""


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
    if isinstance(model, schema.Fusion) and model.join == "late":
        assert isinstance(body, Fusion)
        shapes = [(branch.width, 1, 1) for branch in body.parts()]
        made = Network(body, LateHead([_head(model.head, shape, classes) for shape in shapes]), own)
    else:
        made = Network(body, _head(model.head, map_shape, classes), own)
    for part, of in bodies(model, made):
        if part.learns == "none":
            freeze(made, of)
        elif isinstance(part.learns, schema.Trainable) and part.learns.last is not None:
            freeze(made, of, last=part.learns.last)
    return made


def _head(head: schema.Head, map_shape: tuple[int, int, int], classes: int) -> Head:
    return Head(
        map_shape,
        classes,
        pool=head.pool,
        widths=head.dense,
        batch_norm=head.batch_norm,
        dropout=head.dropout,
        activation=head.activation,
        output=Output(head.bias, head.scale),
    )


def network_for(inputs: InputSpec, model: schema.Model) -> Network:
    """The network of a model for what it is given."""
    return network(model.net, inputs.shape, len(inputs.classes), inputs.attributes, inputs.layout)


def sketch(config: schema.RungConfig, data: Dataset) -> tuple[Network, InputSpec]:
    """The network of a configuration without memory for its weights, to be counted alone, and what it is given."""
    # The means of the pictures would have to be computed, and are of no matter here.
    inputs = data.inputs(attributes=config.model.reads_attributes, layout=layout(config.data), standard=False)
    with torch.device("meta"):
        return network_for(inputs, config.model), inputs


def bodies(model: schema.Net, made: Network) -> list[tuple[schema.Branch, nn.Module]]:
    """The model and the body of a network, or those of each of its branches."""
    return [(of, part.body) for of, part in zip(model.parts.values(), made.parts, strict=True)]


def _body_and_layout(
    model: schema.Net, image_shape: tuple[int, int, int], attributes: int | None, layout: Layout
) -> tuple[nn.Module, tuple[int, int, int], Layout]:
    """The body, the shape of its feature map of the whole, and the layout by which it takes pictures apart.

    Layers that see the pixels as a vector take the whole: side by side or not, every pixel has weights of its own.
    """
    if isinstance(model, schema.Fusion):
        return *_fusion(model, image_shape, attributes, layout), ONE
    source = model.single
    assert source is not None, "lineage.inherit fills it in"
    own = layout if source.in_two_dimensions else ONE
    (rows, columns), (channels, height, width) = own, image_shape
    if height % rows or width % columns:
        raise ModelError(
            f"expected {rows}x{columns} pictures of one size in each row, received {height}x{width} pixels", "kind"
        )
    body, (maps, high, wide) = _body(source, (channels, height // rows, width // columns), attributes)
    return body, (maps, rows * high, columns * wide), own


def _body(
    model: schema.Body, image_shape: tuple[int, int, int], attributes: int | None
) -> tuple[nn.Module, tuple[int, int, int]]:
    """The body, and the shape of its feature map: made by the function of the kind's name in the module of that name.

    What the function names it is given: the shape of the picture, the number of attributes, and keys of the section.
    """
    make = getattr(import_module(f"escalera.models.{model.kind}"), model.kind)
    first = model.whitening if isinstance(model, schema.Cnn) else None
    if first is not None and min(image_shape[1:]) <= first.kernel:
        raise ModelError(
            f"whitening: expected pictures larger than its kernel of {first.kernel} pixels, received "
            f"{image_shape[1]}x{image_shape[2]}",
            "whitening",
        )
    seen = image_shape if first is None else whitened(image_shape, first.kernel)
    given = {"image_shape": seen, "attributes": attributes}
    body, map_shape = make(
        **{name: given[name] if name in given else getattr(model, name) for name in signature(make).parameters}
    )
    if not isinstance(model, schema.Cnn):
        return body, map_shape
    if model.norm is not None:
        batch_norms(body, **model.norm.model_dump())
    if model.init == "dirac":
        dirac(body)
    if first is not None:
        name = model.activation if isinstance(model.activation, str) else model.activation[0]
        body = nn.Sequential(Whitening(image_shape[0], first.kernel, first.bias_epochs), ACTIVATIONS[name](), body)
    return body, map_shape


def whiten(network: Network, images: Callable[[int], Tensor]) -> None:
    """Fit the whitening convolutions of a network on so many pictures (N, C, H, W) of train, which `images` gives."""
    found = [(layer, part.layout) for part in network.parts for layer in whitenings(part.body)]
    if found:
        pictures = images(WHITENED_ON)
        for layer, layout in found:
            layer.fit(apart(pictures, layout))


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
            raise ModelError(f"branch '{name}': {error}", model.key_of(name, key)) from error
        width = Head(map_shape, 1, pool=branch.head.pool).inputs
        branches[name] = Branch(body, pooling(branch.head.pool), width, own)
        inputs += width
    return Fusion(branches), (inputs, 1, 1)


def shape_problems(
    reading: Reading, rungs: Sequence[schema.Rung], opened: Mapping[str, Dataset] | None = None
) -> list[Problem]:
    """Rungs whose network cannot be built for their pictures and attributes, found without memory for weights.

    `opened` are the data by their section as JSON; without them, what the configuration alone tells.
    """
    problems: dict[Place, Problem] = {}
    for rung in rungs:
        extent = extent_of(rung.config.data, opened or {})
        if extent is None or not rung.config.model.is_continued:
            continue
        shape, attributes = extent
        try:
            with torch.device("meta"):
                made = network(rung.config.model.net, shape, 2, attributes, layout(rung.config.data))
            _check_sizes(rung.config, made, shape, attributes)
        except EscaleraError as error:
            key = f"model.{error.key if isinstance(error, ModelError) else 'blocks'}"
            place = reading.locate(rung.name, "train.progressive" if isinstance(error, SizeError) else key)
            # A rung inherits its parent's model: the mistake is told once, where it was typed.
            problems.setdefault(place, Problem(str(error), place.path, place.file, place.line))
    return list(problems.values())


class SizeError(EscaleraError):
    """A network that smaller pictures do not fit."""


def _check_sizes(config: schema.RungConfig, made: Network, shape: tuple[int, int, int], attributes: int | None) -> None:
    """Raise SizeError where the pictures of progressive resizing would need other weights than whole ones."""
    own = layout(config.data)
    for stage in config.train.progressive:
        small = smaller(shape, stage.scale, own)
        size = f"{small[1]}x{small[2]} (scale {stage.scale:g} of {shape[1]}x{shape[2]})"
        try:
            with torch.device("meta"):
                other = network(config.model.net, small, 2, attributes, own)
        except EscaleraError as error:
            raise SizeError(f"pictures of {size} are too small for the network: {error}") from error
        if {key: of.shape for key, of in made.state_dict().items()} != {
            key: of.shape for key, of in other.state_dict().items()
        }:
            raise SizeError(
                f"expected a network that takes pictures of any size, received one with other weights for {size}. "
                "Take a cnn or a backbone with head.pool average or max."
            )


def extent_of(data: schema.Data, opened: Mapping[str, Dataset]) -> tuple[tuple[int, int, int], int | None] | None:
    """(C, H, W) and the number of attributes, as far as is known; None where not even the pictures' shape is."""
    found = opened.get(data.model_dump_json())
    if found is not None:
        return found.image_shape, found.attribute_count or None
    shape = image_shape(data)
    # How many attributes a file gives is seen when it is opened; a set known by name has none.
    return shape and (shape, None if data.source in KNOWN else 1)
