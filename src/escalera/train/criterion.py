"""The loss that is minimised: cross-entropy or focal loss, each row weighted by its class.

B rows, K classes, P branches that answer each for itself
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

SMALLEST = 1e-7
"""What a probability of being wrong is taken for at the least: the slope of its power at 0 may be infinite."""


@dataclass(frozen=True, eq=False)
class Criterion:
    """The mean over rows of cross-entropy, or of focal loss where `gamma` is above 0.

    Focal loss (Lin et al. 2017, arXiv 1708.02002) multiplies the loss of a row by (1 - p) ** gamma, p the probability
    of its class, so that what is easy counts for little; of smoothed or mixed labels each share is taken by itself.
    `weights` (K,) multiply the rows of each class. The mean is over rows and not over weights: parts of a batch then
    add up to the whole.
    """

    smoothing: float = 0.0
    gamma: float = 0.0
    weights: Tensor | None = None

    def __call__(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of logits (B, K), or the mean of those of (P, B, K); labels are (B,), or shares (B, K)."""
        if logits.ndim == 2:
            return self._mean(logits.float(), labels)
        return torch.stack([self._mean(part.float(), labels) for part in logits]).mean()

    def _mean(self, logits: Tensor, labels: Tensor) -> Tensor:
        if self.weights is None and not self.gamma:
            return cross_entropy(logits, labels, label_smoothing=self.smoothing)
        losses = self._focal(logits, labels) if self.gamma else self._plain(logits, labels)
        if self.weights is not None:
            losses = losses * (self.weights[labels] if labels.ndim == 1 else labels @ self.weights)
        return losses.mean()

    def _plain(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy (B,)."""
        return cross_entropy(logits, labels, label_smoothing=self.smoothing, reduction="none")

    def _focal(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Focal loss (B,)."""
        classes = logits.shape[1]
        shares = one_hot(labels, classes).float() if labels.ndim == 1 else labels
        shares = shares * (1 - self.smoothing) + self.smoothing / classes
        known = logits.log_softmax(1)
        wrong = (-torch.expm1(known)).clamp_min(SMALLEST)
        return -(shares * wrong**self.gamma * known).sum(1)


PLAIN = Criterion()


def class_weights(counts: Tensor, given: dict[int, float] | None = None) -> Tensor:
    """What the rows of each class weigh (K,), from how many rows it has (K,); the mean over all rows is 1.

    Balanced, so that all classes together weigh alike (King and Zeng 2001, as in scikit-learn); or `given` by class
    number, those that are not named weigh 1 before the mean is taken. A class without rows weighs as if it had one.
    """
    counts = counts.double()
    weights = 1 / counts.clamp_min(1)
    if given is not None:
        weights = torch.ones_like(counts)
        for number, weight in given.items():
            weights[number] = weight
    return (weights * counts.sum() / (weights * counts).sum()).float()
