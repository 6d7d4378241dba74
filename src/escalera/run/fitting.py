"""A network, what it learns from, and where: all that the processes of one training have alike."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from escalera import builders
from escalera.core.errors import TrainingError
from escalera.core.ranks import Ranks
from escalera.core.rundir import RunDir
from escalera.data.batches import Batches, evaluation_batch
from escalera.data.dataset import Dataset, Split
from escalera.data.features import FEATURES_AT_ONCE, FeatureBatches
from escalera.evaluate.features import features
from escalera.evaluate.predict import Predictions, predict, scores
from escalera.evaluate.shared import collect, share
from escalera.evaluate.views import VIEWS, View
from escalera.ladder.schema import RungConfig
from escalera.models.kept import with_kept
from escalera.models.late import Answers, Apart, answers_of
from escalera.models.network import Network
from escalera.run.gang import Place
from escalera.run.kept import beside, features_of
from escalera.train.shards import WHOLE, Shards, Whole
from escalera.train.synced import Synced, synchronise

RECALLED = 10_000
"""Rows of train that are asked about in the end: their accuracy is then known within a point (95 %)."""

Validate = Callable[[nn.Module], dict[str, float]]


def new_network(config: RungConfig, seed: int, data: Dataset) -> Network:
    """The network of a configuration with the random weights of a seed."""
    torch.manual_seed(seed)
    return builders.network_for(builders.inputs(config, data), config.model)


@dataclass(frozen=True)
class Fitting:
    """A network, what it learns from, and where."""

    config: RungConfig
    seed: int
    data: Dataset
    run: RunDir
    network: Network
    place: Place

    def by(self, ranks: Ranks) -> Fitting:
        """The same, computed by these processes."""
        config = self.config
        if not config.train.exact and ranks.count > 1:
            synchronise(self.network)
            config = config.model_copy(update={"train": config.train.model_copy(update={"shards": ranks.count})})
        return replace(self, config=config, place=replace(self.place, ranks=ranks))

    def start(self, files: Mapping[str, Path]) -> None:
        """Begin with the weights in files, by part, and move to the device."""
        shape = builders.inputs(self.config, self.data).shape
        builders.whiten(self.network, lambda count: builders.drawn_pictures(self.config, self.data.train, count))
        builders.start_from(dict(files), self.network, self.config.model.net, shape)
        self.network.to(self.place.device).to(memory_format=torch.channels_last)

    def feeds(self) -> tuple[nn.Module, Batches | FeatureBatches, Validate]:
        """What learns, its batches, and what validates it."""
        config, data = self.config, self.data
        if len(data.train.rows) < 2 * config.train.shards:
            raise TrainingError(
                f"train.shards: expected two rows to learn from for each of {config.train.shards} shards, received "
                f"{len(data.train.rows)}. Use fewer shards, or more data."
            )
        names = self.kept
        if len(names) == len(self.network.parts):
            # What comes out of the body is always the same: from here on it stands for the pictures, and the head for
            # all.
            return self.network.head.layers, *self._run_once()
        network, train, validation = self.network, data.train, data.validation
        if names:
            # The same for some branches of several: what comes out of them stands beside the attributes.
            network = with_kept(network, names, self._attributes)
            train, validation = self.beside(train, self.precision), self.beside(validation, self.precision)
        mixing = builders.mix(config.augment, len(data.classes))
        batches = builders.batches(
            config, train, data.train, seed=self.seed, device=self.place.device, training=True, mix=mixing
        )
        feed = self._feed(validation)
        return network, batches, lambda trained: _validated(trained, lambda one: self._answers(one, validation, feed))

    @cached_property
    def kept(self) -> list[str]:
        """The parts that need run only once; of several processes each runs a fusion, unless all of it is so."""
        names = builders.kept_parts(self.config, self.network, len(self.data.train.rows))
        return names if self.place.ranks.count == 1 or len(names) == len(self.network.parts) else []

    @property
    def precision(self) -> str:
        """What features are computed in for the head to learn from: bf16 only where a ladder tells so."""
        return "bf16" if self.config.train.precision == "bf16" else "fp32"

    def beside(self, part: Split, precision: str = "fp32") -> Split:
        """A split with the features of the branches that are kept beside its attributes."""
        found = [features_of(self.config, self.data, self.network, name, part, precision) for name in self.kept]
        running = [of for name, of in self.config.model.parts.items() if name not in self.kept]
        return beside(part, found, pictures=any(of.reads_pictures for of in running))

    def shards(self) -> Whole:
        """How the processes share a step."""
        ranks, settings = self.place.ranks, self.config.train
        if not settings.exact and ranks.count > 1:
            return Synced(self.seed, ranks)
        return Shards(settings.shards, self.seed, ranks) if settings.shards > 1 else WHOLE

    def predictions(self, part: Split) -> Predictions:
        """What the network says of a split, in its order; each process computes its share, and has all."""
        if len(self.network.parts) == len(self.kept) == 1 and self._as_ever:
            return predict(self.network.head.layers, self._features(part, "fp32").epoch(0))
        network, part = self.for_split(part)
        return self._answers(network, part, self._feed(part), builders.views(self.config))

    def for_split(self, part: Split) -> tuple[Network, Split]:
        """What is asked about a split, and the split: of branches that are kept, with what came out of them."""
        if not self.kept or len(self.network.parts) == 1 or not self._as_ever:
            return self.network, part
        return with_kept(self.network, self.kept, self._attributes), self.beside(part)

    @property
    def _as_ever(self) -> bool:
        """Whether features that are kept are those of the pictures that are asked about: as they are, and by one."""
        return len(builders.views(self.config)) == 1 and self.place.ranks.count == 1

    @property
    def _attributes(self) -> int:
        return builders.inputs(self.config, self.data).attributes

    @property
    def recalled(self) -> Split:
        """The rows of train that are asked about in the end: a part of many, unless no picture has to be run for it."""
        train = self.data.train
        known = len(self.kept) == len(self.network.parts) and self._as_ever
        return train if known else train.drawn(RECALLED)

    @contextlib.contextmanager
    def in_turn(self) -> Iterator[None]:
        """First the process that writes, then those who read what it wrote."""
        ranks = self.place.ranks
        if not ranks.leads:
            ranks.meet()
        yield
        if ranks.leads:
            ranks.meet()

    def _at_once(self, part: Split) -> int:
        return evaluation_batch(part.images, self.place.device)

    def _feed(self, part: Split) -> Batches:
        """The batches of a split that are this process's to evaluate."""
        own = replace(part, rows=share(part.rows, self._at_once(part), self.place.ranks))
        return builders.batches(self.config, own, self.data.train, seed=0, device=self.place.device, training=False)

    def _answers(
        self, network: nn.Module, part: Split, feed: Batches, views: Sequence[View] = VIEWS["none"]
    ) -> Predictions:
        labels = part.labels[part.rows]
        if len(feed):
            own = torch.from_numpy(predict(network, feed.epoch(0), views).logits)
        else:
            own = torch.zeros((0, len(self.data.classes)))
        logits = collect(own, len(labels), self._at_once(part), self.place.ranks)
        return Predictions(logits.numpy(), labels)

    def _run_once(self) -> tuple[FeatureBatches, Validate]:
        """The features of train in place of their pictures, and what validates on those of validation."""

        of = self.config.train
        order = {
            "shuffle": True,
            "seed": self.seed,
            "shards": of.shards,
            "balanced": of.sampler == "balanced",
            "drop_last": of.drop_last,
        }
        train = self._features(self.data.train, self.precision, batch_size=of.batch_size, **order)
        validation = self._features(self.data.validation, self.precision)
        return train, lambda trained: _validated(trained, lambda one: predict(one, validation.epoch(0)))

    def _features(
        self, part: Split, precision: str, *, batch_size: int = FEATURES_AT_ONCE, **order: Any
    ) -> FeatureBatches:
        """The features of a split in place of its pictures, in batches."""
        if self.place.ranks.count == 1:
            each = [features_of(self.config, self.data, self.network, name, part, precision) for name in self.kept]
            found = torch.cat(each, dim=1)
        else:
            found = self._shared(part)
        labels = torch.from_numpy(part.labels[part.rows]).to(found.device)
        return FeatureBatches(found, labels, batch_size=batch_size, **order)

    def _shared(self, part: Split) -> Tensor:
        """The features of a split, of which each process computes its share."""
        feed = self._feed(part)
        if len(feed):
            own = features(self.network, feed.epoch(0), precision=self.precision)[0]
        else:
            own = torch.zeros((0, self.network.head.inputs), device=feed.device)
        return collect(own, len(part.rows), self._at_once(part), self.place.ranks)


def _prefixed(predictions: Predictions) -> dict[str, float]:
    return {f"val_{key}": value for key, value in scores(predictions).items()}


def _validated(network: nn.Module, ask: Callable[[nn.Module], Predictions]) -> dict[str, float]:
    """What the history says of a network, which `ask` asks for the rows of validation.

    What the answers of branches weigh that answer each for itself is learned from these, of which none of them learns.
    """
    answers = answers_of(network)
    if answers is None:
        return _prefixed(ask(network))
    assert isinstance(network, Network | Answers)
    found = ask(Apart(network, answers))
    device = answers.weights.device
    logits = torch.stack(torch.from_numpy(found.logits).chunk(len(answers.widths), dim=1)).to(device)
    answers.weigh(logits, torch.from_numpy(found.labels).to(device))
    return _prefixed(Predictions(answers.together(logits).cpu().numpy(), found.labels))
