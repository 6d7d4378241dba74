"""The features of the parts of a network that learn nothing: computed once, and kept for other seeds and rungs."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from escalera import builders
from escalera.data.batches import evaluation_batch
from escalera.data.cache.features import kept
from escalera.data.dataset import Dataset, Split
from escalera.evaluate.features import features
from escalera.ladder.schema import RungConfig
from escalera.models.network import Network

NO_MATTER = {"weights", "trainable", "head"}
"""Keys of a part that do not change what its body computes: its weights are known by themselves."""


def features_of(config: RungConfig, data: Dataset, network: Network, name: str, part: Split, precision: str) -> Tensor:
    """The features (n, D) of the rows of a split that the part `name` of a network gives, on its device.

    They are kept by all that they depend on, down to the last bit: the weights of the body, how it is asked, the
    pixels and attributes of the rows, and how they are computed.
    """
    number = [*config.model.net.parts].index(name)
    body = network.parts[number].body
    device = next(iter([*body.parameters(), *network.head.parameters()])).device

    def make() -> Tensor:
        feed = builders.batches(config, part, data.train, seed=0, device=device, training=False)
        whole = len(network.parts) == 1
        return features(network, feed.epoch(0), part=None if whole else name, precision=precision)[0]

    section = list(config.model.net.parts.values())[number]
    pool = config.model.net.head.pool if len(network.parts) == 1 else section.head.pool
    states = [
        section.model_dump_json(exclude=NO_MATTER), pool, str(network.parts[number].layout), body_digest(body),
        part.digest, str(data.train.channels if config.data.normalize == "standard" else None),
        precision, device.type, str(torch.get_num_threads()), torch.__version__,
        str(evaluation_batch(part.images, device)),
    ]  # fmt: skip
    return kept(data.name, states, make).to(device)


def beside(part: Split, found: list[Tensor], *, pictures: bool) -> Split:
    """The split with features of its rows beside their attributes; unless `pictures` are read, none is loaded."""
    width = sum(one.shape[1] for one in found)
    whole = np.zeros((len(part.labels), width), np.float32)
    whole[part.rows] = torch.cat(found, dim=1).cpu().numpy()
    if pictures:
        return replace(part, kept=whole)
    return replace(part, kept=whole, images=np.zeros((len(part.images), 1, 1, part.images.shape[3]), np.uint8))


def body_digest(body: nn.Module) -> str:
    """The SHA-256 of a body's weights and statistics, by name."""
    found = hashlib.sha256()
    for name, tensor in sorted(body.state_dict().items()):
        found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return found.hexdigest()
