"""The results of many batches in one tensor."""

from __future__ import annotations

import torch
from torch import Tensor


class Gathered:
    """Tensors (B, ...) laid one after the other in a single one, which doubles when it is full.

    A list of them would cost far more than they hold: each is made while a batch of pictures is in memory, and stays in
    the hole which that leaves, so that the next batch needs new memory. For a million pictures of 32x32 that was 11 GB.
    """

    def __init__(self): self.l=[]
    def add(self, r): self.l.append(r)
    def whole(self): return torch.cat(self.l)
