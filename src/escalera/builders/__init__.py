"""From a configuration to the objects that it speaks of: data, networks, optimisers and callbacks."""

from escalera.builders.data import (
    batches,
    changes,
    dataset,
    divided,
    image_shape,
    inputs,
    layout,
    mix,
    pictures,
    read_options,
    views,
)
from escalera.builders.early import absent_sources, absent_weights
from escalera.builders.model import bodies, network, network_for, shape_problems
from escalera.builders.train import (
    early_stopping,
    kept_parts,
    moving_average,
    optimizer,
    penalty,
    runs_once,
    schedule,
    unfreezing,
    unfrozen_from,
)
from escalera.builders.weights import imagenet_files, start_from, weights_problems

__all__ = [
    "absent_sources",
    "absent_weights",
    "batches",
    "bodies",
    "changes",
    "dataset",
    "divided",
    "early_stopping",
    "image_shape",
    "imagenet_files",
    "inputs",
    "kept_parts",
    "layout",
    "mix",
    "moving_average",
    "network",
    "network_for",
    "optimizer",
    "penalty",
    "pictures",
    "read_options",
    "runs_once",
    "schedule",
    "shape_problems",
    "start_from",
    "unfreezing",
    "unfrozen_from",
    "views",
    "weights_problems",
]
