"""Images a second of training, the 849,066-parameter CNN at batch 256: Escalera's loop as its command runs it, a plain
PyTorch loop over the same layers in a process of its own, and Keras on TensorFlow where a Python with Keras is given.
Their rounds go in turn, so that a machine that slows down slows them all.

    python benchmarks/throughput.py --keras-python /path/to/keras/bin/python
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import IO

import numpy as np
import torch
from machine import machine
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from escalera import builders
from escalera.core.memory import keep_memory
from escalera.core.runtime import autocast, choose_precision
from escalera.data.batches import Batches
from escalera.experiment.climb import load_ladder
from escalera.ladder.schema import Votes
from escalera.models.network import Network
from escalera.train.loop import Training, train
from escalera.train.schedules import constant

BATCH, STEPS = 256, 12
FLOP = 233e6
"""Operations that an image takes, forward and backward."""
CPU = torch.device("cpu")


def network_and_optimizer() -> tuple[Network, torch.optim.Optimizer]:
    """Escalera's, as the ladder says."""
    config = load_ladder("cifar10").ladder["batch-norm"].config
    torch.manual_seed(0)
    assert not isinstance(config.model, Votes)
    network = builders.network(config.model.net, (3, 32, 32), 10).to(memory_format=torch.channels_last)
    return network, builders.optimizer(config.train.optimizer, network)


def ours(precision: str) -> Callable[[], float]:
    """A round of Escalera's loop."""
    keep_memory()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH * STEPS, 32, 32, 3), dtype=np.uint8)
    labels, rows = rng.integers(0, 10, BATCH * STEPS), np.arange(BATCH * STEPS)
    network, optimizer = network_and_optimizer()
    batches = Batches(images, labels, rows, batch_size=BATCH, device=CPU, shuffle=True, seed=0)

    def one() -> float:
        training = Training(network, optimizer, epochs=1, steps=len(batches))
        train(training, batches, schedule=constant(1), validate=dict, seed=0, precision=precision)
        return training.images_per_second

    return one


def plain_network() -> nn.Module:
    """The same network in PyTorch's own layers."""
    layers: list[nn.Module] = []
    channels = 3
    for width in (32, 64, 128):
        for _ in range(2):
            layers += [nn.Conv2d(channels, width, 3, padding="same"), nn.ReLU(), nn.BatchNorm2d(width)]
            channels = width
        layers += [nn.MaxPool2d(2), nn.Dropout(0.25)]
    layers += [nn.Flatten(), nn.Linear(2048, 256), nn.ReLU(), nn.BatchNorm1d(256)]
    layers += [nn.Linear(256, 128), nn.ReLU(), nn.BatchNorm1d(128), nn.Dropout(0.25), nn.Linear(128, 10)]
    return nn.Sequential(*layers)


def bare(precision: str) -> Callable[[], float]:
    """A round of the loop that a tutorial has, over batches that lie in memory as floats."""
    torch.manual_seed(0)
    network = plain_network().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    cast = autocast(precision, CPU)
    batches: list[tuple[Tensor, Tensor]] = [
        (torch.rand(BATCH, 3, 32, 32).to(memory_format=torch.channels_last), torch.randint(0, 10, (BATCH,)))
        for _ in range(STEPS)
    ]

    def one() -> float:
        started = time.perf_counter()
        for images, labels in batches:
            with cast:
                logits = network(images)
            loss = cross_entropy(logits.float(), labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return BATCH * STEPS / (time.perf_counter() - started)

    return one


def matmul(precision: str) -> Callable[[], float]:
    """Images a second, if all of it were multiplications of large matrices."""
    left, right = torch.rand(2048, 2048), torch.rand(2048, 2048)
    if precision == "bf16":
        left, right = left.bfloat16(), right.bfloat16()

    def one() -> float:
        started = time.perf_counter()
        for _ in range(40):
            left @ right
        return 40 * 2 * 2048**3 / (time.perf_counter() - started) / FLOP

    return one


KERAS = """
import os, sys, time
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np
from keras import layers as L
batch, steps = map(int, sys.argv[2:])
if sys.argv[1] == "bf16":
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
net = [keras.Input((32, 32, 3)), L.Rescaling(1 / 255)]
for width in (32, 64, 128):
    for _ in range(2):
        net += [L.Conv2D(width, 3, padding="same", activation="relu"), L.BatchNormalization()]
    net += [L.MaxPooling2D(2), L.Dropout(0.25)]
net += [L.Flatten(), L.Dense(256, activation="relu"), L.BatchNormalization(), L.Dense(128, activation="relu"),
        L.BatchNormalization(), L.Dropout(0.25), L.Dense(10, activation="softmax", dtype="float32")]
model = keras.Sequential(net)
assert model.count_params() == 849066, model.count_params()
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
rng = np.random.default_rng(0)
x = rng.integers(0, 256, (batch * steps, 32, 32, 3), dtype=np.uint8).astype("float32")
y = rng.integers(0, 10, batch * steps)
for _ in sys.stdin:
    started = time.perf_counter()
    model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
    print(batch * steps / (time.perf_counter() - started), flush=True)
"""


class Child:
    """A process that does a round each time it is told to."""

    def __init__(self, *command: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
        )
        self.round()

    def round(self) -> float:
        """Images a second of one more round."""
        asked: IO[str] | None = self.process.stdin
        told: IO[str] | None = self.process.stdout
        assert asked is not None and told is not None
        asked.write("\n")
        asked.flush()
        line = told.readline()
        if not line:
            sys.exit(f"{self.process.args!r:.200} ended")
        return float(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keras-python", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--child", choices=["ours", "bare", "matmul"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    precision = choose_precision("auto", CPU)
    if options.child:
        one = {"ours": ours, "bare": bare, "matmul": matmul}[options.child](precision)
        for _ in sys.stdin:
            print(one(), flush=True)
        return
    here = [sys.executable, __file__, "--child"]
    children = {
        "escalera": Child(*here, "ours", GOMP_SPINCOUNT="10000"),  # as the command has it
        "bare loop": Child(*here, "bare"),
        "matmul alone": Child(*here, "matmul"),
    }
    if options.keras_python:
        for form in dict.fromkeys(("fp32", precision)):
            python = str(options.keras_python)
            children[f"keras {form}"] = Child(python, "-c", KERAS, form, str(BATCH), str(STEPS))
    rounds = [{name: child.round() for name, child in children.items()} for _ in range(options.rounds)]
    print(machine())
    for name in children:
        speeds = sorted(one[name] for one in rounds)
        ratios = sorted(one["escalera"] / one[name] for one in rounds)
        print(
            f"{name:13} {median(speeds):6.0f} images/s ({speeds[0]:.0f} to {speeds[-1]:.0f}); "
            f"escalera / {name} {median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})"
        )
    print(
        "wanted: 1.25 of the bare loop, 2.0 of Keras in bf16, 3.9 of Keras in fp32, 0.58 of the multiplications alone"
    )


if __name__ == "__main__":
    main()
