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
    leaves = [module for module in body.modules() if not any(module.children())]
    weighted = [number for number, leaf in enumerate(leaves) if any(True for _ in leaf.parameters(recurse=False))]
    if last > len(weighted):
        raise ModelError(
            f"expected at most {len(weighted)} layers, as many as the body has with weights, received last: {last}. "
            "Take trainable: all for the whole body.",
            "trainable",
        )
    body.requires_grad_(False)
    first = weighted[-last] if last else len(leaves)
    for leaf in leaves[first:]:
        leaf.requires_grad_(True)
    _keep_fixed(network)
    # Where nothing learns the whole body rests, its containers too: some ask themselves whether they are in training.
    resting = leaves[:first] if last else [body]
    network.resting = [module for module in network.resting if module not in resting] + resting
    network.train(network.training)


def unfreeze(network: Network) -> None:
    """Let the whole body learn."""
    network.body.requires_grad_(True)
    _keep_fixed(network)
    network.resting = []
    network.train(network.training)


def _keep_fixed(network: Network) -> None:
    for parameter in network.fixed:
        parameter.requires_grad_(False)
