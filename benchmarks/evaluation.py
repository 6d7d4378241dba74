"""Pictures a second of an evaluation in fp32, the 849,066-parameter CNN on 32x32 and EfficientNet-Lite0 on 224x224: as
Escalera does it, and as it did before: 256 rows at once, and the allocator of glibc as it is.

    python benchmarks/evaluation.py
"""

import argparse
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter

import numpy as np
import torch
from machine import machine
from throughput import CPU, Contender, network_and_optimizer

from escalera.core.memory import keep_memory
from escalera.data.batches import Batches, evaluation_batch
from escalera.evaluate.predict import predict
from escalera.models.network import Network

CASES = {"cnn": (2048, 32), "efficientnet_lite0": (256, 224)}


def network(name: str) -> torch.nn.Module:
    """The network of a case; what it has learned does not matter."""
    if name == "cnn":
        found: Network = network_and_optimizer()[0]
        return found
    import timm

    return timm.create_model(name, num_classes=10).to(memory_format=torch.channels_last)


def evaluation(name: str, how: str) -> Callable[[], float]:
    """A round of one case."""
    if how == "now":
        keep_memory()
    count, side = CASES[name]
    images = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    size = evaluation_batch(images, CPU) if how == "now" else 256
    batches = Batches(images, np.zeros(count, np.int64), np.arange(count), batch_size=size)
    asked = network(name)

    def one() -> float:
        started = perf_counter()
        predict(asked, batches.epoch(0))
        return count / (perf_counter() - started)

    return one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        one = evaluation(*options.child)
        for _ in sys.stdin:
            print(one(), flush=True)
        return
    print(machine())
    for name in CASES:
        now, before = (Contender([sys.executable, __file__, "--child", name, how]) for how in ("now", "before"))
        rounds = [(now.round(), before.round()) for _ in range(options.rounds)]
        ratios = sorted(new / old for new, old in rounds)
        rates = [median(each) for each in zip(*rounds, strict=True)]
        print(
            f"{name}: {rates[0]:.0f} pictures/s, before {rates[1]:.0f}; "
            f"{median(ratios):.2f} times as fast ({ratios[0]:.2f} to {ratios[-1]:.2f}; wanted: 2)"
        )


if __name__ == "__main__":
    main()
