"""The order of the rows in an epoch, drawn by seed and epoch alone."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor


def order_of(labels: Tensor, seed: int, epoch: int, *, balanced: bool) -> Tensor:
    """The rows (N,) of an epoch by their labels (N,): each of them once, or `balanced`, as many of each class."""
    return evenly(labels.cpu(), seed, epoch) if balanced else shuffled(len(labels), seed, epoch)


def shuffled(rows: int, seed: int, epoch: int) -> Tensor:
    """The order (rows,) of an epoch."""
    return torch.randperm(rows, generator=torch.Generator().manual_seed(drawn_by(seed, epoch)))


def evenly(labels: Tensor, seed: int, epoch: int) -> Tensor:
    """As many rows as there are labels (N,), as many of each class that is there, in the order of an epoch.

    No row of a class comes again before all of the class have come; what is left out of a frequent class is drawn anew
    in every epoch.
    """
    generator = torch.Generator().manual_seed(drawn_by(seed, epoch))
    classes = torch.from_numpy(np.unique(labels.numpy()))
    share, left = divmod(len(labels), max(1, len(classes)))
    # One more for some classes, in every epoch others.
    more = torch.randperm(len(classes), generator=generator) < left
    taken = []
    for label, extra in zip(classes, more.tolist(), strict=True):
        rows, count = torch.nonzero(labels == label).flatten(), share + extra
        rounds = [rows[torch.randperm(len(rows), generator=generator)] for _ in range(-(-count // len(rows)))]
        taken.append(torch.cat(rounds)[:count] if rounds else rows[:0])
    found = torch.cat(taken) if taken else labels[:0]
    return found[torch.randperm(len(found), generator=generator)]


def drawn_by(*numbers: int | str) -> int:
    """The seed of what is drawn by these numbers, far from that of any others."""
    return int.from_bytes(hashlib.blake2b(repr(numbers).encode(), digest_size=8).digest(), "little")
