"""`table`: dense layers over the attributes of a row.

attributes  (N, A) float32
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from escalera.core.errors import ModelError
from escalera.models.inputs import Inputs
from escalera.models.layers import dense_stack


class Table(nn.Module):
    """The attributes of the inputs, through dense layers, as a map (N, D, 1, 1); the pictures are left aside."""

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, inputs: Inputs) -> Tensor:
        """(pictures, attributes (N, A)) -> (N, D, 1, 1)."""
        features: Tensor = self.layers(inputs[1])
        return features


def table(
    attributes: int | None,
    dense: Sequence[int],
    *,
    batch_norm: bool = False,
    dropout: float | Sequence[float] = 0.0,
    activation: str = "relu",
) -> tuple[Table, tuple[int, int, int]]:
    """The body over `attributes` numbers, and the shape (D, 1, 1) of its feature map; `dropout` as `mlp` has it.

    Raises ModelError where there are none.
    """
    if not attributes:
        raise ModelError("a table learns from the attributes of a row, and the source has pictures alone", "kind")
    per_layer = [dropout] * len(dense) if isinstance(dropout, int | float) else list(dropout)
    layers, outputs = dense_stack(
        attributes, list(dense), activation=activation, batch_norm=batch_norm, dropout=per_layer
    )
    return Table(nn.Sequential(*layers, nn.Unflatten(1, (outputs, 1, 1)))), (outputs, 1, 1)
