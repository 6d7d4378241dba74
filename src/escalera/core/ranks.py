"""The processes that compute one training together: this one's number among them, and what all of them hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


class Ranks:
    """One process alone, which is the first of one."""

    rank = 0
    count = 1

    def gather(self, tensor: Tensor) -> Tensor:
        """A tensor of the same shape from each process, (count, ...), in their order."""
        return tensor.unsqueeze(0)

    def exchange(self, chunks: Tensor) -> Tensor:
        """Of `chunks` (count, ...) the n-th goes to the n-th process; what comes is in the order of the processes."""
        return chunks


ALONE = Ranks()
