"""Late fusion: each branch answers by itself, and what its answer weighs is learned from rows of validation.

features  (N, D), those of the branches side by side; P branches, K classes
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from escalera.models.head import Head
from escalera.models.network import Network

ROUNDS = 200
"""Rounds of expectation and maximisation; the likelihood rises in each of them."""


class Answers(nn.Sequential):
    """From features side by side to what the branches say: each for itself in training, else together.

    Its layers stand side by side, one for each branch. Together it is the logarithm of the weighted mean of their
    probabilities; `weights` (P,) begin equal.
    """

    weights: Tensor

    def __init__(self, heads: Sequence[Head]) -> None:
        super().__init__()
        for head in heads:
            self.append(head.layers)
        self.widths = [head.inputs for head in heads]
        self.register_buffer("weights", torch.full((len(heads),), 1 / len(heads)))

    def forward(self, features: Tensor) -> Tensor:
        """(N, D) -> (P, N, K) in training, else (N, K)."""
        logits = self.apart(features)
        return logits if self.training else self.together(logits)

    def apart(self, features: Tensor) -> Tensor:
        """(N, D) -> the logits (P, N, K) of each branch."""
        parts = torch.split(features, self.widths, dim=1)
        return torch.stack([layers(part) for layers, part in zip(self, parts, strict=True)])

    def together(self, logits: Tensor) -> Tensor:
        """Logits (P, N, K) -> those of all together (N, K)."""
        return _mixed(logits.float().log_softmax(-1), self.weights)

    def weigh(self, logits: Tensor, labels: Tensor) -> None:
        """Learn the weights from the logits (P, N, K) for rows that nobody has learned from, and their labels (N,).

        They are those of the greatest likelihood, unless the best branch alone is right more often: then it has all.
        So on these rows no branch is right more often than all together.
        """
        known = logits.float().log_softmax(-1)
        own = known[:, torch.arange(len(labels), device=labels.device), labels].exp().clamp_min(1e-12)
        weights = torch.full_like(self.weights, 1 / len(own))
        for _ in range(ROUNDS):
            shares = weights[:, None] * own
            weights = (shares / shares.sum(0)).mean(1)
        right = (known.argmax(-1) == labels).sum(1)
        # Of branches that are right equally often the likelier.
        best = max(range(len(own)), key=lambda branch: (int(right[branch]), float(own[branch].log().sum())))
        if int((_mixed(known, weights).argmax(-1) == labels).sum()) < int(right[best]):
            weights = torch.zeros_like(weights)
            weights[best] = 1.0
        self.weights.copy_(weights)


class LateHead(Head):
    """A head for each branch, and what their answers weigh."""

    def __init__(self, heads: Sequence[Head]) -> None:
        nn.Module.__init__(self)
        self.pooling = nn.Flatten()
        self.inputs = sum(head.inputs for head in heads)
        self.layers = Answers(heads)


class Apart(nn.Module):
    """A network, or its `Answers` alone, that gives what each branch says: (N, P * K)."""

    def __init__(self, network: Network | Answers, answers: Answers) -> None:
        super().__init__()
        self.network = network
        self.answers = answers

    def forward(self, inputs: Tensor) -> Tensor:
        """What the network takes -> (N, P * K)."""
        features = self.network.features(inputs) if isinstance(self.network, Network) else inputs
        return self.answers.apart(features).transpose(0, 1).flatten(1)


def answers_of(network: nn.Module) -> Answers | None:
    """Where branches answer each for itself in a network or a head, else None."""
    return next((module for module in network.modules() if isinstance(module, Answers)), None)


def in_one(logits: Tensor) -> Tensor:
    """Logits (N, K) as they are; of several parts (P, N, K) the logarithm of their mean probabilities."""
    return logits if logits.ndim == 2 else logits.float().softmax(-1).mean(0).log()


def _mixed(known: Tensor, weights: Tensor) -> Tensor:
    """Log probabilities (P, N, K) -> those of their weighted mean (N, K)."""
    return (known + weights.clamp_min(1e-12).log()[:, None, None]).logsumexp(0)
