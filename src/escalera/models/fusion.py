"""`fusion`: branches over the same row, their pooled features joined into one vector."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from escalera.models.inputs import Inputs, pictures_of
from escalera.models.table import Table
from escalera.models.tiles import ONE, Layout, apart, together


class Branch(nn.Module):
    """A body and how its feature map becomes a vector of `width`; of a `layout` the body sees each tile by itself."""

    def __init__(self, body: nn.Module, pooling: nn.Module, width: int, layout: Layout = ONE) -> None:
        super().__init__()
        self.body = body
        self.pooling = pooling
        self.width = width
        self.layout = layout

    @property
    def reads_attributes(self) -> bool:
        """Whether it looks at the attributes, and not at the picture."""
        return isinstance(self.body, Table)

    def map(self, inputs: Inputs) -> Tensor:
        """Pictures, with or without attributes -> the body's feature map (N, C, H, W)."""
        found: Tensor = self.body(inputs if self.reads_attributes else apart(pictures_of(inputs), self.layout))
        return together(found, self.layout)

    def forward(self, inputs: Inputs) -> Tensor:
        """Pictures, with or without attributes -> (N, D)."""
        features: Tensor = self.pooling(self.map(inputs))
        return features


class Fusion(nn.Module):
    """The branches in the order of their names' mapping; (N, D, 1, 1), D the sum of theirs."""

    def __init__(self, branches: Mapping[str, Branch]) -> None:
        super().__init__()
        self.branches = nn.ModuleDict(branches)

    def forward(self, inputs: Inputs) -> Tensor:
        """Pictures, with or without attributes -> (N, D, 1, 1)."""
        return torch.cat([branch(inputs) for branch in self.branches.values()], dim=1)[:, :, None, None]

    def maps(self, inputs: Inputs) -> list[Tensor]:
        """The feature map (N, C, H, W) of each branch."""
        return [branch.map(inputs) for branch in self.parts()]

    def branch(self, name: str) -> Branch:
        """The branch of that name."""
        found = self.branches[name]
        assert isinstance(found, Branch)
        return found

    def parts(self) -> list[Branch]:
        """The branches."""
        return [branch for branch in self.branches.values() if isinstance(branch, Branch)]
