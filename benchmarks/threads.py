"""How much faster a step is with every thread than with one, by what it computes; with other work beside it if asked.

Shipped rungs and their own steps on made-up pictures, as `--plan` measures them. With `--beside N`, N processes that
compute without end want the cores as well, as a browser or another training would.

    python benchmarks/threads.py
    python benchmarks/threads.py --beside 2
"""

import argparse
import multiprocessing

import torch
from machine import machine

from escalera import builders
from escalera.core.memory import keep_memory
from escalera.core.runtime import choose_precision, threads
from escalera.evaluate.cost import flops_per_image
from escalera.experiment.climb import load_ladder
from escalera.experiment.estimate import extent, images_per_second
from escalera.run.as_begun import busy

RUNGS = (
    ("digits", ["mlp", "wider", "cnn", "deeper", "batch-norm", "augmentation"]),
    ("cifar100-mlp", ["mlp", "dropout", "cnn"]),
    ("fashion-mnist", ["cnn"]),
    ("cifar10", ["base", "deeper"]),
)
CPU = torch.device("cpu")


def work() -> None:
    while True:
        pass


def measure(ladder: str, names: list[str]) -> None:
    everything = torch.get_num_threads()
    for rung in load_ladder(ladder).ladder.rungs:
        if rung.name not in names:
            continue
        config, size = rung.config, extent(rung.config.data, seed=0, data_root=None)
        network = builders.network(config.model.net, size.shape, size.classes)
        network.to(memory_format=torch.channels_last)
        flops, batch = flops_per_image(network, size.shape), config.train.batch_size
        seconds: dict[int, list[float]] = {1: [], everything: []}
        for count in (1, everything) * 2:
            with threads(count):
                precision = choose_precision(config.train.precision, CPU)
                seconds[count].append(batch / images_per_second(network, config, size, CPU, precision, flops))
        one, all_of_them = min(seconds[1]), min(seconds[everything])
        print(
            f"{ladder + ' ' + rung.name:24} {3 * flops * batch / 1e6:9.1f} million operations  {1000 * one:8.2f} ms  "
            f"{1000 * all_of_them:8.2f} ms  x {one / all_of_them:4.2f}  {busy(config, flops)} taken",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", type=int, default=0, help="processes that compute without end")
    beside = [multiprocessing.Process(target=work, daemon=True) for _ in range(parser.parse_args().beside)]
    for process in beside:
        process.start()
    keep_memory()
    print(machine())
    print(f"a step with one thread, with {torch.get_num_threads()}, and how many times as fast; {len(beside)} beside")
    for ladder, names in RUNGS:
        measure(ladder, names)
    for process in beside:
        process.kill()


if __name__ == "__main__":
    main()
