"""Five classifiers on 50,000 rows of 2,048 features: the time of each to fit and to answer, and the memory.

The features are made up, as ReLU leaves them: half of them zero, ten classes that overlap. A machine that does other
work at the same time is seen in the second column: the time that the process itself had, of all its threads.

    python benchmarks/votes.py [--pca 256] [--rows 5000]

Fewer rows are a trial. Two of them tell what the whole takes: all grows with the rows, boosting from a large start.
"""

import argparse
import os
import resource
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from machine import machine

from escalera.ladder.schema import Votes
from escalera.models.ensemble import classifiers
from escalera.models.ensemble.preparation import fit
from escalera.models.ensemble.voting import vote

TRAIN, VALIDATION, TEST, WIDTH, CLASSES, PART = 50_000, 2_000, 10_000, 2_048, 10, 512
CORES = os.cpu_count() or 1


def made_up(rows: int, seed: int) -> tuple[torch.Tensor, np.ndarray]:
    """Features (N, D) and labels (N,)."""
    centres = torch.randn(CLASSES, 64, generator=torch.Generator().manual_seed(0))
    mix = torch.randn(64, WIDTH, generator=torch.Generator().manual_seed(1)) / 8
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (rows,), generator=draw)
    found = torch.empty(rows, WIDTH)
    for start in range(0, rows, 5000):
        some = labels[start : start + 5000]
        noisy = 0.3 * centres[some] + torch.randn(len(some), 64, generator=draw)
        found[start : start + 5000] = (noisy @ mix + 0.3 * torch.randn(len(some), WIDTH, generator=draw)).relu()
    return found, labels.numpy()


def timed(name: str, what: Callable[[], Any]) -> tuple[Any, np.ndarray]:
    """What comes out, and the seconds: on the clock, and of the process itself."""
    wall, own = time.perf_counter(), time.process_time()
    found = what()
    wall, own = time.perf_counter() - wall, time.process_time() - own
    print(f"{name:34} {wall:8.1f} s {own:10.1f} s", flush=True)
    return found, np.array([wall, own])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pca", type=int, help="principal components in place of the features")
    parser.add_argument("--rows", type=int, default=TRAIN, help="rows to fit on, for a trial")
    options = parser.parse_args()
    rows, pca = options.rows, options.pca
    print(machine())
    print(f"{rows:,} x {WIDTH:,} features to fit on, {TEST:,} to answer; pca: {pca}\n{'':34} {'wall':>10} {'own':>12}")
    parts, labels = made_up(rows, 2)
    asked, truth = made_up(TEST, 3)
    apart, known = made_up(VALIDATION, 4)
    whole = np.zeros(2)
    prepare, seconds = timed("preparation", partial(fit, torch.split(parts, PART), pca))
    whole += seconds
    train = np.concatenate([prepare(part) for part in torch.split(parts, PART)])
    test = np.concatenate([prepare(part) for part in torch.split(asked, PART)])
    validation = np.concatenate([prepare(part) for part in torch.split(apart, PART)])
    del parts, asked, apart
    said = []
    for settings in Votes.model_fields["classifiers"].default:
        name, rest = settings.name, settings.model_dump(exclude={"name"})
        made, seconds = timed(f"{name}, fit", partial(classifiers.fit, name, rest, 0, train, labels))
        heat = classifiers.temperature(made, validation, known)
        answer, more = timed(f"{name}, answer", partial(classifiers.probabilities, made, test, CLASSES, heat))
        print(f"{'':34} accuracy {100 * (answer.argmax(1) == truth).mean():.2f} %", flush=True)
        said.append(answer)
        whole += seconds + more
    accuracy = (vote(said, [1.0] * len(said), "soft").argmax(1) == truth).mean()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
    wall, own = whole
    print(f"\nall five {wall:.1f} s (wanted: at most 600), peak memory {peak:.2f} GB (wanted: at most 6)")
    print(f"{'of the process itself':34} {'':10} {own:10.1f} s: {own / CORES:.1f} s on {CORES} cores")
    print(f"soft vote {100 * accuracy:.2f} %")


if __name__ == "__main__":
    main()
