"""Batches for training and for evaluation: slices of one array, the same again for the same seed, epoch and step.

images  (N, H, W, C) uint8, perhaps memory-mapped
x       (B, C, H, W) float32, channels last, in [0, 1] or standardised; with attributes the pair (pictures, attributes)
attributes  (N, A) float32, whole; (B, A) in a batch
y       (B,) int64, or (B, K) float32 where pictures are mixed
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from escalera.data.augment.mixup import Mix
from escalera.data.order import drawn_by, order_of
from escalera.data.rows import Rows

Change = Callable[[Tensor, torch.Generator], Tensor]
"""A random change of pictures (B, C, H, W), drawn from the generator alone."""

_ON_DEVICE = 0.25
"""The pictures move to a GPU once if they take less than this share of its free memory; the rest is the network's."""

_PART = 64_000_000
"""Bytes that are moved to a GPU together."""


@dataclass(frozen=True, eq=False)
class Treatment:
    """What becomes of pictures on their way into a batch, and what joins them there.

    `mean` and `std` per channel standardise the pixels, in [0, 1] until then; `augment` changes each picture, in its
    order; `mix` blends pictures and labels in pairs; `attributes` (N, A) are for batches without `mix`. Each of the
    `shards` of a batch is changed and mixed by itself. `balanced`: where rows are shuffled, an epoch has
    as many of each class. With `mirror` each picture is mirrored in every other epoch, half of them in the first
    (Jordan 2024, arXiv 2404.00498, section 3.6); `drop_last` leaves out a last short batch. `resize` gives pictures
    the size of an epoch, once they are changed.
    """

    augment: Sequence[Change] = ()
    mix: Mix | None = None
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None
    attributes: NDArray[np.float32] | None = None
    shards: int = 1
    balanced: bool = False
    mirror: Callable[[Tensor], Tensor] | None = None
    drop_last: bool = False
    resize: Callable[[Tensor, int], Tensor] | None = None


AS_THEY_ARE = Treatment()


