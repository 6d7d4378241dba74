"""Seconds an epoch of the rung `vgg16-frozen` without augmentation: the body run once and its features kept, against
the body run in every epoch; and whether both end with the same network.

    python benchmarks/frozen.py --pictures 2048

The pictures are noise and the body's weights random: neither changes the time, and no weights are downloaded.
"""

import argparse
import copy
import time

import numpy as np
import torch
from machine import machine
from torch import nn

from escalera import builders
from escalera.data.batches import Batches
from escalera.data.features import FeatureBatches
from escalera.evaluate.features import features
from escalera.evaluate.predict import predict
from escalera.experiment.climb import load_ladder
from escalera.ladder.schema import RungConfig, Votes
from escalera.train.loop import Callback, Training, train
from escalera.train.schedules import constant

CPU = torch.device("cpu")


class Seconds(Callback):
    """What each epoch took."""

    def __init__(self) -> None:
        self.epochs: list[float] = []

    def on_epoch_end(self, training: Training) -> None:
        self.epochs.append(training.log["seconds"])


def fit(config: RungConfig, learner: nn.Module, batches: Batches | FeatureBatches, epochs: int) -> list[float]:
    training = Training(learner, builders.optimizer(config.train.optimizer, learner), epochs, len(batches))
    clock = Seconds()
    train(training, batches, schedule=constant(epochs), validate=dict, seed=0, clip_norm=1.0, callbacks=[clock])
    return clock.epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=2048)
    parser.add_argument("--epochs", type=int, default=3)
    options = parser.parse_args()
    config = load_ladder("cifar10", ["model.weights=none", "augment=null"]).ladder["vgg16-frozen"].config
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (options.pictures, 32, 32, 3), dtype=np.uint8)
    labels = rng.integers(0, 10, options.pictures)
    torch.manual_seed(0)
    assert not isinstance(config.model, Votes)
    always = builders.network(config.model.net, (3, 32, 32), 10).to(memory_format=torch.channels_last)
    once = copy.deepcopy(always)
    assert builders.runs_once(config, once, len(images))

    size = config.train.batch_size

    def batches(shuffle: bool) -> Batches:
        rows = np.arange(len(images))
        return Batches(images, labels, rows, batch_size=size, device=CPU, shuffle=shuffle, seed=0)

    slow = fit(config, always, batches(True), options.epochs)
    started = time.perf_counter()
    kept = features(once, batches(False).epoch(0))
    pass_seconds = time.perf_counter() - started
    fast = fit(config, once.head.layers, FeatureBatches(*kept, batch_size=size, shuffle=True, seed=0), options.epochs)

    one, other = (predict(network, batches(False).epoch(0)).logits for network in (always, once))
    print(machine())
    print(f"{options.pictures:,} pictures of 32x32, VGG16 frozen, head of 166,282 weights, {options.epochs} epochs")
    print(f"body in every epoch   {min(slow):8.3f} s an epoch")
    print(f"features kept         {min(fast):8.3f} s an epoch, after one pass of {pass_seconds:.3f} s")
    print(f"ratio                 {min(slow) / min(fast):8.1f}   (wanted: at least 10)")
    same = (one.argmax(1) == other.argmax(1)).mean()
    print(f"largest difference of two logits {abs(one - other).max():.2g}; same answer for {same:.2%} of the pictures")


if __name__ == "__main__":
    main()
