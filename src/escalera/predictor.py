"""A trained model that is asked again and again: built once, its weights read once.

images         (N, H, W, C) uint8, of the model's own size
probabilities  (N, K) float32
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from escalera import build
from escalera.ballot import Ballot
from escalera.data.batches import Batches
from escalera.data.table_transform import Transformation
from escalera.errors import DataError, RunError
from escalera.evaluate.explain import grad_cam
from escalera.evaluate.features import features
from escalera.evaluate.metrics import softmax
from escalera.evaluate.predict import predict
from escalera.ladder import schema
from escalera.models.network import Network
from escalera.rundir import RunDir
from escalera.train.checkpoint import load_weights
from escalera.trained import Trained, of_run


class Predictor:
    """A trained model, opened; for one thread at a time. Raises RunError where its files cannot be read."""

    def __init__(self, trained: Trained) -> None:
        self.trained = trained
        self.fitted: Transformation | None = None
        """How the attributes of a row become a vector; None for a model that reads none."""
        if trained.reads_attributes:
            if trained.table is None:
                raise RunError(f"{trained.name} reads attributes, but has lost how they become numbers (table.json)")
            self.fitted = Transformation.from_json(trained.table["attributes"])

    @cached_property
    def network(self) -> Network:
        """The network with its weights, in evaluation mode."""
        height, width, channels = self.trained.data["shape"]
        network = build.network(
            schema.net(self.trained.config.model),
            (channels, height, width),
            len(self.trained.classes),
            None if self.fitted is None else len(self.fitted.names),
            build.layout(self.trained.config.data),
        )
        load_weights(network, self.trained.weights)
        return network.eval()

    @cached_property
    def ballot(self) -> Ballot | None:
        """The classifiers of a votes run; None for a network that answers itself."""
        model = self.trained.config.model
        return Ballot(RunDir(self.trained.weights.parent), model) if isinstance(model, schema.Votes) else None

    def probabilities(
        self, images: NDArray[np.uint8] | None, attributes: Sequence[Mapping[str, Any]] | None = None
    ) -> NDArray[np.float32]:
        """What the model says of rows (N, K).

        `images` is None for a model that reads attributes alone; `attributes` are {column: value} for each row, for one
        that reads them. Raises DataError where one of the two is absent.
        """
        feed = self.feed(images, attributes)
        if self.ballot is not None:
            return self.ballot.probabilities(self.network, feed)
        views = build.views(self.trained.config)
        return softmax(predict(self.network, feed.epoch(0), views).logits).astype(np.float32)

    def filled_in(self, attributes: Mapping[str, Any] | None) -> list[str]:
        """Which attributes of a row are not known and were filled in as in training."""
        return [] if self.fitted is None or attributes is None else self.fitted.filled_in(attributes)

    def maps(
        self,
        images: NDArray[np.uint8],
        classes: NDArray[np.int64],
        attributes: Sequence[Mapping[str, Any]] | None = None,
    ) -> NDArray[np.float32] | None:
        """Where the network looked when it said a class (N,): maps (N, h, w) from 0 to 1.

        None where it keeps none, and for votes: their classifiers do not say what spoke for a class.
        """
        if self.ballot is not None:
            return None
        maps, first = [], 0
        for inputs, labels in self.feed(images, attributes).epoch(0):
            found = grad_cam(self.network, inputs, torch.from_numpy(classes[first : first + len(labels)]))
            if found is None:
                return None
            maps.append(found)
            first += len(labels)
        return np.concatenate(maps)

    def features(
        self, images: NDArray[np.uint8] | None, attributes: Sequence[Mapping[str, Any]] | None = None
    ) -> NDArray[np.float32]:
        """What the network makes of rows before its head decides (N, D)."""
        found: NDArray[np.float32] = features(self.network, self.feed(images, attributes).epoch(0))[0].numpy()
        return found

    def feed(self, images: NDArray[np.uint8] | None, attributes: Sequence[Mapping[str, Any]] | None = None) -> Batches:
        """Rows as the network takes them; raises DataError for what it needs and is not given."""
        vectors = self._vectors(attributes)
        data = self.trained.data
        if images is None:
            if self.trained.reads_pictures:
                raise DataError("this run looks at pictures: expected some, received none")
            images = np.zeros((0 if vectors is None else len(vectors), *data["shape"]), np.uint8)
        if vectors is not None and len(vectors) != len(images):
            raise DataError(f"expected attributes for each of {len(images)} pictures, received {len(vectors)}")
        return Batches(
            images,
            np.zeros(len(images), dtype=np.int64),
            np.arange(len(images)),
            batch_size=build.EVALUATION_BATCH,
            device=torch.device("cpu"),
            shuffle=False,
            mean=data.get("mean"),
            std=data.get("deviation"),
            attributes=vectors,
        )

    def _vectors(self, attributes: Sequence[Mapping[str, Any]] | None) -> NDArray[np.float32] | None:
        """The rows' attributes as the model's own were made (N, A); None for one that reads none."""
        if self.fitted is None:
            return None
        if not attributes:
            columns = ", ".join(self.fitted.columns)
            raise DataError(f"this run reads the attributes {columns} too: expected them, received none")
        return self.fitted.vectors(attributes)


def open_run(run: RunDir) -> Predictor:
    """A finished run, ready to be asked."""
    return Predictor(of_run(run))
