"""How many runs are trained side by side on this machine, and with how many threads each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from escalera.core.errors import EscaleraError
from escalera.core.runtime import choose_device, cores, free_memory, gpus
from escalera.experiment.executors.parts import trainings
from escalera.ladder.schema import Rung
from escalera.run.task import Task, open_data

WORKER_BYTES = 450 << 20
"""What a process takes beside the step: Python, torch and scikit-learn, measured on Linux (docs/results/jobs.md)."""
SPARED = 0.9
"""The share of the free memory that is given out."""


@dataclass(frozen=True)
class Jobs:
    """So many runs at once, with so many threads each.

    `limit` says why not more; `each` takes about so many bytes, of those that are `free`.
    """

    count: int
    threads: int
    limit: Literal["asked", "runs", "cores", "gpus", "memory"]
    each: int
    free: int


def choose_jobs(wanted: int | Literal["auto"], tasks: Sequence[Task], device: str) -> Jobs:
    """As many as asked; for `auto` as many as there are runs, cores or GPUs, and as the memory holds.

    The memory is that of the largest step among the tasks, with what a process takes by itself.
    Raises EscaleraError where more are asked than the memory holds.
    """
    on_gpu, free = choose_device(device).type == "cuda", free_memory()
    each = WORKER_BYTES + (0 if on_gpu else _largest_step(tasks))
    held = max(1, int(free * SPARED / each))
    runs = sum(map(trainings, tasks))
    if wanted == "auto":
        limits = {"runs": runs, ("gpus" if on_gpu else "cores"): gpus() if on_gpu else cores(), "memory": held}
        limit = min(limits, key=lambda name: limits[name])
        count = max(1, limits[limit])
    else:
        count, limit = max(1, min(wanted, runs)), "asked" if wanted <= runs else "runs"
        if count > held:
            raise EscaleraError(
                f"--jobs {wanted}: expected at most {held}, since {count} trainings at once take about "
                f"{count * each / 1e9:.1f} GB and {free / 1e9:.1f} GB of memory are free. "
                f"Use --jobs {held}, or --jobs auto, which takes as many as the memory holds."
            )
    return Jobs(count, max(1, cores() // count), limit, each, free)  # type: ignore[arg-type]


def likely_threads(wanted: int | Literal["auto"], runs: int) -> int:
    """The threads that each of so many runs will have, unless memory, GPUs or folds make it other ones."""
    return max(1, cores() // min(runs, cores() if wanted == "auto" else wanted))


def _largest_step(tasks: Sequence[Task]) -> int:
    """Bytes of the largest step among the tasks, as the plan counts them."""
    from escalera.experiment.step_memory import step_memory

    sizes = [0]
    for text, source in {task.rung: task.source for task in tasks}.items():
        config = Rung.model_validate_json(text).config
        sizes.append(step_memory(config, open_data(source)))
    return max(sizes)
