"""Images a second of training, the 849,066-parameter CNN at batch 256: Escalera's loop against a bare PyTorch loop over
the same network, precision and layout; and against Keras on TensorFlow in fp32 where a Python with Keras is given.

    python benchmarks/throughput.py --keras-python /path/to/keras/bin/python
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from machine import machine
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from escalera import builders
from escalera.core.runtime import autocast, choose_precision
from escalera.data.batches import Batches
from escalera.experiment.climb import load_ladder
from escalera.ladder.schema import Votes
from escalera.models.network import Network
from escalera.train.loop import Training, train
from escalera.train.schedules import constant

BATCH, STEPS = 256, 12
CPU = torch.device("cpu")


def network_and_optimizer() -> tuple[Network, torch.optim.Optimizer]:
    config = load_ladder("cifar10").ladder["batch-norm"].config
    torch.manual_seed(0)
    assert not isinstance(config.model, Votes)
    network = builders.network(config.model.net, (3, 32, 32), 10).to(memory_format=torch.channels_last)
    return network, builders.optimizer(config.train.optimizer, network)


class Ours:
    def __init__(self, images: NDArray[np.uint8], labels: NDArray[np.int64], precision: str) -> None:
        self.network, self.optimizer = network_and_optimizer()
        self.batches = Batches(
            images, labels, np.arange(len(images)), batch_size=BATCH, device=CPU, shuffle=True, seed=0
        )
        self.precision = precision

    def round(self) -> float:
        training = Training(self.network, self.optimizer, epochs=1, steps=len(self.batches))
        train(training, self.batches, schedule=constant(1), validate=dict, seed=0, precision=self.precision)
        return training.images_per_second


class Bare:
    def __init__(self, images: NDArray[np.uint8], labels: NDArray[np.int64], precision: str) -> None:
        self.network, self.optimizer = network_and_optimizer()
        self.network.train()
        self.precision = precision
        floats = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255)
        self.batches = list(zip(torch.split(floats, BATCH), torch.split(torch.from_numpy(labels), BATCH), strict=True))

    def round(self) -> float:
        cast = autocast(self.precision, CPU)
        started = time.perf_counter()
        for images, labels in self.batches:
            with cast:
                logits = self.network(images)
            loss = cross_entropy(logits.float(), labels)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
        return BATCH * len(self.batches) / (time.perf_counter() - started)


KERAS = """
import os, sys, time
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np
from keras import layers as L
batch, steps, rounds = map(int, sys.argv[1:])
net = [keras.Input((32, 32, 3)), L.Rescaling(1 / 255)]
for width in (32, 64, 128):
    for _ in range(2):
        net += [L.Conv2D(width, 3, padding="same", activation="relu"), L.BatchNormalization()]
    net += [L.MaxPooling2D(2), L.Dropout(0.25)]
net += [L.Flatten(), L.Dense(256, activation="relu"), L.BatchNormalization(), L.Dense(128, activation="relu"),
        L.BatchNormalization(), L.Dropout(0.25), L.Dense(10, activation="softmax")]
model = keras.Sequential(net)
assert model.count_params() == 849066, model.count_params()
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
rng = np.random.default_rng(0)
x = rng.integers(0, 256, (batch * steps, 32, 32, 3), dtype=np.uint8).astype("float32")
y = rng.integers(0, 10, batch * steps)
model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
for _ in range(rounds):
    started = time.perf_counter()
    model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
    print(batch * steps / (time.perf_counter() - started), flush=True)
"""


def keras(python: Path, rounds: int) -> list[float]:
    command = [str(python), "-c", KERAS, str(BATCH), str(STEPS), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"Keras failed:\n{done.stderr[-2000:]}")
    return [float(line) for line in done.stdout.split()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keras-python", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH * STEPS, 32, 32, 3), dtype=np.uint8)
    labels = rng.integers(0, 10, BATCH * STEPS)
    precision = choose_precision("auto", CPU)
    ours, bare = Ours(images, labels, precision), Bare(images, labels, precision)
    ours.round(), bare.round()
    # In turn, so that a machine that slows down slows both.
    pairs = [(ours.round(), bare.round()) for _ in range(options.rounds)]
    print(machine())
    print(f"escalera   {median(a for a, _ in pairs):8.0f} images/s, {precision}")
    print(f"bare loop  {median(b for _, b in pairs):8.0f} images/s, {precision}")
    ratios = sorted(a / b for a, b in pairs)
    print(f"escalera / bare   {median(ratios):.3f}   (from {ratios[0]:.3f} to {ratios[-1]:.3f}; wanted: at least 0.95)")
    if options.keras_python:
        speeds = keras(options.keras_python, options.rounds)
        after = [ours.round() for _ in range(options.rounds)]
        print(f"keras      {median(speeds):8.0f} images/s, fp32 (from {min(speeds):.0f} to {max(speeds):.0f})")
        print(f"escalera again {median(after):4.0f} images/s, {precision}")
        print(f"escalera / keras  {median(after) / median(speeds):.2f}   (wanted: at least 2)")


if __name__ == "__main__":
    main()
