"""Rows that several processes evaluate: whole batches, dealt out in turn, and the results in the order of the rows.

A batch stays whole because the last bits of a prediction may depend on the rows beside it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from escalera.core.ranks import Ranks


def share(rows: NDArray[np.int64], size: int, ranks: Ranks) -> NDArray[np.int64]:
    """The rows (n,) of the batches of `size` that are this process's."""
    if ranks.count == 1:
        return rows
    batches = [rows[start : start + size] for start in range(0, len(rows), size)]
    return np.concatenate([rows[:0], *batches[ranks.rank :: ranks.count]])


def collect(own: Tensor, rows: int, size: int, ranks: Ranks) -> Tensor:
    """What all processes found for their shares of so many rows, (rows, ...), where `own` (n, ...) is this one's."""
    if ranks.count == 1:
        return own
    rounds = -(-rows // (size * ranks.count))
    room = own.new_zeros((rounds * size, *own.shape[1:]))
    room[: len(own)] = own
    found = ranks.gather(room.view(rounds, size, *own.shape[1:])).transpose(0, 1)
    return found.reshape(-1, *own.shape[1:])[:rows]
