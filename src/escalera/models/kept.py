"""A fusion of which some branches need not run: their features stand beside the attributes of each row.

inputs  pictures (N, C, H, W), and beside them (N, A + F): the attributes, then the features that are kept
"""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor

from escalera.models.fusion import Branch, Fusion
from escalera.models.inputs import Inputs
from escalera.models.network import Network


class Kept(Branch):
    """A branch whose features are columns of what stands beside the picture."""

    def __init__(self, branch: Branch, first: int) -> None:
        super().__init__(branch.body, branch.pooling, branch.width, branch.layout)
        self.first = first

    def forward(self, inputs: Inputs) -> Tensor:
        """(pictures, beside) -> (N, D)."""
        return inputs[1][:, self.first : self.first + self.width]


class Running(Branch):
    """A branch that runs, and sees the attributes alone of what stands beside the picture."""

    def __init__(self, branch: Branch, attributes: int) -> None:
        super().__init__(branch.body, branch.pooling, branch.width, branch.layout)
        self.attributes = attributes

    def map(self, inputs: Inputs) -> Tensor:
        """(pictures, beside) -> the body's feature map (N, C, H, W)."""
        return super().map((inputs[0], inputs[1][:, : self.attributes]))


def with_kept(network: Network, names: Collection[str], attributes: int) -> Network:
    """The same network, weight by weight and name by name, which is given the features of some branches.

    They stand behind so many `attributes`, in the order of the branches.
    """
    assert isinstance(network.body, Fusion)
    branches: dict[str, Branch] = {}
    first = attributes
    for name in network.body.branches:
        branch = network.branch(name)
        if name in names:
            branches[name] = Kept(branch, first)
            first += branch.width
        else:
            branches[name] = Running(branch, attributes)
    made = Network(Fusion(branches), network.head, network.layout)
    made.resting = network.resting
    return made.train(network.training)
