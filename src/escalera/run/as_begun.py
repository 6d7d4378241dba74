"""The number of threads of a run: as many as its steps keep busy, and those that it began with when it goes on.

With another number the same training ends otherwise, since sums are taken in another order.
"""

from __future__ import annotations

import contextlib

import torch

from escalera import builders
from escalera.core.rundir import RunDir
from escalera.core.runtime import threads
from escalera.data.dataset import Dataset
from escalera.evaluate.cost import flops_per_image
from escalera.ladder.schema import RungConfig
from escalera.run.events import Events

THREAD_FLOPS = 50_000_000
"""Operations of a training step, there and back, that are worth a thread. With fewer for each, threads wait for one
another longer than they save, and far longer where other work wants the cores (docs/results/speed.md)."""


def as_begun(run: RunDir, config: RungConfig, data: Dataset, events: Events) -> contextlib.AbstractContextManager[None]:
    """Compute with the number of threads of a run that was begun; with as many as are of use for one that is not."""
    here = of_use(config, data)
    begun = int(run.read_record().get("threads", here)) if run.record.exists() else here
    if begun != here:
        events.threads_kept(begun, here)
    return threads(begun)


def of_use(config: RungConfig, data: Dataset) -> int:
    """How many of the threads that there are a training on these data has a use for."""
    there = torch.get_num_threads()
    return busy(config, _flops(config, data)) if there > 1 and _by_steps(config) else there


def busy(config: RungConfig, flops: int) -> int:
    """How many of the threads that there are the steps keep busy of a network of so many operations for a picture.

    All of them where a body stays as it is: not the steps take the time then, but running it once, and what it finds is
    kept for other rungs, who would find something else with another number of threads. All of them for classifiers.
    """
    there = torch.get_num_threads()
    if not _by_steps(config):
        return there
    forward_and_back = 3 * flops * config.train.batch_size
    return min(there, max(1, forward_and_back // THREAD_FLOPS))


def _by_steps(config: RungConfig) -> bool:
    """Whether steps over all of a network are what a run takes its time for."""
    return config.model.trains and all(part.learns != "none" for part in config.model.parts.values())


def _flops(config: RungConfig, data: Dataset) -> int:
    """Operations of one forward pass of one picture."""
    network, inputs = builders.sketch(config, data)
    return flops_per_image(network, inputs.shape, inputs.attributes)
