"""A network, what it learns from, and where: all that the processes of one training have alike."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from escalera import builders
from escalera.core.errors import TrainingError
from escalera.core.ranks import Ranks
from escalera.core.rundir import RunDir
from escalera.data.batches import Batches
from escalera.data.dataset import Dataset, Split
from escalera.data.features import FeatureBatches
from escalera.evaluate.features import features
from escalera.evaluate.predict import Predictions, accuracy_and_loss, predict
from escalera.evaluate.shared import collect, share
from escalera.evaluate.views import VIEWS, View
from escalera.ladder.schema import RungConfig
from escalera.models.network import Network
from escalera.run.gang import Place
from escalera.train.shards import WHOLE, Shards, Whole
from escalera.train.synced import Synced, synchronise

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
        if builders.runs_once(config, self.network, len(data.train.rows)):
            # What comes out of the body is always the same: from here on it stands for the pictures, and the head for
            # all.
            return self.network.head.layers, *self._run_once()
        mixing = builders.mix(config.augment, len(data.classes))
        batches = builders.batches(
            config, data.train, data.train, seed=self.seed, device=self.place.device, training=True, mix=mixing
        )
        feed = self._feed(data.validation)
        return self.network, batches, lambda judged: _said(self._answers(judged, data.validation, feed))

    def shards(self) -> Whole:
        """How the processes share a step."""
        ranks, settings = self.place.ranks, self.config.train
        if not settings.exact and ranks.count > 1:
            return Synced(self.seed, ranks)
        return Shards(settings.shards, self.seed, ranks) if settings.shards > 1 else WHOLE

    def predictions(self, part: Split) -> Predictions:
        """What the network says of a split, in its order; each process computes its share, and has all."""
        return self._answers(self.network, part, self._feed(part), builders.views(self.config))

    @contextlib.contextmanager
    def in_turn(self) -> Iterator[None]:
        """First the process that writes, then those who read what it wrote."""
        ranks = self.place.ranks
        if not ranks.leads:
            ranks.meet()
        yield
        if ranks.leads:
            ranks.meet()

    def _feed(self, part: Split) -> Batches:
        """The batches of a split that are this process's to evaluate."""
        own = replace(part, rows=share(part.rows, builders.EVALUATION_BATCH, self.place.ranks))
        return builders.batches(self.config, own, self.data.train, seed=0, device=self.place.device, training=False)

    def _answers(
        self, network: nn.Module, part: Split, feed: Batches, views: Sequence[View] = VIEWS["none"]
    ) -> Predictions:
        labels = part.labels[part.rows]
        if len(feed):
            own = torch.from_numpy(predict(network, feed.epoch(0), views).logits)
        else:
            own = torch.zeros((0, len(self.data.classes)))
        logits = collect(own, len(labels), builders.EVALUATION_BATCH, self.place.ranks)
        return Predictions(logits.numpy(), labels)

    def _run_once(self) -> tuple[FeatureBatches, Validate]:
        """The features of train in place of their pictures, and what validates on those of validation."""

        def of(part: Split) -> tuple[Tensor, Tensor]:
            feed = self._feed(part)
            if len(feed):
                own = features(self.network, feed.epoch(0))[0]
            else:
                own = torch.zeros((0, self.network.head.inputs), device=feed.device)
            found = collect(own, len(part.rows), builders.EVALUATION_BATCH, self.place.ranks)
            return found, torch.from_numpy(part.labels[part.rows]).to(found.device)

        settings = self.config.train
        train = FeatureBatches(
            *of(self.data.train),
            batch_size=settings.batch_size,
            shuffle=True,
            seed=self.seed,
            shards=settings.shards,
        )
        validation = FeatureBatches(*of(self.data.validation), batch_size=builders.EVALUATION_BATCH)
        return train, lambda judged: _said(predict(judged, validation.epoch(0)))


def _said(predictions: Predictions) -> dict[str, float]:
    return {f"val_{key}": value for key, value in accuracy_and_loss(predictions).items()}
