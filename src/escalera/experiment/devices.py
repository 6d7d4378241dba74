"""How many processes or GPUs compute each training together, and whether what is to be trained allows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from escalera.core.errors import EscaleraError
from escalera.core.ranks import launched
from escalera.core.runtime import choose_device, gpus
from escalera.experiment.executors import Make
from escalera.experiment.executors import executor as find
from escalera.ladder.schema import Rung, Train
from escalera.run.task import Task


def choose_executor(
    executor: str, jobs: int | Literal["auto"] | None, devices: int
) -> tuple[Make, int | Literal["auto"], int]:
    """Who trains, how many are at work, and how many of them at each run: one alone where nothing is asked for.

    Raises EscaleraError where several runs at once and several devices for each are asked for.
    """
    began = launched()
    if began and devices not in (1, began[1]):
        raise EscaleraError(
            f"--devices {devices}: expected the number of processes that torchrun began, received {devices} beside "
            f"{began[1]}. Leave out --devices, or torchrun."
        )
    count = began[1] if began else devices
    if count == 1:
        return find(executor or ("serial" if jobs in (None, 1) else "processes")), jobs or "auto", 1
    if executor:
        raise EscaleraError(
            f"--cluster {executor}: expected either a cluster or several devices, received both. On a cluster each run "
            "has one."
        )
    if jobs not in (None, 1):
        raise EscaleraError(
            f"--jobs {jobs}: expected either --jobs or several devices, received both. Use --devices, where several "
            "processes compute one training, or --jobs, where each computes one of its own."
        )
    return find("together"), count, count


def check_devices(count: int, tasks: Sequence[Task]) -> None:
    """Raise EscaleraError where a training cannot be shared evenly among so many, and where there are fewer GPUs."""
    if count == 1:
        return
    on_gpu = choose_device(tasks[0].device).type == "cuda"
    if on_gpu and count > (there := gpus()):
        raise EscaleraError(
            f"--devices {count}: expected at most {there}, a GPU for each process, received {count}. "
            f"Use --devices {there}, or --device cpu."
        )
    for rung in [Rung.model_validate_json(text) for text in dict.fromkeys(task.rung for task in tasks)]:
        if rung.config.model.trains:
            _check(count, rung.name, rung.config.train, on_gpu=on_gpu)


def _check(count: int, name: str, train: Train, *, on_gpu: bool) -> None:
    """Raise EscaleraError unless processes can share the batches of a rung evenly."""
    if not train.exact and not on_gpu:
        raise EscaleraError(
            f"train.exact: expected true on a CPU, since SyncBatchNorm computes on GPUs alone, received false in the "
            f"rung '{name}'. Use --set train.exact=true --set train.shards={_next(count)}, or one process."
        )
    if not train.exact and train.batch_size % count:
        raise EscaleraError(
            f"--devices {count}: expected a divisor of train.batch_size, received batches of {train.batch_size} in the "
            f"rung '{name}'. Use another number of devices, or another batch size."
        )
    if train.exact and train.shards % count:
        raise EscaleraError(
            f"--devices {count}: expected a divisor of train.shards, by which a batch is shared, received shards: "
            f"{train.shards} in the rung '{name}'. Use --set train.shards={_next(count)}, which is a training of its "
            "own, whatever the number of devices."
        )


def _next(count: int) -> int:
    """The least power of two that is not less."""
    return 1 << (count - 1).bit_length()
