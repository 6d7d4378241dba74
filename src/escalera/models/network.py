"""The contract of every network: a feature map (N, C, H, W), pooled features (N, D) and logits (N, K)."""

from __future__ import annotations

from typing import Self

from torch import Tensor, nn

from escalera.models.head import Head


class Network(nn.Module):
    """A body that turns pictures (N, C, H, W) into a feature map, under a head that turns that into logits.

    Votes, fusion, transfer and explanations use these three methods and nothing else. The modules in `resting` stay in
    evaluation mode (see `freezing.py`).
    """

    def __init__(self, body: nn.Module, head: Head) -> None:
        super().__init__()
        self.body = body
        self.head = head
        self.resting: list[nn.Module] = []

    def train(self, mode: bool = True) -> Self:
        """Training mode for all that does not rest."""
        super().train(mode)
        for module in self.resting:
            module.eval()
        return self

    def feature_map(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C', H', W'); a network without a spatial map answers with one of 1x1."""
        features: Tensor = self.body(images)
        return features

    def features(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, D), pooled as the head pools."""
        return self.head.pool(self.feature_map(images))

    def forward(self, images: Tensor) -> Tensor:
        """(N, C, H, W) -> logits (N, K)."""
        logits: Tensor = self.head(self.feature_map(images))
        return logits
