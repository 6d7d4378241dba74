"""The table of layers: what each one puts out and how many parameters it has, counted as Keras counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from escalera.models.inputs import blank
from escalera.models.network import Network


@dataclass(frozen=True)
class Layer:
    """One layer, with what no other has counted of its parameters; `trainable` is None for one without any.

    `output_shape` is that of one row; where its pictures are seen one by one, their number comes first.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int
    trainable: bool | None


@dataclass(frozen=True)
class Summary:
    """The layers in the order they run, and the totals."""

    layers: list[Layer]
    total: int
    trainable: int

    @property
    def non_trainable(self) -> int:
        """Frozen weights, and the running means and variances of batch norm."""
        return self.total - self.trainable

    def parameters(self) -> dict[str, int]:
        """The totals as run.json has them."""
        return {"total": self.total, "trainable": self.trainable, "non_trainable": self.non_trainable}

    def rows(self) -> list[dict[str, Any]]:
        """The layers as run.json has them."""
        return [asdict(layer) for layer in self.layers]


@dataclass(frozen=True)
class Stage:
    """Layers that follow each other and are named alike: `name` is what their names begin with."""

    name: str
    layers: list[Layer]

    @property
    def parameters(self) -> int:
        """What its layers have together."""
        return sum(layer.parameters for layer in self.layers)

    @property
    def frozen(self) -> bool:
        """Whether it has parameters, of which none is trained."""
        learns = {layer.trainable for layer in self.layers}
        return False in learns and True not in learns


def stages(layers: list[Layer], most: int = 30) -> list[Stage]:
    """The layers, each a stage; where there are more than `most`, joined as little as brings them down to that."""
    deepest = max((layer.name.count(".") for layer in layers), default=0) + 1
    for depth in range(deepest, 0, -1):
        groups = groupby(layers, key=lambda layer: layer.name.split(".")[:depth])
        found = [Stage(".".join(name), list(group)) for name, group in groups]
        if len(found) <= most:
            break
    return found


def summarise(network: Network, image_shape: tuple[int, int, int], attributes: int = 0) -> Summary:
    """Run one empty row, a picture (C, H, W) and so many attributes, through a network and note its layers."""
    layers: list[Layer] = []
    counted: set[int] = set()

    def note(name: str, module: nn.Module, output: Tensor) -> None:
        # The parts of a module have run before it: what is left is its own, or that of parts which it reads itself.
        left = [tensor for tensor in module.state_dict(keep_vars=True).values() if id(tensor) not in counted]
        if not left and not _is_layer(module):
            return
        counted.update(map(id, left))
        learns = [tensor.requires_grad for tensor in left if isinstance(tensor, nn.Parameter)]
        shape = tuple(output.shape[1:] if len(output) == 1 else output.shape)
        layers.append(Layer(name, type(module).__name__, shape, _count(left), any(learns) if learns else None))

    hooks = [
        module.register_forward_hook(lambda module, _, output, name=name: note(name, module, output))
        for name, module in network.named_modules()
    ]
    was_training = network.training
    device = next(network.parameters()).device
    try:
        with torch.no_grad():
            network.eval()(blank(image_shape, attributes, device))
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    trainable = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    return Summary(layers, _count(network.state_dict().values()), trainable)


def _is_layer(module: nn.Module) -> bool:
    """Whether it computes something itself, weights or not: those that have any are noted in any case."""
    return not any(module.children()) and not isinstance(module, nn.Identity)


def _count(saved: Iterable[Tensor]) -> int:
    # Batch norm also keeps a counter of batches, which Keras has not: of what is saved, only the numbers count.
    return sum(tensor.numel() for tensor in saved if tensor.is_floating_point())
