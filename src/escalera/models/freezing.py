"""Which layers of a body learn: the others take no gradient and stay in evaluation mode."""

from __future__ import annotations

from torch import nn

from escalera.core.errors import ModelError
from escalera.models.network import Network


def freeze(network: Network, body: nn.Module | None = None, *, last: int = 0) -> None:
    """Freeze the body, all of it or all but its last layers with weights; the head goes on learning.

    `body` is the branch of a network with several that is meant, None for the whole.
    A frozen batch norm keeps its running statistics, and a frozen dropout lets everything pass, during training too.
    Raises ModelError when the body has fewer layers with weights than `last`.
    """
    body = network.body if body is None else body
    layers = [module for module in body.modules() if _is_layer(module)]
    weighted = [number for number, layer in enumerate(layers) if _has_weights(layer)]
    if last > len(weighted):
        raise ModelError(
            f"expected at most {len(weighted)} layers, as many as the body has with weights, received last: {last}. "
            "Take trainable: all for the whole body.",
            "trainable",
        )
    body.requires_grad_(False)
    learning = set(layers[weighted[-last] :]) if last else set[nn.Module]()
    for layer in learning:
        layer.requires_grad_(True)
    _keep_fixed(network)
    # What no learning layer is part of rests, containers too: some ask themselves whether they are in training.
    resting = [module for module in body.modules() if learning.isdisjoint(module.modules())]
    network.resting = [module for module in network.resting if module not in resting] + resting
    network.train(network.training)


def unfreeze(network: Network) -> None:
    """Let the whole body learn."""
    network.body.requires_grad_(True)
    _keep_fixed(network)
    network.resting = []
    network.train(network.training)


def _is_layer(module: nn.Module) -> bool:
    """Whether it computes something itself: it has no parts, or has the weights of all of them.

    timm's batch norm has its activation as a part.
    """
    parts = list(module.children())
    return not parts or (_has_weights(module, recurse=False) and not any(map(_has_weights, parts)))


def _has_weights(module: nn.Module, *, recurse: bool = True) -> bool:
    return any(True for _ in module.parameters(recurse=recurse))


def _keep_fixed(network: Network) -> None:
    for parameter in network.fixed:
        parameter.requires_grad_(False)
