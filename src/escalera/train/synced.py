"""A batch shared by GPUs for speed: DistributedDataParallel sums while it computes, SyncBatchNorm sees the whole batch.

To rounding it is the training of one process; the last bits depend on the number of GPUs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from escalera.core.ranks import Ranks
from escalera.data.order import drawn_by
from escalera.models.network import Network
from escalera.train.shards import Piece, Shards


class Synced(Shards):
    """A part of each batch for each of `ranks`, with draws of its own."""

    def __init__(self, seed: int, ranks: Ranks) -> None:
        super().__init__(ranks.count, seed, ranks)
        self.learning: list[nn.Parameter] = []

    def begin(self, epoch: int, network: nn.Module) -> nn.Module:
        """Wrap the network, anew where other weights learn than before: DDP sums those that learn when it is made."""
        self.epoch, self.batch = epoch, 0
        learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
        if list(map(id, learning)) != list(map(id, self.learning)):
            self.learning = learning
            self.wrapped = nn.parallel.DistributedDataParallel(network)
        return self.wrapped

    def apart(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """Each piece with its own draws; its gradient is summed on the way back."""
        for piece in pieces:
            torch.manual_seed(drawn_by(self.seed, self.epoch, self.batch, self.ranks.rank))
            yield piece
            self.batch += 1

    def together(self, rows: int, interrupted: bool) -> float | Tensor:
        """The rows of all by which to divide: DDP has taken the mean over the processes."""
        # On the CPU, so that no GPU waits for it.
        counts = self.ranks.gather(torch.tensor([rows, int(interrupted)])).sum(0).tolist()
        self.stopped = counts[1] > 0
        return float(counts[0] / self.count)


def synchronise(network: Network) -> None:
    """Have each batch norm of a network see the rows of all processes; what rests goes on resting."""
    from timm import layers

    names = {id(module): name for name, module in network.named_modules()}
    resting = [names[id(module)] for module in network.resting]
    for part in (network.body, network.head):
        # timm's knows its own layers of batch norm with an activation, which torch's would lose.
        layers.convert_sync_batchnorm(part)  # type: ignore[attr-defined, no-untyped-call]
    modules = dict(network.named_modules())
    network.resting = [modules[name] for name in resting]
    network.train(network.training)
