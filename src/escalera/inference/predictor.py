"""A trained model that is asked again and again: built once, its weights read once.

images         whatever `data.query.images` takes for pictures
probabilities  (N, K) float32
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from escalera import builders
from escalera.builders.ensemble import Ballot, ballot
from escalera.core import arguments
from escalera.core.errors import DataError, RunError
from escalera.core.rundir import RunDir
from escalera.data.batches import Batches, Treatment, evaluation_batch
from escalera.data.input_spec import Learned
from escalera.data.query.images import Intake, Pictures, Seen
from escalera.evaluate.explain import grad_cam
from escalera.evaluate.features import features, looked
from escalera.evaluate.metrics import softmax
from escalera.evaluate.predict import predict
from escalera.inference.attributes import Attributes, check_rows, set_of, vectors_of
from escalera.inference.bundle import Trained, fitted, of_run, weights
from escalera.models.ensemble.voting import logits
from escalera.models.network import Network


class Predictor:
    """A trained model, opened; for one thread at a time. Raises RunError where its files cannot be read."""

    def __init__(self, trained: Trained) -> None:
        if not isinstance(trained, Trained):
            raise arguments.is_opened("Predictor", trained)
        self.trained = trained
        self.intake = Intake(trained.data)
        self.fitted = fitted(trained)
        """How the attributes of a row become a vector; None for a model that reads none."""

    def __repr__(self) -> str:
        """Which model, and what it tells apart."""
        return f"Predictor({self.trained.name}: {len(self.classes)} classes)"

    @property
    def classes(self) -> list[str]:
        """The names of the classes, in the order of the probabilities."""
        return self.trained.classes

    @cached_property
    def network(self) -> Network:
        """The network with its weights, in evaluation mode."""
        tensors = weights(self.trained)
        inputs = self.trained.data.inputs(
            attributes=len(self.fitted.names) if self.fitted else 0, layout=builders.layout(self.trained.config.data)
        )
        network = builders.network_for(inputs, self.trained.config.model)
        network.load_state_dict(tensors)
        return network.eval()

    @cached_property
    def ballot(self) -> Ballot | None:
        """The classifiers of a votes run; None for a network that answers itself."""
        return ballot(RunDir(self.trained.weights.parent), self.trained.config.model)

    def predict(
        self, images: Pictures | Seen | None = None, attributes: Attributes | None = None
    ) -> NDArray[np.float32]:
        """What the model says of rows: the probability of each class (N, K), the classes as `classes` has them.

        `images` is a path, the bytes of a file, a PIL image, an array (H, W, C), (N, H, W, C), or (N, H, W) of grey
        ones, or a list of these. Files and PIL images are converted and resized as in training; an array has to be
        uint8 of the model's own size, and is refused otherwise, with what to type. Of a model that sees several
        pictures together, each row is a list of its pictures.
        With a coverage in its ladder the probabilities are those at the temperature that was fitted on validation.
        `attributes` are {column: value} of the row, or a list of that for several, for a model that reads them; it may
        read nothing else. Raises DataError for what cannot be taken, or is absent.
        """
        return answers(self, self._feed(images, attributes))

    def set_of(self, probabilities: NDArray[np.float32]) -> list[str] | None:
        """The classes that a row of these probabilities (K,) may be of, the likeliest first; None without a coverage.

        More than one, or none at all, says that the model does not know. Raises DataError for other than one row.
        """
        return set_of(self.trained.doubt, probabilities, self.classes)

    def filled_in(self, attributes: Mapping[str, Any] | None) -> list[str]:
        """Which attributes of a row are not known and were filled in as in training."""
        return [] if self.fitted is None or attributes is None else self.fitted.filled_in(attributes)

    def maps(
        self, images: Pictures | Seen, classes: Sequence[int] | NDArray[np.int64], attributes: Attributes | None = None
    ) -> NDArray[np.float32] | None:
        """Where the network looked when it said a class (N,), by its number: maps (N, h, w) from 0 to 1.

        None where it keeps none, and for votes: their classifiers do not say what spoke for a class.
        """
        if self.ballot is not None:
            return None
        feed = self._feed(images, attributes)
        chosen = self._chosen(classes, feed.images_per_epoch)
        maps, first = [], 0
        for inputs, labels in feed.epoch(0):
            found = grad_cam(self.network, inputs, chosen[first : first + len(labels)])
            if found is None:
                return None
            maps.append(found)
            first += len(labels)
        return np.concatenate(maps)

    def features(
        self, images: Pictures | Seen | None = None, attributes: Attributes | None = None
    ) -> NDArray[np.float32]:
        """What the network makes of rows before its head decides (N, D)."""
        found: NDArray[np.float32] = features(self.network, self._feed(images, attributes).epoch(0))[0].numpy()
        return found

    def look(
        self, images: Pictures | Seen | None = None, attributes: Attributes | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """What `features` and `predict` say of rows, by one pass: (N, D) and (N, K).

        The features of votes are those that their classifiers are given.
        """
        feed = self._feed(images, attributes)
        if self.ballot is not None:
            made, answered = self.ballot.looked(self.network, feed)
        else:
            made, answered = looked(self.network, feed.epoch(0), builders.views(self.trained.config))
        return made, _probabilities(self, answered)

    def _chosen(self, classes: Sequence[int] | NDArray[np.int64], rows: int) -> torch.Tensor:
        """The classes (N,) to explain; raises DataError for other than a class of each row."""
        chosen = np.asarray(classes)
        count = len(self.classes)
        if chosen.shape != (rows,) or chosen.dtype.kind not in "iu" or not (0 <= chosen.min() <= chosen.max() < count):
            raise DataError(
                f"classes: expected the number of a class, from 0 to {count - 1}, for each of {rows} rows; received "
                f"{chosen.tolist()!r:.60}"
            )
        return torch.from_numpy(chosen.astype(np.int64))

    def _feed(self, images: Pictures | Seen | None, attributes: Attributes | None) -> Batches:
        """Rows as the network takes them; raises DataError for what it needs and is not given."""
        vectors = vectors_of(self.fitted, attributes)
        if not isinstance(images, Seen):
            self.trained.check_pictures(images is not None)
        if images is not None:
            pixels = self.intake.rows(images)
        else:
            pixels = np.zeros((0 if vectors is None else len(vectors), *self.trained.data.shape), np.uint8)
        check_rows(len(pixels), vectors)
        return as_batches(self.trained.data, pixels, vectors)


def as_batches(data: Learned, pixels: NDArray[np.uint8], vectors: NDArray[np.float32] | None) -> Batches:
    """Pixels (N, H, W, C) of a model's own size, and attributes (N, A) beside them, as its network takes them."""
    return Batches(
        pixels,
        np.zeros(len(pixels), dtype=np.int64),
        np.arange(len(pixels)),
        batch_size=evaluation_batch(pixels, torch.device("cpu")),
        device=torch.device("cpu"),
        shuffle=False,
        treatment=Treatment(mean=data.mean, std=data.deviation, attributes=vectors),
    )


def answers(predictor: Predictor, feed: Batches) -> NDArray[np.float32]:
    """The probability of each class (N, K) for rows as the network takes them; raises RunError for no numbers."""
    if predictor.ballot is not None:
        return _probabilities(predictor, predictor.ballot.probabilities(predictor.network, feed))
    views = builders.views(predictor.trained.config)
    return _probabilities(predictor, predict(predictor.network, feed.epoch(0), views).logits)


def _probabilities(predictor: Predictor, answered: NDArray[np.float32]) -> NDArray[np.float32]:
    """From a network's logits (N, K), or the probabilities of a vote, to those that the model stands by."""
    trained, doubt = predictor.trained, predictor.trained.doubt
    if doubt is not None:
        voted = predictor.ballot is not None
        found = doubt.probabilities(logits(answered.astype(np.float64)) if voted else answered).astype(np.float32)
    else:
        found = answered if predictor.ballot is not None else softmax(answered).astype(np.float32)
    if not np.isfinite(found).all():
        raise RunError(f"{trained.name} answers with no numbers (NaN): its weights or its data are damaged")
    return found


def open_run(run: RunDir) -> Predictor:
    """A finished run, ready to be asked."""
    return Predictor(of_run(run))
