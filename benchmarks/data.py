"""Seconds until CIFAR-10 can be fed, the first time and the second, and what feeding a batch costs.

    python benchmarks/data.py --data-root /data

With `--only changed` what it takes to open the clothing again when one photo has come, and when one has changed class.

The targets, on two cores: 12 s to decode 60,000 pictures, 0.5 s to open them again, 3 ms a batch of 256 augmented and
at most a tenth of the step of the network with 849,066 parameters; 25 s and 2 GB to explore CIFAR-10; 20 s for the
clothing; 1,000,000 pictures (`--only million`) in less than 1 GB beyond the interpreter's.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np
import torch
from machine import machine

from escalera.data.augment.geometric import Augment
from escalera.data.batches import Batches, Treatment
from escalera.data.dataset import Dataset, channel_statistics
from escalera.data.images import ImageSet
from escalera.data.sources.open import open_source
from escalera.data.splits import split

AUGMENT = Augment(rotation=15, shift=0.1, zoom=0.1, horizontal_flip=True)
EPOCHS = 5


def opened(name: str, data_root: Path | None, cache: str) -> tuple[ImageSet, float]:
    start = time.perf_counter()
    os.environ["ESCALERA_CACHE"] = cache
    images = open_source(name, data_root=data_root, image_size=None, channels=None)
    return images, time.perf_counter() - start


def feeding(data: Dataset, batch_size: int, treatment: Treatment) -> list[float]:
    """Milliseconds a batch, an epoch at a time; the first epoch only warms up."""
    train = data.train
    device = "cuda" if torch.cuda.is_available() else "cpu"
    batches = Batches(
        train.images, train.labels, train.rows, batch_size=batch_size, device=device, shuffle=True, treatment=treatment
    )
    times = []
    for epoch in range(EPOCHS + 1):
        start = time.perf_counter()
        for _ in batches.epoch(epoch):
            pass
        if device == "cuda":
            torch.cuda.synchronize()
        times.append((time.perf_counter() - start) / len(batches) * 1000)
    return times[1:]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data-root", type=Path, default=os.environ.get("ESCALERA_DATA"), help="the folder of the sets"
    )
    parser.add_argument("--only", choices=("cifar10", "step", "explore", "clothing", "changed", "million"))
    options = parser.parse_args()
    print(machine())
    if options.only in (None, "cifar10"):
        cifar10(options.data_root)
    if options.only in (None, "step"):
        step()
    if options.only in (None, "explore"):
        explore(options.data_root)
    if options.only in (None, "clothing"):
        clothing(options.data_root)
    if options.only == "changed":
        changed(options.data_root)
    if options.only == "million":
        million()


def step() -> None:
    """What feeding takes of a training step, each timed alone, in turns."""
    import torch.nn.functional as F

    from escalera import builders
    from escalera.core.runtime import autocast, choose_precision
    from escalera.experiment.climb import load_ladder
    from escalera.ladder.schema import Votes

    images = np.random.RandomState(0).randint(0, 256, (12 * 256, 32, 32, 3)).astype(np.uint8)
    labels = np.arange(len(images)) % 10
    batches = Batches(
        images,
        labels,
        np.arange(len(images)),
        batch_size=256,
        shuffle=True,
        treatment=Treatment([AUGMENT], mean=[0.5] * 3, std=[0.25] * 3),
    )
    config = load_ladder("cifar10").ladder["batch-norm"].config
    assert not isinstance(config.model, Votes)
    network = builders.network(config.model.net, (3, 32, 32), 10).to(memory_format=torch.channels_last)
    parameters = sum(parameter.numel() for parameter in network.parameters()) + sum(
        buffer.numel() for name, buffer in network.named_buffers() if "running" in name
    )
    optimizer = builders.optimizer(config.train.optimizer, network)
    cast = autocast(choose_precision("auto", torch.device("cpu")), torch.device("cpu"))
    feeding_ms, step_ms = [], []
    for epoch in range(3):
        made, feed = [], batches.epoch(epoch)
        for _ in range(len(batches)):
            start = time.perf_counter()
            made.append(next(feed))
            feeding_ms.append(1000 * (time.perf_counter() - start))
        for x, y in made:
            start = time.perf_counter()
            with cast:
                logits = network(x)
            loss = F.cross_entropy(logits.float(), y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            step_ms.append(1000 * (time.perf_counter() - start))
    fed, stepped = median(feeding_ms[12:]), median(step_ms[12:])
    print(
        f"{parameters:,} parameters, batch 256 augmented and standardised: feeding {fed:.2f} ms, step without it "
        f"{stepped:.1f} ms: {100 * fed / stepped:.1f} %"
    )


def explore(data_root: Path | None) -> None:
    """The whole command, from an empty cache, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["explore", "cifar10", "--data-root", str(data_root), "--out", folder]
        start = time.perf_counter()
        code = "import sys; from escalera.cli import main; main()"
        subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env={**os.environ, "ESCALERA_CACHE": str(Path(folder) / "cache")},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        print(f"escalera explore cifar10, nothing in the cache: {seconds:.1f} s, at most {peak:.2f} GB")


