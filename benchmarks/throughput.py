"""Images a second of training, the 849,066-parameter CNN at batch 256: Escalera's loop as its command runs it, the same
by two processes that share each batch, a plain PyTorch loop over the same layers, and Keras on TensorFlow where a
Python with Keras is given. Their rounds go in turn, so that a machine that slows down slows them all.

    python benchmarks/throughput.py --keras-python /path/to/keras/bin/python
"""

import argparse
import os
import subprocess
import sys
import tempfile
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
from escalera.core.ranks import ALONE, Ranks, meeting_in
from escalera.core.runtime import autocast, choose_precision
from escalera.data.batches import Batches, Treatment
from escalera.experiment.climb import load_ladder
from escalera.ladder.schema import Votes
from escalera.models.network import Network
from escalera.train.loop import Training, train
from escalera.train.schedules import constant
from escalera.train.shards import WHOLE, Shards

BATCH, STEPS = 256, 12
SHARERS = 2
"""Processes that share each batch, one thread each: `--set train.shards=2 --devices 2` of the command."""
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


def ours(precision: str, ranks: Ranks = ALONE) -> Callable[[], float]:
    """A round of Escalera's loop, each batch shared by so many processes."""
    keep_memory()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH * STEPS, 32, 32, 3), dtype=np.uint8)
    labels, rows = rng.integers(0, 10, BATCH * STEPS), np.arange(BATCH * STEPS)
    network, optimizer = network_and_optimizer()
    shards = Shards(ranks.count, 0, ranks) if ranks.count > 1 else WHOLE
    treatment = Treatment(shards=shards.count)
    batches = Batches(images, labels, rows, batch_size=BATCH, device=CPU, shuffle=True, seed=0, treatment=treatment)

    def one() -> float:
        training = Training(network, optimizer, epochs=1, steps=len(batches))
        train(training, batches, schedule=constant(1), validate=dict, seed=0, precision=precision, shards=shards)
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


class Contender:
    """Processes that do a round together each time they are told to; one, but where a training is shared."""

    def __init__(self, *commands: list[str], **environment: str) -> None:
        self.processes = [
            subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}
            )
            for command in commands
        ]
        self.round()

    def round(self) -> float:
        """Images a second of one more round."""
        for process in self.processes:
            asked: IO[str] | None = process.stdin
            assert asked is not None
            asked.write("\n")
            asked.flush()
        return min(self.answer(process) for process in self.processes)

    def answer(self, process: subprocess.Popen[str]) -> float:
        """What a process says of its round."""
        told: IO[str] | None = process.stdout
        assert told is not None
        line = told.readline()
        if not line:
            sys.exit(f"{process.args!r:.200} ended")
        return float(line)


def contenders(keras: Path | None, precision: str, meeting: Path) -> dict[str, Contender]:
    """All of them, warm; `meeting` is a file where those that share a batch meet."""
    here = [sys.executable, __file__, "--child"]
    sharers = [[*here, "ours", "--meet", str(meeting), "--rank", str(rank)] for rank in range(SHARERS)]
    as_the_command = {"GOMP_SPINCOUNT": "10000"}
    found = {
        "escalera": Contender([*here, "ours"], **as_the_command),
        "bare loop": Contender([*here, "bare"]),
        "matmul alone": Contender([*here, "matmul"]),
        "two processes": Contender(*sharers, **as_the_command, OMP_NUM_THREADS="1", GLOO_SOCKET_IFNAME="lo"),
    }
    if keras:
        for form in dict.fromkeys(("fp32", precision)):
            found[f"keras {form}"] = Contender([str(keras), "-c", KERAS, form, str(BATCH), str(STEPS)])
    return found


def child(kind: str, precision: str, meet: Path | None, rank: int) -> None:
    """Do a round for each line that comes."""
    ranks = meeting_in(meet, rank, SHARERS).group("throughput", CPU) if meet else ALONE
    one = {"ours": lambda: ours(precision, ranks), "bare": lambda: bare(precision), "matmul": lambda: matmul(precision)}
    go = one[kind]()
    for _ in sys.stdin:
        print(go(), flush=True)
    ranks.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keras-python", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--child", choices=["ours", "bare", "matmul"], help=argparse.SUPPRESS)
    parser.add_argument("--meet", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--rank", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    precision = choose_precision("auto", CPU)
    if options.child:
        child(options.child, precision, options.meet, options.rank)
        return
    with tempfile.TemporaryDirectory() as folder:
        those = contenders(options.keras_python, precision, Path(folder) / "store")
        rounds = [{name: one.round() for name, one in those.items()} for _ in range(options.rounds)]
    print(machine())
    for name in those:
        speeds = sorted(one[name] for one in rounds)
        print(f"{name:13} {median(speeds):6.0f} images/s ({speeds[0]:.0f} to {speeds[-1]:.0f})")
        for way in sorted({"escalera", "two processes"} - {name}):
            ratios = sorted(one[way] / one[name] for one in rounds)
            print(f"    {way} / {name} {median(ratios):.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")
    print(
        "wanted: 1.25 of the bare loop, 2.0 of Keras in bf16, 3.9 of Keras in fp32, 0.58 of the multiplications alone"
    )


if __name__ == "__main__":
    main()
