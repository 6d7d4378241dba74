"""Batches of features in place of pictures, for a body that would give the same ones in every epoch.

features (N, D) float32
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from escalera.data.batches import shuffled


class FeatureBatches:
    """Features and labels of all rows as batches, in the very order in which `Batches` gives the pictures.

    With `shuffle` the order is drawn by (seed, epoch), and a last batch of one row is skipped; without, it is all rows
    in order.
    """

    def __init__(
        self, features: Tensor, labels: Tensor, *, batch_size: int, shuffle: bool = False, seed: int = 0
    ) -> None:
        self.features = features
        self.labels = labels
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.device = features.device

    def __len__(self) -> int:
        """Steps of an epoch."""
        count = len(self.labels)
        return -(-(count - (self.shuffle and count % self.batch_size == 1)) // self.batch_size)

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches (x, y) of an epoch: (B, D) and (B,)."""
        features, labels = self.features, self.labels
        if self.shuffle:
            order = shuffled(len(labels), self.seed, number).to(self.device)
            features, labels = features[order], labels[order]
        for step in range(len(self)):
            rows = slice(step * self.batch_size, (step + 1) * self.batch_size)
            yield features[rows], labels[rows]
