"""The results of many batches in one tensor."""

from __future__ import annotations

import torch
from torch import Tensor


class Gathered:
    """Tensors (B, ...) laid one after the other in a single one, which doubles when it is full.

    A list of them would cost far more than they hold: each is made while a batch of pictures is in memory, and stays in
    the hole which that leaves, so that the next batch needs new memory. For a million pictures of 32x32 that was 11 GB.
    """

    def __init__(self) -> None:
        self._room: Tensor | None = None
        self._filled = 0

    def add(self, rows: Tensor) -> None:
        """Copy the rows of a batch behind those that are here."""
        end = self._filled + len(rows)
        if self._room is None:
            self._room = torch.empty_like(rows)
        if end > len(self._room):
            room = self._room.new_empty((2 * end, *rows.shape[1:]))
            room[: self._filled] = self._room[: self._filled]
            self._room = room
        self._room[self._filled : end] = rows
        self._filled = end

    def whole(self) -> Tensor:
        """All rows, (N, ...); raises ValueError when there were none."""
        if self._room is None:
            raise ValueError("expected at least one batch, received none")
        return self._room[: self._filled]