def clothing(data_root: Path | None) -> None:
    with tempfile.TemporaryDirectory() as cache:
        start = time.perf_counter()
        settings: dict[str, Any] = {"data_root": data_root, "image_size": (96, 96), "channels": 3, "resize": "pad"}
        os.environ["ESCALERA_CACHE"] = cache
        photos = open_source("clothing", **settings)
        first = time.perf_counter() - start
        start = time.perf_counter()
        open_source("clothing", **settings)
        second = time.perf_counter() - start
    pictures = sum(len(some.labels) for some in photos.splits.values())
    print(f"clothing, {pictures} photos to 96x96: decoded and cached in {first:.1f} s, opened again in {second:.3f} s")


LADDER = """
name: million
data: {source: SOURCE, validation: 0.05, test: 0.05, normalize: standard}
rungs:
  - {name: mlp, model: {kind: mlp, dense: [8]}, train: {epochs: 1, batch_size: 512}}
"""
MEASURED = """
import re, sys, threading, time
from pathlib import Path
import escalera.run.fit, escalera.data.cache.ingest, escalera.report.page, sklearn.metrics, psutil
from escalera.experiment.climb import climb, load_ladder

def memory():
    status = Path("/proc/self/status").read_text()
    return [int(re.search(rf"{key}:\\s*(\\d+)", status)[1]) / 1e6 for key in ("VmRSS", "RssAnon")]

before, peak, done = memory(), [0.0, 0.0], False
def watch():
    while not done:
        peak[:] = map(max, peak, memory())
        time.sleep(0.02)
watcher = threading.Thread(target=watch, daemon=True)
watcher.start()
start = time.perf_counter()
climb(load_ladder(sys.argv[1]), out=Path(sys.argv[2]))
done = True
print(f"{time.perf_counter() - start:.0f} s; resident {before[0]:.2f} GB with the libraries alone, at most "
      f"{peak[0]:.2f} GB: {peak[0] - before[0]:.2f} GB beyond; not backed by files {peak[1] - before[1]:.2f} GB")
"""


def million() -> None:
    """Memory of two climbs, each in a process of its own: the first also fills the cache."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "million.npz"
        rng = np.random.default_rng(0)
        with zipfile.ZipFile(source, "w") as archive:
            labels = rng.integers(0, 10, 1_000_000)
            for name, shape, dtype in (("images", (1_000_000, 32, 32, 3), "|u1"), ("labels", (1_000_000,), "<i8")):
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    header = {"descr": dtype, "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, header)
                    if name == "labels":
                        file.write(labels.data)
                    else:
                        for _ in range(100):
                            file.write(rng.integers(0, 256, (10_000, 32, 32, 3), dtype=np.uint8).data)
        ladder = Path(folder) / "million.yaml"
        ladder.write_text(LADDER.replace("SOURCE", str(source)))
        for run in ("decoded, cached and trained", "trained from the cache"):
            command = [sys.executable, "-c", MEASURED, str(ladder), str(Path(folder) / run[:5])]
            environment = {**os.environ, "ESCALERA_CACHE": str(Path(folder) / "cache")}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            print(f"1,000,000 pictures, {run}: {done.stdout.strip() or done.stderr[-2000:]}")


def changed(data_root: Path | None) -> None:
    """The clothing at 128x128: the first time, with a photo more, and with one in another class."""
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        shutil.copytree((data_root or Path()) / "clothing" / "train", photos)
        os.environ["ESCALERA_CACHE"] = str(Path(folder) / "cache")
        one = next((photos / "hat").iterdir())
        for what, change in (
            ("the first time", lambda: None),
            ("with one more", lambda: one.with_name("more.jpg").write_bytes(one.read_bytes() + b"\0")),
            ("with one in another class", lambda: one.rename(photos / "dress" / "moved.jpg")),
        ):
            change()
            start = time.perf_counter()
            found = open_source(str(photos), data_root=None, image_size=(128, 128), channels=3)
            seconds = time.perf_counter() - start
            print(f"clothing, {len(found.splits['train'].labels)} photos, {what}: {seconds:.2f} s")


def cifar10(data_root: Path | None) -> None:
    with tempfile.TemporaryDirectory() as cache:
        _, first = opened("cifar10", data_root, cache)
        cifar, second = opened("cifar10", data_root, cache)
        pictures = sum(len(some.labels) for some in cifar.splits.values())
        print(f"cifar10, {pictures} pictures: decoded and cached in {first:.1f} s, opened again in {second:.3f} s")
        data = split(cifar, validation=0.1, test=0.2, seed=0)
        start = time.perf_counter()
        means, deviations = channel_statistics(data.train)
        print(f"mean and deviation of {len(data.train.rows)} pictures: {time.perf_counter() - start:.2f} s")
        digits = split(opened("digits", None, cache)[0], validation=0.1, test=0.2, seed=0)
        standard: dict[str, Any] = {"mean": means, "std": deviations}
        for what, some, size, treatment in (
            ("digits, 64 of 8x8x1", digits, 64, Treatment()),
            ("cifar10, 256 of 32x32x3", data, 256, Treatment()),
            ("cifar10, 256, standardised", data, 256, Treatment(**standard)),
            ("cifar10, 256, augmented", data, 256, Treatment([AUGMENT])),
            ("cifar10, 256, augmented and standardised", data, 256, Treatment([AUGMENT], **standard)),
        ):
            times = feeding(some, size, treatment)
            print(f"a batch of {what}: {mean(times):.3f} ms, deviation {stdev(times):.3f} over {EPOCHS} epochs")


if __name__ == "__main__":
    main()
