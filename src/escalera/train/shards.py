"""A batch in shards, each with draws, batch statistics and a gradient of its own; their sums in one fixed order.

A sum of floating-point numbers depends on its order. Here the order belongs to the shards and not to the processes
that compute them, so that weights come out with the same bits whatever the number of these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from escalera.core.ranks import ALONE, Ranks
from escalera.data.order import drawn_by

Piece = TypeVar("Piece")

LOOK_EVERY = 50
"""Steps between two looks at whether somebody asked to stop, on a GPU, where each look waits for the device."""
SMALL = 1 << 16
"""Numbers that are sent to everybody at once; more of them are cut, so that each process sums a part for all."""


class Whole:
    """A batch that is not cut, in one process: what the loop does where nobody asks for shards."""

    count = 1
    mine: Sequence[int] = (0,)
    """The numbers of the shards that this process computes."""

    def begin(self, epoch: int, network: nn.Module) -> nn.Module:
        """Prepare an epoch; gives what inputs go through, which trains the network."""
        return network

    def apart(self, pieces: Iterable[Piece]) -> Iterable[Piece]:
        """The pieces of a step; what is done with one of them knows nothing of the others."""
        return pieces

    def together(self, rows: int, interrupted: bool) -> float | Tensor:
        """Have each weight hold its gradient of all pieces, the same in every process; gives the rows of all."""
        return rows

    def ended(self, interrupted: bool) -> bool:
        """Whether the training ends for now: the same answer in every process."""
        return interrupted

    def in_order(self, values: Tensor) -> Tensor:
        """A number for each piece so far (n,), those of the other processes among them."""
        return values

    def total(self, counts: Tensor) -> Tensor:
        """The sum of whole numbers over the processes."""
        return counts


WHOLE = Whole()


class Shards(Whole):
    """`count` shards a batch, a power of two, of which each of `ranks` computes as many, in order.

    For each shard the global generator, from which dropout draws, is seeded by (seed, epoch, batch, shard); batch norm
    sees its rows alone (ghost batch norm, Hoffer et al. 2017), and begins with the running statistics as they were
    before the batch. Those after a step are the mean over the shards: since they move along a line, the same as if
    they had moved once towards the mean of the shards' statistics.
    """

    def __init__(self, count: int, seed: int, ranks: Ranks = ALONE) -> None:
        self.count = count
        self.seed = seed
        self.ranks = ranks
        here = count // ranks.count
        self.mine = range(ranks.rank * here, (ranks.rank + 1) * here)
        self.stopped = False
        self.steps = 0

    def begin(self, epoch: int, network: nn.Module) -> nn.Module:
        """Lay out a row for each shard: its gradient, its statistics, and two counts."""
        self.epoch, self.batch = epoch, 0
        self.parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        buffers = list(network.buffers())
        self.moving = [buffer for buffer in buffers if buffer.is_floating_point()]
        self.counters = [buffer for buffer in buffers if not buffer.is_floating_point()]
        tensors = [*self.parameters, *self.moving]
        like = tensors[0] if tensors else torch.zeros(())
        self.rows = like.new_zeros((len(self.mine), sum(tensor.numel() for tensor in tensors) + 2)).detach()
        self.gradients, self.statistics = zip(*map(self._views, self.rows), strict=True)
        for own in self.statistics:
            _copy(own, self.moving)
        return network

    def apart(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """Each piece with its own draws and statistics; its gradient is put aside when the next one is asked for."""
        for number, piece in enumerate(pieces):
            place = number % len(self.mine)
            if place == 0:
                before = [counter.clone() for counter in self.counters]
            _copy(self.counters, before)
            _copy(self.moving, self.statistics[place])
            torch.manual_seed(drawn_by(self.seed, self.epoch, self.batch, self.mine[place]))
            yield piece
            self._put_aside(place)
            self.batch += place == len(self.mine) - 1

    def together(self, rows: int, interrupted: bool) -> float | Tensor:
        """Sum what was put aside, and begin the next step with the mean of the statistics."""
        self.rows[0, -2], self.rows[0, -1] = rows, float(interrupted)
        total = self._over_ranks(tree_sum(self.rows))
        gradients, statistics = self._views(total)
        for parameter, gradient, learned in zip(self.parameters, gradients, self.learned, strict=True):
            parameter.grad = gradient if learned else None
        _copy(self.moving, [summed / self.count for summed in statistics])
        self.rows.zero_()
        for own in self.statistics:
            _copy(own, self.moving)
        self.steps += 1
        if total.device.type == "cpu" or self.steps % LOOK_EVERY == 0:
            self.stopped = bool(total[-1])
        return total[-2]

    def ended(self, interrupted: bool) -> bool:
        """As all of them know since the last sum, so that none waits for one that has gone."""
        return interrupted if self.ranks.count == 1 else self.stopped

    def in_order(self, values: Tensor) -> Tensor:
        """Batch after batch, in each the shards in order."""
        return self.ranks.gather(values.view(-1, len(self.mine))).transpose(0, 1).reshape(-1)

    def total(self, counts: Tensor) -> Tensor:
        """The sum over the processes."""
        return self.ranks.gather(counts).sum(0)

    def _views(self, row: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The parts of a row as gradients and as statistics, laid out in memory as the weights and buffers are."""
        found, start = [], row.storage_offset()
        for tensor in (*self.parameters, *self.moving):
            found.append(row.as_strided(tensor.size(), torch.empty_like(tensor).stride(), start))
            start += tensor.numel()
        return found[: len(self.parameters)], found[len(self.parameters) :]

    @torch.no_grad()
    def _put_aside(self, place: int) -> None:
        """Add the gradients of a piece to those of its shard."""
        self.learned = [parameter.grad is not None for parameter in self.parameters]
        pairs = [
            (own, parameter.grad)
            for own, parameter in zip(self.gradients[place], self.parameters, strict=True)
            if parameter.grad is not None
        ]
        torch._foreach_add_([own for own, _ in pairs], [gradient for _, gradient in pairs])
        for parameter in self.parameters:
            parameter.grad = None
        _copy(self.statistics[place], self.moving)

    def _over_ranks(self, row: Tensor) -> Tensor:
        """The sum of a row (n,) over all processes, which are the upper levels of the tree."""
        count = self.ranks.count
        if count == 1:
            return row
        if count == 2 or len(row) < SMALL:
            return tree_sum(self.ranks.gather(row))
        chunks = pad(row, (0, -len(row) % count)).view(count, -1)
        return self.ranks.gather(tree_sum(self.ranks.exchange(chunks))).view(-1)[: len(row)]


def tree_sum(rows: Tensor) -> Tensor:
    """The sum of rows (S, n), S a power of two, as a tree: neighbours first, then neighbouring pairs, and so on."""
    while len(rows) > 1:
        rows = rows[::2] + rows[1::2]
    return rows[0]


@torch.no_grad()
def _copy(into: Sequence[Tensor], of: Sequence[Tensor]) -> None:
    if into:
        torch._foreach_copy_(list(into), list(of))
