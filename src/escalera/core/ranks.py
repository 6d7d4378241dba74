"""The processes that compute one training together: this one's number among them, and what all of them hold."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escalera.core.errors import TrainingError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

PATIENCE = timedelta(hours=1)
"""How long one waits for the others in a sum; one that has ended is noticed at once."""
GLANCE = 0.02
"""Seconds between two looks at what the others say."""


class Ranks:
    """One process alone, which is the first of one."""

    rank = 0
    count = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes files and tells how it goes."""
        return self.rank == 0

    def gather(self, tensor: Tensor) -> Tensor:
        """A tensor of the same shape from each process, (count, ...), in their order."""
        return tensor.unsqueeze(0)

    def exchange(self, chunks: Tensor) -> Tensor:
        """Of `chunks` (count, ...) the n-th goes to the n-th process; what comes is in the order of the processes."""
        return chunks

    def meet(self) -> None:
        """Wait until all are here."""

    def close(self) -> None:
        """Part: whoever still waits for this process is told that it has gone."""


ALONE = Ranks()


class Group(Ranks):
    """Processes joined by torch.distributed, over gloo on CPUs and NCCL between GPUs; `store` is where they meet.

    What fails because another process has gone raises TrainingError.
    """

    def __init__(self, store: Any, rank: int, count: int, device: torch.device) -> None:
        from torch import distributed

        self.rank = rank
        self.count = count
        self._distributed = distributed
        backend = "gloo" if device.type == "cpu" else "cpu:gloo,cuda:nccl"
        distributed.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=PATIENCE)

    def gather(self, tensor: Tensor) -> Tensor:
        """Everybody has everybody's."""
        found = tensor.new_empty((self.count, *tensor.shape))
        try:
            self._distributed.all_gather(list(found.unbind()), tensor.contiguous())
        except RuntimeError as error:
            raise self._lost(error) from error
        return found

    def exchange(self, chunks: Tensor) -> Tensor:
        """Everybody has everybody's chunk for them."""
        found = chunks.new_empty(chunks.shape)
        try:
            self._distributed.all_to_all_single(found, chunks.contiguous())
        except RuntimeError as error:
            raise self._lost(error) from error
        return found

    def meet(self) -> None:
        """By a number from each."""
        import torch

        self.gather(torch.zeros(1))

    def close(self) -> None:
        """Leave the group, which is of no use to the others then."""
        self._distributed.destroy_process_group()

    def _lost(self, error: RuntimeError) -> TrainingError:
        return TrainingError(
            f"expected {self.count} processes to compute this training, and lost another one: "
            f"{str(error).splitlines()[0].split('] ')[-1].split(' [')[0]}. "
            "Type the command again: it goes on from the last epoch."
        )


class Meeting:
    """Where processes find one another: what one says under a key, the others hear; `store` is torch's."""

    def __init__(self, store: Any, rank: int, count: int) -> None:
        self.store = store
        self.rank = rank
        self.count = count

    def say(self, key: str, text: str) -> None:
        """Put a text under a key, once."""
        self.store.set(key, text)

    def hear(self, key: str, check: Callable[[], None] = lambda: None) -> str:
        """What stands under a key, once somebody has put it there; `check` may raise before."""
        while not self.store.check([key]):
            check()
            time.sleep(GLANCE)
        return str(self.store.get(key).decode())

    def group(self, name: str, device: torch.device) -> Group:
        """All of them joined under a name, once all have come."""
        from torch import distributed

        return Group(distributed.PrefixStore(name, self.store), self.rank, self.count, device)  # type: ignore[attr-defined]


def meeting_in(file: Path, rank: int, count: int) -> Meeting:
    """A meeting of processes of this machine, in a file: nothing listens on a network."""
    from torch import distributed

    return Meeting(distributed.FileStore(str(file), count), rank, count)  # type: ignore[attr-defined]


def meeting_of_launch() -> Meeting:
    """The meeting of the processes that torchrun began, as it says in the environment."""
    from torch.distributed.rendezvous import rendezvous

    store, rank, count = next(rendezvous("env://"))
    return Meeting(store, rank, count)


def launched() -> tuple[int, int] | None:
    """This process's number and how many there are, where torchrun began several; None where it did not."""
    names = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    found = [os.environ.get(name, "") for name in names]
    if not all(found) or not (found[0].isdecimal() and found[1].isdecimal()) or int(found[1]) < 2:
        return None
    return int(found[0]), int(found[1])
