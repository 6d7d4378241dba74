"""One training by 1, 2 and 4 processes: equal SHA-256 of weights and buffers after 50 steps, and what two bring.

Four shards of each batch, augmented and with dropout; then a small climb that goes on from two processes to one and
back to two; then images a second of the network of the ladder cifar10 with 849,066 parameters, two processes of one
thread against one process of two threads, in turn.

    python benchmarks/devices.py [--only bits|resume|speed]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from machine import machine

import escalera as esc
from escalera import builders
from escalera.core.ranks import ALONE, meeting_in
from escalera.core.runtime import threads
from escalera.data.augment.erasing import Erase
from escalera.data.augment.geometric import Augment
from escalera.data.batches import Batches, Treatment
from escalera.experiment.climb import climb
from escalera.run.events import Events, Progress
from escalera.train.callbacks import StatisticsWarmUp
from escalera.train.loop import Training, train
from escalera.train.optimizers import adam
from escalera.train.schedules import constant
from escalera.train.shards import WHOLE, Shards

STEPS, SHARDS, WANTED = 50, 4, 1.05
CNN = {"kind": "cnn", "blocks": [[8], [16]], "batch_norm": "conv", "dropout": 0.1}
MODELS: dict[str, dict[str, Any]] = {
    "mlp": {"kind": "mlp", "dense": [32], "dropout": 0.2},
    "cnn": {**CNN, "head": {"dense": [16], "batch_norm": True, "dropout": 0.2}},
    "fusion": {
        "kind": "fusion",
        "branches": {"picture": CNN, "vector": {"kind": "conv1d", "widths": [4], "batch_norm": True}},
        "head": {"dense": [16], "dropout": 0.2},
    },
    "backbone": {"kind": "backbone", "name": "test_resnet", "weights": "none"},
}
LADDER: dict[str, Any] = {
    "name": "devices",
    "data": {"source": "digits", "validation": 0.2, "test": 0.4},
    "train": {"epochs": 6, "batch_size": 128, "shards": SHARDS, "optimizer": {"name": "adam", "lr": 0.01}},
    "augment": {"shift": 0.1},
    "rungs": [{"name": "cnn", "model": {**CNN, "head": {"dense": [16], "dropout": 0.2}}}],
}


def work(asked: dict[str, Any], file: Path, rank: int, count: int) -> None:
    """Be one of the processes, and print what came of it."""
    device = torch.device("cpu")
    ranks = meeting_in(file, rank, count).group("benchmark", device) if count > 1 else ALONE
    draw = np.random.default_rng(0)
    size, batch, shards = asked["size"], asked["batch"], asked["shards"]
    rows = batch * asked["steps"] - batch // 2 + 1  # the last batch is a smaller one, of shards that differ by a row
    images = draw.integers(0, 256, (rows, size, size, 3), dtype=np.uint8)
    treatment = Treatment([Augment(rotation=15, shift=0.1), Erase(0.3)] if asked["draws"] else [], shards=shards)
    batches = Batches(
        images, draw.integers(0, 10, rows), np.arange(rows), batch_size=batch, shuffle=True, treatment=treatment
    )
    torch.manual_seed(0)
    ladder = {**LADDER, "rungs": [{"name": "one", "model": asked["model"]}]}
    network = builders.network(esc.load_ladder(ladder).ladder["one"].config.model.net, (3, size, size), 10)
    network.to(memory_format=torch.channels_last)
    optimizer = adam(network, lr=1e-3, betas=(0.9, 0.999), epsilon=1e-7)
    speeds = []
    for _ in range(asked["rounds"]):
        training = Training(network, optimizer, epochs=1, steps=len(batches))
        train(
            training,
            batches,
            schedule=constant(1),
            validate=dict,
            seed=0,
            precision=asked["precision"],
            clip_norm=1.0,
            shards=Shards(shards, 0, ranks) if shards > 1 else WHOLE,
            callbacks=[StatisticsWarmUp()],
        )
        speeds.append(training.images_per_second)
    state = b"".join(tensor.contiguous().numpy().tobytes() for tensor in network.state_dict().values())
    print(json.dumps({"sha256": hashlib.sha256(state).hexdigest(), "speed": speeds[-1], "loss": training.loss}))
    ranks.close()


def together(asked: dict[str, Any], count: int, each: int) -> list[dict[str, Any]]:
    """What came of it in each of so many processes, with so many threads each."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--work", json.dumps(asked), f"{folder}/store"]
        environment = {**os.environ, "OMP_NUM_THREADS": str(each), "GLOO_SOCKET_IFNAME": "lo"}
        started = [
            subprocess.Popen([*command, str(rank), str(count)], stdout=subprocess.PIPE, text=True, env=environment)
            for rank in range(count)
        ]
        return [json.loads(one.communicate()[0].splitlines()[-1]) for one in started]


