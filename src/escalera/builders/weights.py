"""The weights that a network starts from, and whether they are there and fit before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

import torch

from escalera.builders.data import layout
from escalera.builders.model import extent_of, network
from escalera.core.errors import EscaleraError, Problem
from escalera.core.rundir import RunDir
from escalera.data.dataset import Dataset
from escalera.ladder import schema
from escalera.ladder.read import Place, Reading
from escalera.models import pretrained
from escalera.models.network import Network
from escalera.models.transfer import load_body, read_body


def imagenet_files(model: schema.Model) -> dict[str, Path]:
    """The files of the ImageNet weights that a model or its branches start from, fetched if need be, by branch."""
    return {name: pretrained.imagenet_file(part.name) for name, part in model.parts.items() if _from_imagenet(part)}


def start_from(files: Mapping[str, Path], made: Network, model: schema.Net, image_shape: tuple[int, int, int]) -> None:
    """Put the weights in files into the bodies they are for; raises EscaleraError when they are another network's.

    The files are by the name of the branch, "body" for a network without branches.
    """
    for (name, part), its in zip(model.parts.items(), made.parts, strict=True):
        if name not in files:
            continue
        if _from_imagenet(part):
            rows, columns = its.layout
            size = image_shape[1] // rows, image_shape[2] // columns
            tensors = pretrained.imagenet_tensors(part.name, files[name], size)
        else:
            tensors = read_body(files[name])
        load_body(its.body, tensors, str(files[name]))


def _from_imagenet(model: schema.Model) -> TypeGuard[schema.Backbone]:
    return isinstance(model, schema.Backbone) and model.weights == "imagenet"


def weights_problems(
    reading: Reading, rungs: Sequence[schema.Rung], opened: Mapping[str, Dataset] | None = None
) -> list[Problem]:
    """Files that rungs start from and that are absent or hold another network's weights, those of the hub excepted.

    The weights of a rung of this ladder are looked at when its turn comes: they may not be there yet.
    """
    problems: dict[Place, Problem] = {}
    for rung in rungs:
        extent = extent_of(rung.config.data, opened or {})
        model = rung.config.model
        if not model.trains or extent is None or not model.is_continued:
            continue
        shape, attributes = extent
        for name, path in _files(model).items():
            try:
                with torch.device("meta"):
                    made = network(model.net, shape, 2, attributes, layout(rung.config.data))
                start_from({name: path}, made, model.net, shape)
            except EscaleraError as error:
                place = reading.locate(rung.name, f"model.{model.key_of(name, 'weights')}")
                problems.setdefault(place, Problem(str(error), place.path, place.file, place.line))
    return list(problems.values())


def _files(model: schema.Model) -> dict[str, Path]:
    """The files that a ladder names by their path or by the run that they are in, or the folder of weights has."""
    files = {}
    for name, weights in model.starts_from.items():
        if isinstance(weights, schema.Weights) and weights.run:
            files[name] = RunDir(Path(weights.run)).best
        elif isinstance(weights, str) and weights.endswith(".safetensors"):
            files[name] = Path(weights)
    for name, part in model.parts.items():
        if _from_imagenet(part) and (found := pretrained.file_in_folder(part.name)):
            files[name] = found
    return files
