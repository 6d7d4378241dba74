"""The contract of every network: a feature map (N, C, H, W), pooled features (N, D) and logits (N, K).

inputs  pictures (N, C, H, W), or the pair of these and the attributes (N, A) of their rows
"""

from __future__ import annotations

from typing import Self

from torch import Tensor, nn

from escalera.models.fusion import Branch, Fusion
from escalera.models.head import Head
from escalera.models.inputs import Inputs, pictures_of
from escalera.models.tiles import ONE, Layout, apart, together


class Network(nn.Module):
    """A body that turns its inputs into a feature map, under a head that turns that into logits.

    Votes, fusion, transfer and explanations use these three methods and nothing else. The modules in `resting` stay in
    evaluation mode (see `freezing.py`). Of pictures with a `layout` the body sees each tile by itself, and its maps are
    laid side by side as the tiles were. What is `fixed` never learns, whatever is frozen or not.
    """

    def __init__(self, body: nn.Module, head: Head, layout: Layout = ONE) -> None:
        super().__init__()
        self.body = body
        self.head = head
        self.layout = layout
        self.resting: list[nn.Module] = []
        self.fixed = [parameter for parameter in body.parameters() if not parameter.requires_grad]

    @property
    def parts(self) -> list[Branch | Network]:
        """What looks at the inputs, each with a body and a layout: a fusion's branches, else the network itself."""
        return [*self.body.parts()] if isinstance(self.body, Fusion) else [self]

    def branch(self, name: str) -> Branch:
        """The branch of a fusion by its name."""
        assert isinstance(self.body, Fusion)
        return self.body.branch(name)

    def train(self, mode: bool = True) -> Self:
        """Training mode for all that does not rest."""
        super().train(mode)
        for module in self.resting:
            module.eval()
        return self

    def feature_map(self, inputs: Inputs) -> Tensor:
        """Inputs -> (N, C', H', W'); a network without a spatial map answers with one of 1x1."""
        features: Tensor = self.body(inputs if self.layout == ONE else apart(pictures_of(inputs), self.layout))
        return together(features, self.layout)

    def features(self, inputs: Inputs) -> Tensor:
        """Inputs -> (N, D), pooled as the head pools."""
        return self.head.pool(self.feature_map(inputs))

    def forward(self, inputs: Inputs) -> Tensor:
        """Inputs -> logits (N, K)."""
        logits: Tensor = self.head(self.feature_map(inputs))
        return logits
