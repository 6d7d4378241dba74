"""What quick networks say of rows that they have not learned from: train is cut into folds, each left out once.

images         (N, H, W, C) uint8, whole
folds          (N,) the fold of each row of train, from 0
probabilities  (N, K) float64, of each split
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from escalera.data.augment.geometric import Augment
from escalera.data.batches import Batches, Treatment, evaluation_batch
from escalera.data.cache.features import kept
from escalera.data.dataset import Split, channel_statistics
from escalera.data.features import FeatureBatches
from escalera.data.images import Images, ImageSet
from escalera.evaluate.doubt import fit_temperature
from escalera.evaluate.features import features
from escalera.evaluate.metrics import softmax
from escalera.evaluate.predict import predict
from escalera.models import pretrained
from escalera.models.backbone import backbone
from escalera.models.cnn import cnn
from escalera.models.head import Head
from escalera.models.network import Network
from escalera.models.transfer import load_body
from escalera.run.kept import body_digest
from escalera.train.loop import Training, train
from escalera.train.optimizers import sgd
from escalera.train.schedules import one_cycle

EPOCHS = 8
"""Of a quick network. With 6 the errors planted in Fashion-MNIST are ranked a little worse, with 12 it learns them."""
_STEPS = 400
"""Of a training at the least: a small source is gone through more often."""
_HEAD_EPOCHS = 30
_BATCH, _FEW = 128, 32
"""Rows of a step, and of one where there are few: steps of 128 would show each of 400 more than a hundred times."""
_LARGEST = 48
"""Pixels of a side up to which a network is quick; larger pictures are shrunk by whole numbers."""

_SEEN = 96
"""Pixels of a side below which pictures are enlarged for weights that have learned from photographs. Of CIFAR-100 as it
is, at 32, a head on what they find says 14 % of the labels (docs/results/trust.md)."""

Feed = Callable[[NDArray[np.int64], bool, int], Batches | FeatureBatches]
"""The batches of rows of a split, to learn from or to be asked about."""


def out_of_fold(
    images: ImageSet,
    weights: Path | None,
    folds: NDArray[np.int64],
    *,
    seed: int = 0,
    tell: Callable[[int, int], object] = lambda number, count: None,
) -> dict[str, NDArray[np.float64]]:
    """Probabilities of every split: a row of train by the network that was trained without its fold.

    The rows of other splits, from which none learns, are given the mean of what all say. The networks are heads on the
    features of the ImageNet weights in a file, or small ones trained on the pictures themselves where there are none.
    Each is as sure as the rows of its own fold say that it may be: a head on features is far too sure of itself, and
    confident learning would take its mistakes for wrong labels. `tell` hears which network of how many begins.
    """
    splits, classes = images.splits, len(images.classes)
    feeds, make, epochs = _pretrained(images, weights) if weights else _quick(splits, classes)
    found = {name: np.zeros((len(part.labels), classes)) for name, part in splits.items()}
    count = int(folds.max()) + 1
    for fold in range(count):
        tell(fold + 1, count)
        torch.manual_seed(seed * 1_000 + fold)
        network = make()
        _fit(network, feeds["train"](np.flatnonzero(folds != fold), True, seed), epochs, seed)

        def logits_of(name: str, rows: NDArray[np.int64], network: nn.Module = network) -> NDArray[np.float32]:
            return predict(network, feeds[name](rows, False, seed).epoch(0)).logits

        left = np.flatnonzero(folds == fold)
        logits = logits_of("train", left)
        temperature = fit_temperature(logits, splits["train"].labels[left])
        found["train"][left] = softmax(logits / temperature)
        for name, part in splits.items():
            if name != "train":
                found[name] += softmax(logits_of(name, np.arange(len(part.labels))) / temperature) / count
    return found


def _fit(network: nn.Module, batches: Batches | FeatureBatches, epochs: int, seed: int) -> None:
    steps = max(1, len(batches))
    epochs = max(epochs, -(-_STEPS // steps))
    optimizer = sgd(network, lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    training = Training(network, optimizer, epochs, steps)
    train(training, batches, schedule=one_cycle(epochs, warmup=0.25), validate=dict, seed=seed)


def _quick(splits: Mapping[str, Images], classes: int) -> tuple[dict[str, Feed], Callable[[], nn.Module], int]:
    """Batches of the pictures, and a small network for them."""
    train = splits["train"]
    height, width, channels = train.images.shape[1:]
    mean, deviation = channel_statistics(Split(train.images, train.labels, np.arange(len(train.labels))))
    side = max(height, width)
    shrink = -(-side // _LARGEST)
    augment = (Augment(shift=0.1),) if side >= 16 else ()

    def feed(part: Images) -> Feed:
        def batches(rows: NDArray[np.int64], learns: bool, seed: int) -> Batches:
            treatment = Treatment(augment=augment if learns else (), mean=mean, std=deviation)
            step = min(_BATCH, max(_FEW, len(rows) // 10))
            size = step if learns else evaluation_batch(part.images, torch.device("cpu"))
            return Batches(
                part.images, part.labels, rows, batch_size=size, shuffle=learns, seed=seed, treatment=treatment
            )

        return batches

    def make() -> nn.Module:
        small = (channels, height // shrink, width // shrink)
        pool = ["max" if min(small[1:]) >= least else "none" for least in (16, 4)]
        body, shape = cnn(small, [[32], [64], [128]], batch_norm="conv", pool=[*pool, "none"])
        shrunk = nn.Sequential(nn.AvgPool2d(shrink), body) if shrink > 1 else body
        network = Network(shrunk, Head(shape, classes, pool="average", dropout=0.2))
        return network.to(memory_format=torch.channels_last)

    return {name: feed(part) for name, part in splits.items()}, make, EPOCHS


def _pretrained(images: ImageSet, weights: Path) -> tuple[dict[str, Feed], Callable[[], nn.Module], int]:
    """Batches of the features that ImageNet weights give, which the cache keeps, and a head for them."""
    splits, classes = images.splits, len(images.classes)
    height, width, channels = splits["train"].images.shape[1:]
    name = weights.name.removesuffix(".safetensors")
    larger = -(-_SEEN // min(height, width))
    size = larger * height, larger * width
    body, shape = backbone((channels, *size), name)
    load_body(body, pretrained.imagenet_tensors(name, weights, size), str(weights))
    whole = nn.Sequential(nn.Upsample(scale_factor=larger, mode="bilinear"), body) if larger > 1 else body
    network = Network(whole, Head(shape, classes, pool="average")).to(memory_format=torch.channels_last)

    def feed(part: Images) -> Feed:
        batch = max(1, evaluation_batch(part.images, torch.device("cpu")) // larger**2)
        every = Split(part.images, part.labels, np.arange(len(part.labels)))

        def compute() -> Tensor:
            batches = Batches(every.images, every.labels, every.rows, batch_size=batch)
            return features(network, batches.epoch(0))[0]

        states = [
            body_digest(network.body), every.digest, str(larger), str(torch.get_num_threads()), torch.__version__,
            str(batch),
        ]  # fmt: skip
        found = kept(images.name, states, compute)
        labels = torch.from_numpy(part.labels)

        def batches(rows: NDArray[np.int64], learns: bool, seed: int) -> FeatureBatches:
            chosen = torch.from_numpy(rows)
            return FeatureBatches(found[chosen], labels[chosen], batch_size=_BATCH, shuffle=learns, seed=seed)

        return batches

    def make() -> nn.Module:
        return nn.Sequential(nn.BatchNorm1d(shape[0], affine=False), nn.Dropout(0.2), nn.Linear(shape[0], classes))

    return {name: feed(part) for name, part in splits.items()}, make, _HEAD_EPOCHS