def evaluation_batch(images: NDArray[np.uint8], device: torch.device) -> int:
    """Rows of `images` that a network answers at once: on a CPU so few that a layer's output is still in the cache.

    Of pictures of 32x32 the CNN of 849,066 parameters answers 64 at once 1.7 times as fast as 256, in glibc's default.
    """
    if device.type != "cpu":
        return 256
    pixels = int(np.prod(images.shape[1:3]))
    return max(16, min(256, 2**16 // pixels))


class Batches:
    """The rows of a split as batches on a device.

    With `shuffle`, for training: the order is drawn by (seed, epoch) and the augmentation by (seed, epoch, step) and
    shard, so that a run taken up again sees what it would have seen; a last batch that has not two pictures for each
    shard is skipped, since batch norm cannot be trained on a single row. Without, for evaluation: all rows, in order.
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
        treatment: Treatment = AS_THEY_ARE,
    ) -> None:
        self.batch_size = batch_size
        self.device = torch.device(device)
        self.shuffle = shuffle
        self.seed = seed
        self.changes = list(treatment.augment)
        self.mix = treatment.mix
        self.shards = treatment.shards
        self.balanced = treatment.balanced
        self.drop_last = treatment.drop_last
        self.mirror = treatment.mirror
        self.resize = treatment.resize
        self._shape = images.shape[1:]
        self._source = Rows(images)
        self._pixels: Tensor | None = None
        self._rows = torch.from_numpy(rows)
        self._labels = torch.from_numpy(labels[rows]).to(self.device)
        self._attributes: Tensor | None = None
        if treatment.attributes is not None:
            self._attributes = torch.from_numpy(treatment.attributes[rows]).to(self.device)
        if (
            self.device.type == "cuda"
            and len(rows) * images[:1].size < _ON_DEVICE * torch.cuda.mem_get_info(self.device)[0]
        ):
            self._pixels = _moved(self._source, rows, images[:1].size, self.device)
            self._rows = torch.arange(len(rows), device=self.device)
        self._scale: Tensor | float = 1 / 255
        self._bias: Tensor | None = None
        if treatment.mean is not None and treatment.std is not None:
            # As long as a picture: one product and one sum along contiguous rows, three times as fast as per channel.
            pixels = self._shape[0] * self._shape[1]
            deviation = torch.tensor(treatment.std).repeat(pixels)
            self._scale = (1 / (255 * deviation)).to(self.device)
            self._bias = (-torch.tensor(treatment.mean).repeat(pixels) / deviation).to(self.device)

    @property
    def images_per_epoch(self) -> int:
        """How many pictures an epoch gives."""
        count = len(self._rows)
        return trained_on(count, self.batch_size, self.shards, self.drop_last) if self.shuffle else count

    def __len__(self) -> int:
        """Steps of an epoch."""
        return -(-self.images_per_epoch // self.batch_size)

    def epoch(
        self, number: int, mine: Sequence[int] | None = None
    ) -> Iterator[tuple[Tensor | tuple[Tensor, Tensor], Tensor]]:
        """The batches (x, y) of an epoch, shard by shard, the same whatever was asked for before.

        `mine` are the numbers of the shards that are asked for; None: all of them.
        """
        rows, labels, attributes = self._rows, self._labels, self._attributes
        generator = torch.Generator()
        flips = self._flips(number)
        if self.shuffle:
            order = order_of(labels, self.seed, number, balanced=self.balanced)
            rows = rows[order.to(rows.device)]
            labels = labels[order.to(labels.device)]
            flips = None if flips is None else flips[order.to(flips.device)]
            attributes = None if attributes is None else attributes[order.to(attributes.device)]
        for step, shard, place in places(self.images_per_epoch, self.batch_size, self.shards, mine):
            x, y = self._gather(rows[place]), labels[place]
            generator.manual_seed(drawn_by(self.seed, number, step, *([shard] if self.shards > 1 else [])))
            if flips is not None and self.mirror is not None:
                x = torch.where(flips[place].view(-1, 1, 1, 1), self.mirror(x), x)
            for change in self.changes:
                x = change(x, generator)
            if self.resize is not None:
                x = self.resize(x, number)
            if attributes is not None:
                yield (x, attributes[place]), y
            else:
                yield (x, y) if self.mix is None else self.mix(x, y, generator)

    def _flips(self, epoch: int) -> Tensor | None:
        """Which rows (N,) are mirrored in an epoch: those that were not in the one before."""
        if self.mirror is None:
            return None
        generator = torch.Generator().manual_seed(drawn_by(self.seed, "flip"))
        first = torch.randint(2, (len(self._rows),), generator=generator)
        return ((first + epoch) % 2 == 0).to(self.device)

    def _gather(self, index: Tensor) -> Tensor:
        """Pictures by row, (B, C, H, W) float32, channels last, on the device."""
        if self._pixels is not None:
            pixels = self._pixels.index_select(0, index)
        else:
            pixels = torch.from_numpy(self._source.take(index.numpy()))
            if self.device.type == "cuda":
                pixels = pixels.pin_memory().to(self.device, non_blocking=True)
        x = pixels.to(torch.float32).mul_(self._scale)
        if self._bias is not None:
            # Augmentation comes after: its weights sum to one, so that it gives the same on either side of this.
            x = x.add_(self._bias)
        return x.view(-1, *self._shape).permute(0, 3, 1, 2)


def places(
    rows: int, size: int, shards: int = 1, mine: Sequence[int] | None = None
) -> Iterator[tuple[int, int, slice]]:
    """Batch, shard and rows of each shard, in order; those of one batch differ by one row at the most.

    A batch has `size` rows, the last one what is left; `mine` are the shards that are asked for, None: all of them.
    """
    for batch, first in enumerate(range(0, rows, size)):
        count = min(size, rows - first)
        for shard in range(shards) if mine is None else mine:
            yield batch, shard, slice(first + shard * count // shards, first + (shard + 1) * count // shards)


def trained_on(rows: int, size: int, shards: int = 1, drop_last: bool = False) -> int:
    """How many rows an epoch learns from: without a last batch that has not two for each shard.

    With `drop_last` without any that is short, unless there is no other.
    """
    left = rows % size
    return rows - left if left < 2 * shards or (drop_last and rows >= size) else rows


def _moved(source: Rows, rows: NDArray[np.int64], size: int, device: torch.device) -> Tensor:
    """Some rows on a device, (n, size) uint8, without a second copy of all in the memory of the machine."""
    there = torch.empty((len(rows), size), dtype=torch.uint8, device=device)
    step = max(1, _PART // size)
    for start in range(0, len(rows), step):
        there[start : start + step] = torch.from_numpy(source.take(rows[start : start + step])).to(device)
    return there
