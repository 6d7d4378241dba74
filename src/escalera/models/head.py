"""The head: pooled features (N, D), hidden dense layers, and one logit per class (N, K)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from escalera.models.dropout import Dropout
from escalera.models.layers import dense, dense_stack


def pooling(pool: str) -> nn.Module:
    """What turns a feature map (N, C, H, W) into (N, D): `flatten` keeps all, `average` and `max` one a channel."""
    if pool == "flatten":
        return nn.Flatten()
    return nn.Sequential(nn.AdaptiveAvgPool2d(1) if pool == "average" else nn.AdaptiveMaxPool2d(1), nn.Flatten())


class Scale(nn.Module):
    """Multiplies by a constant: logits that start small learn by a larger rate (Jordan 2024, arXiv 2404.00498)."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, logits: Tensor) -> Tensor:
        """(N, K) -> (N, K)."""
        return logits * self.factor


class Output(NamedTuple):
    """The output layer: whether it has a bias, and what the logits are multiplied by."""

    bias: bool = True
    scale: float = 1.0


PLAIN = Output()


class Head(nn.Module):
    """From a feature map (N, C, H, W) of known shape to logits (N, K).

    `pool` flattens, averages or takes the maximum over H and W; `inputs` is the D that it leaves. `dropout` is a number
    (once, before the output layer) or a sequence with one number per hidden layer.
    """

    def __init__(
        self,
        map_shape: tuple[int, int, int],
        classes: int,
        *,
        pool: str = "flatten",
        widths: Sequence[int] = (),
        batch_norm: bool = False,
        dropout: float | Sequence[float] = 0.0,
        activation: str = "relu",
        output: Output = PLAIN,
    ) -> None:
        super().__init__()
        channels, height, width = map_shape
        self.pooling = pooling(pool)
        self.inputs = inputs = channels * height * width if pool == "flatten" else channels
        per_layer = [0.0] * len(widths) if isinstance(dropout, int | float) else list(dropout)
        layers, inputs = dense_stack(
            inputs, list(widths), activation=activation, batch_norm=batch_norm, dropout=per_layer
        )
        if isinstance(dropout, int | float) and dropout:
            layers.append(Dropout(dropout))
        layers.append(dense(inputs, classes, bias=output.bias))
        self.layers = nn.Sequential(*layers, *([] if output.scale == 1 else [Scale(output.scale)]))

    def pool(self, feature_map: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, D)."""
        # Keras flattens (N, H, W, C); the order of the features differs from ours, their number does not.
        pooled: Tensor = self.pooling(feature_map)
        return pooled

    def forward(self, feature_map: Tensor) -> Tensor:
        """(N, C, H, W) -> logits (N, K)."""
        logits: Tensor = self.layers(self.pool(feature_map))
        return logits