def bits() -> bool:
    """Whether weights and buffers are the same, whatever the number of processes."""
    same = True
    for name, model in MODELS.items():
        for precision in ("fp32", "bf16"):
            asked = {"model": model, "precision": precision, "size": 32, "batch": 32, "steps": STEPS, "rounds": 1}
            asked |= {"shards": SHARDS, "draws": True}
            found = [each["sha256"] for count in (1, 2, 4) for each in together(asked, count, 1)]
            same &= len(set(found)) == 1
            told = "equal" if len(set(found)) == 1 else f"NOT EQUAL: {[one[:12] for one in found]}"
            print(f"{name:10} {precision}  1, 2 and 4 processes: {told}  {found[0][:16]}", flush=True)
    return same


class Press(Events):
    """Ctrl-C after an epoch."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def epoch_ends(self, progress: Progress) -> None:
        if progress.epoch == self.epoch:
            signal.raise_signal(signal.SIGINT)


def resume() -> bool:
    """Whether a training that goes on with another number of processes ends as the whole one."""
    with tempfile.TemporaryDirectory() as folder, threads(1):
        reading = esc.load_ladder(LADDER)
        climb(reading, out=Path(folder) / "whole")
        for count, epoch in ((2, 2), (1, 4), (2, 99)):
            try:
                climb(reading, out=Path(folder) / "parts", devices=count, events=Press(epoch))
            except KeyboardInterrupt:
                print(f"stopped after epoch {epoch} with {count} process{'es' if count > 1 else ''}")
        names = ("best.safetensors", "predictions.parquet")
        found = [
            [(Path(folder) / way / "devices" / "cnn" / "seed-0" / name).read_bytes() for name in names]
            for way in ("whole", "parts")
        ]
    print(f"2 -> 1 -> 2 processes: weights and predictions {'equal' if found[0] == found[1] else 'NOT EQUAL'}")
    return found[0] == found[1]


def speed(rounds: int) -> None:
    """Two processes of one thread against one process of two, with the same shards and with none."""
    model = esc.load_ladder("cifar10").ladder["batch-norm"].config.model.model_dump(mode="json")
    asked = {"model": model, "precision": "fp32", "size": 32, "batch": 256, "steps": 6, "rounds": 2, "draws": True}
    ratios, against_whole = [], []
    for _ in range(rounds):
        two = together({**asked, "shards": SHARDS}, 2, 1)[0]["speed"]
        one = together({**asked, "shards": SHARDS}, 1, 2)[0]["speed"]
        whole = together({**asked, "shards": 1}, 1, 2)[0]["speed"]
        ratios.append(two / one)
        against_whole.append(two / whole)
        print(
            f"two processes {two:6.0f} images/s, one of two threads {one:6.0f}, without shards {whole:6.0f}: "
            f"ratios {two / one:.3f} and {two / whole:.3f}",
            flush=True,
        )
    print(f"two processes / one process   {median(ratios):.3f}   (wanted: at least {WANTED}, {rounds} times)")
    print(f"two processes / one without shards   {median(against_whole):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["bits", "resume", "speed"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        asked, file, rank, count = options.work
        work(json.loads(asked), Path(file), int(rank), int(count))
        return
    started = time.time()
    print(machine())
    well = [what() for name, what in {"bits": bits, "resume": resume}.items() if options.only in (None, name)]
    if options.only in (None, "speed"):
        speed(options.rounds)
    print(f"{time.time() - started:.0f} s")
    sys.exit(0 if all(well) else 1)


if __name__ == "__main__":
    main()
