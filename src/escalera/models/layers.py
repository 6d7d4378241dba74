"""Layers as Keras makes them, because the reference figures were made with Keras's defaults."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from escalera.models.dropout import Dropout


class ReLU(nn.ReLU):
    """max(x, 0), which in training is written over x: nobody else reads it there, and memory is the step's limit."""

    def forward(self, values: Tensor) -> Tensor:
        """Any shape, which is kept."""
        return nn.functional.relu(values, inplace=self.training)


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.3),  # Keras's slope, not PyTorch's 0.01
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
}


def dense(inputs: int, outputs: int, *, bias: bool = True) -> nn.Linear:
    """A dense layer with Glorot-uniform weights and zero bias, or none."""
    layer = nn.Linear(inputs, outputs, bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def conv3x3(inputs: int, outputs: int, *, bias: bool = True) -> nn.Conv2d:
    """A 3x3 convolution that keeps height and width, with Glorot-uniform weights and zero bias, or none."""
    return conv(inputs, outputs, 3, bias=bias)


def conv(inputs: int, outputs: int, kernel: int, *, bias: bool = True) -> nn.Conv2d:
    """A square convolution that keeps height and width, with Glorot-uniform weights and zero bias, or none."""
    layer = nn.Conv2d(inputs, outputs, kernel_size=kernel, padding="same", bias=bias)
    nn.init.xavier_uniform_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


def dirac(body: nn.Module) -> None:
    """Have the first filters of each convolution that learns pass their channel on as it is.

    The identity initialisation of hlb-CIFAR10; filters beyond the number of channels are random, as PyTorch has them.
    """
    for module in body.modules():
        if isinstance(module, nn.Conv2d) and module.weight.requires_grad:
            nn.init.kaiming_uniform_(module.weight, a=5**0.5)
            nn.init.dirac_(module.weight.data[: module.in_channels])


def batch_norms(body: nn.Module, momentum: float, epsilon: float, scale: bool) -> None:
    """Give the batch norms of a body a momentum, in Keras's sense, and an epsilon; without `scale` theirs stays 1."""
    for module in body.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum, module.eps = 1 - momentum, epsilon
            module.weight.requires_grad_(scale)


def conv_1d(inputs: int, outputs: int, kernel: int) -> nn.Conv1d:
    """A 1-D convolution that keeps the length, with Glorot-uniform weights and zero bias."""
    layer = nn.Conv1d(inputs, outputs, kernel_size=kernel, padding="same")
    nn.init.xavier_uniform_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def batch_norm_2d(width: int) -> nn.BatchNorm2d:
    """Batch norm over (N, C, H, W): epsilon 1e-3, momentum 0.99 in Keras's sense."""
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


def batch_norm_1d(width: int) -> nn.BatchNorm1d:
    """Batch norm over (N, D) or (N, D, L): epsilon 1e-3, momentum 0.99 in Keras's sense."""
    return nn.BatchNorm1d(width, eps=1e-3, momentum=0.01)


def dense_stack(
    inputs: int, widths: list[int], *, activation: str, batch_norm: bool, dropout: list[float]
) -> tuple[list[nn.Module], int]:
    """Dense layers, each with its activation, then batch norm, then dropout; and the width that comes out."""
    layers: list[nn.Module] = []
    for width, share in zip(widths, dropout, strict=True):
        layers += [dense(inputs, width), ACTIVATIONS[activation]()]
        if batch_norm:
            layers.append(batch_norm_1d(width))
        if share:
            layers.append(Dropout(share))
        inputs = width
    return layers, inputs
