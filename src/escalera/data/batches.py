"""Batches for training and for evaluation: slices of one array, the same again for the same seed, epoch and step.

images  (N, H, W, C) uint8, perhaps memory-mapped
x       (B, C, H, W) float32, channels last, in [0, 1] or standardised
y       (B,) int64
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from escalera.data.augment import Augment

_ON_DEVICE = 0.25
"""The pictures move to a GPU once if they take less than this share of its free memory; the rest is the network's."""


class Batches:
    """The rows of a split as batches on a device.

    With `shuffle`, for training: the order is drawn by (seed, epoch) and the augmentation by (seed, epoch, step), so
    that a run taken up again sees what it would have seen; a last batch of one picture is skipped, since batch norm
    cannot be trained on a single row. Without, for evaluation: all rows, in order.
    `mean` and `std` per channel standardise the pixels, in [0, 1] until then.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        rows: NDArray[np.int64],
        *,
        batch_size: int,
        device: torch.device | str = "cpu",
        shuffle: bool = False,
        seed: int = 0,
        augment: Augment | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
    ) -> None:
        self.batch_size = batch_size
        self.device = torch.device(device)
        self.shuffle = shuffle
        self.seed = seed
        self.augment = augment
        self._shape = images.shape[1:]
        self._pixels = _tensor(images).view(len(images), -1)
        self._rows = torch.from_numpy(rows)
        self._labels = torch.from_numpy(labels[rows]).to(self.device)
        if (
            self.device.type == "cuda"
            and len(rows) * self._pixels.shape[1] < _ON_DEVICE * torch.cuda.mem_get_info(self.device)[0]
        ):
            self._pixels = self._pixels.index_select(0, self._rows).to(self.device)
            self._rows = torch.arange(len(rows), device=self.device)
        self._scale: Tensor | float = 1 / 255
        self._bias: Tensor | None = None
        if mean is not None and std is not None:
            # As long as a picture: one product and one sum along contiguous rows, three times as fast as per channel.
            deviation = torch.tensor(std).repeat(self._shape[0] * self._shape[1])
            self._scale = (1 / (255 * deviation)).to(self.device)
            self._bias = (-torch.tensor(mean).repeat(self._shape[0] * self._shape[1]) / deviation).to(self.device)

    @property
    def images_per_epoch(self) -> int:
        """How many pictures an epoch gives."""
        count = len(self._rows)
        return count - 1 if self.shuffle and count % self.batch_size == 1 else count

    def __len__(self) -> int:
        """Steps of an epoch."""
        return -(-self.images_per_epoch // self.batch_size)

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches (x, y) of an epoch, the same whatever was asked for before."""
        rows, labels = self._rows, self._labels
        generator = torch.Generator()
        if self.shuffle:
            order = torch.randperm(len(rows), generator=generator.manual_seed(_seed(self.seed, number)))
            rows = rows[order.to(rows.device)]
            labels = labels[order.to(labels.device)]
        for step, index in enumerate(torch.split(rows[: self.images_per_epoch], self.batch_size)):
            x = self._gather(index)
            if self.augment is not None:
                x = self.augment(x, generator.manual_seed(_seed(self.seed, number, step)))
            start = step * self.batch_size
            yield x, labels[start : start + len(index)]

    def _gather(self, index: Tensor) -> Tensor:
        """Pictures by row, (B, C, H, W) float32, channels last, on the device."""
        pixels = self._pixels.index_select(0, index)
        if pixels.device != self.device:
            pixels = (pixels.pin_memory() if self.device.type == "cuda" else pixels).to(self.device, non_blocking=True)
        x = pixels.to(torch.float32).mul_(self._scale)
        if self._bias is not None:
            # Augmentation comes after: its weights sum to one, so that it gives the same on either side of this.
            x = x.add_(self._bias)
        return x.view(-1, *self._shape).permute(0, 3, 1, 2)


def _seed(*numbers: int) -> int:
    return int.from_bytes(hashlib.blake2b(repr(numbers).encode(), digest_size=8).digest(), "little")


def _tensor(array: NDArray[Any]) -> Tensor:
    if array.flags.writeable:
        return torch.from_numpy(array)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that writing would be undefined; nothing here writes
        return torch.from_numpy(array)
