"""Batches of features in place of pictures, for a body that would give the same ones in every epoch.

features (N, D) float32
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor

from escalera.data.batches import places, trained_on
from escalera.data.order import order_of

FEATURES_AT_ONCE = 256
"""Rows of features that a head answers at once."""


class FeatureBatches:
    """Features and labels of all rows as batches, in the very order in which `Batches` gives the pictures.

    With `shuffle` the order is drawn by (seed, epoch), and a last batch that has not two rows for each of the `shards`
    is skipped, with `drop_last` any that is short; without, it is all rows in order. `balanced`: an epoch has as many
    rows of each class.
    """

    def __init__(
        self,
        features: Tensor,
        labels: Tensor,
        *,
        batch_size: int,
        shuffle: bool = False,
        seed: int = 0,
        shards: int = 1,
        balanced: bool = False,
        drop_last: bool = False,
    ) -> None:
        self.features = features
        self.labels = labels
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.shards = shards
        self.balanced = balanced
        self.drop_last = drop_last
        self.device = features.device

    def __len__(self) -> int:
        """Steps of an epoch."""
        return -(-self._rows // self.batch_size)

    @property
    def _rows(self) -> int:
        count = len(self.labels)
        return trained_on(count, self.batch_size, self.shards, self.drop_last) if self.shuffle else count

    def epoch(self, number: int, mine: Sequence[int] | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches (x, y) of an epoch, shard by shard: (B, D) and (B,); `mine` are the shards, None: all of them."""
        features, labels = self.features, self.labels
        if self.shuffle:
            order = order_of(labels, self.seed, number, balanced=self.balanced).to(self.device)
            features, labels = features[order], labels[order]
        for _, _, place in places(self._rows, self.batch_size, self.shards, mine):
            yield features[place], labels[place]
