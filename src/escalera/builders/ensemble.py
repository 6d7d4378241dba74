"""The classifiers of a votes run as its folder keeps them, and what they say together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from escalera.core.errors import RunError
from escalera.core.files import CURE
from escalera.core.rundir import RunDir
from escalera.data.batches import Batches
from escalera.ladder.schema import Model, Votes
from escalera.models.ensemble import saved
from escalera.models.ensemble.classifiers import Features, Probabilities, probabilities
from escalera.models.ensemble.preparation import Preparation
from escalera.models.ensemble.voting import vote
from escalera.models.fusion import Fusion
from escalera.models.head import pooling
from escalera.models.inputs import Inputs
from escalera.models.network import Network
from escalera.train.checkpoint import read_tensors

PREPARATION = "preparation.safetensors"


def classifier_file(run: RunDir, name: str) -> Path:
    """Where a votes run keeps a classifier."""
    return run.path / "classifiers" / f"{name}.skops"


def pooled(network: Network, pool: str) -> Callable[[Inputs], Tensor]:
    """How features (N, D) are read off a network: as its head pools, flattened, or averaged over the map.

    Of a network with branches, each branch's map is taken so.
    """
    if pool == "as_trained":
        return network.features
    how = pooling(pool)
    if isinstance(network.body, Fusion):
        maps = network.body.maps
        return lambda inputs: torch.cat([how(found) for found in maps(inputs)], dim=1)
    return lambda inputs: how(network.feature_map(inputs))


def features(network: Network, pool: str, batches: Iterable[tuple[Inputs, Tensor]]) -> Iterable[tuple[Tensor, Tensor]]:
    """Features (B, D) and labels (B,) of batches, one after the other, in the memory of the machine."""
    read = pooled(network.eval(), pool)
    with torch.inference_mode():
        for inputs, truth in batches:
            yield read(inputs).float().cpu(), truth.cpu()


def answers(
    classifiers: Mapping[str, Any], kept: Mapping[str, Any], rows: Features, classes: int
) -> list[Probabilities]:
    """What each classifier says of prepared rows, by what run.json has kept of it."""
    return [
        probabilities(classifier, rows, classes, kept[name].get("temperature", 1.0))
        for name, classifier in classifiers.items()
    ]


def together(model: Votes, probabilities: list[Probabilities], weights: list[float]) -> Probabilities:
    """The vote as the configuration has it."""
    return vote(probabilities, weights, model.vote)


class Ballot:
    """The fitted classifiers of a finished votes run, read once.

    Raises RunError for one that was changed since, or is none of ours.
    """

    def __init__(self, run: RunDir, model: Votes) -> None:
        record = run.read_record()
        self.kept = kept = _kept(run, record)
        self.model = model
        self.classes = len(record["data"]["classes"])
        saved.check(run.path / PREPARATION, record.get("preparation", ""))
        self.prepare = Preparation.from_tensors(read_tensors(run.path / PREPARATION))
        self.classifiers = {
            name: saved.load(classifier_file(run, name), entry["sha256"]) for name, entry in kept.items()
        }
        self.weights = [float(entry["weight"]) for entry in kept.values()]

    def use_one_thread(self) -> None:
        """Have every classifier answer by one thread, whatever it was fitted with."""
        for classifier in self.classifiers.values():
            if "n_jobs" in classifier.get_params():
                classifier.set_params(n_jobs=1)

    def probabilities(self, network: Network, batches: Batches) -> NDArray[np.float32]:
        """What they say together of rows (N, K)."""
        return self._together([self.prepare(part) for part, _ in features(network, self.model.pool, batches.epoch(0))])

    def looked(self, network: Network, batches: Batches) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The features (N, D) that they are given, before they are prepared, and what they say (N, K)."""
        parts = [part for part, _ in features(network, self.model.pool, batches.epoch(0))]
        return torch.cat(parts).numpy(), self._together([self.prepare(part) for part in parts])

    def _together(self, parts: Sequence[Features]) -> NDArray[np.float32]:
        rows: Features = np.concatenate(parts)
        probabilities = answers(self.classifiers, self.kept, rows, self.classes)
        return together(self.model, probabilities, self.weights).astype(np.float32)


def _kept(run: RunDir, record: Mapping[str, Any]) -> Mapping[str, Any]:
    """What run.json says of each classifier; raises RunError where it lacks some of that."""
    kept = record.get("classifiers")
    if not isinstance(kept, dict) or not kept:
        raise RunError(f"could not read {run.record}: classifiers: expected some, received {kept!r:.60}. {CURE}")
    for name, entry in kept.items():
        for key, kind in (("sha256", str), ("weight", int | float)):
            if not isinstance(entry, dict) or not isinstance(entry.get(key), kind):
                raise RunError(f"could not read {run.record}: classifiers.{name}: it lacks its {key}. {CURE}")
    return kept


def ballot(run: RunDir, model: Model) -> Ballot | None:
    """The classifiers of a finished run; None where its network answers itself."""
    return Ballot(run, model) if isinstance(model, Votes) else None
