"""Features standardised, and reduced to principal components where asked for, by what train's rows teach.

features  (N, D) float32, in parts
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from escalera.core.errors import RunError
from escalera.core.files import CURE

STEP = 2.0**-10
"""To which a standardised feature is rounded: its last bits depend on how many rows are asked together, and where
many rows have one value, as those with an empty corner, a tree would cut between two roundings of it."""
_NOISE = 2e-6
"""The deviation of a feature, as a share of its mean, that rounding alone may give it."""


@dataclass(frozen=True)
class Preparation:
    """The mean and deviation (D,) of each feature, and the components (P, D) of the standardised ones, or None.

    `step` is what they are rounded to; None in runs from before it was.
    """

    mean: Tensor
    deviation: Tensor
    components: Tensor | None
    step: Tensor | None = None

    def __call__(self, features: Tensor) -> NDArray[np.float32]:
        """(N, D) -> (N, D), or (N, P)."""
        return np.ascontiguousarray(self.prepared(features).numpy())

    def prepared(self, features: Tensor) -> Tensor:
        """The same as a tensor."""
        scaled = (features - self.mean) / self.deviation
        reduced = scaled if self.components is None else scaled @ self.components.T
        return reduced if self.step is None else (reduced / self.step).round() * self.step

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name."""
        named = {"mean": self.mean, "deviation": self.deviation, "components": self.components, "step": self.step}
        return {name: tensor for name, tensor in named.items() if tensor is not None}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Preparation:
        """The same again; raises RunError for tensors of another kind."""
        try:
            return cls(tensors["mean"], tensors["deviation"], tensors.get("components"), tensors.get("step"))
        except KeyError as error:
            raise RunError(f"the preparation has no {error}. {CURE}") from None


def fit(parts: Iterable[Tensor], components: int | None) -> Preparation:
    """Fit on the features of train, read once and never all in memory.

    The components are the eigenvectors of the covariance with the largest eigenvalues, as scikit-learn's
    PCA(svd_solver="covariance_eigh") has them: the one exact way that needs a single pass.
    """
    count, total, squares, products = 0, torch.zeros(0), torch.zeros(0), torch.zeros(0)
    origin = torch.zeros(0)
    for part in parts:
        wide = part.double()
        if not count:
            total, squares = (torch.zeros(wide.shape[1], dtype=torch.float64) for _ in range(2))
            origin = part.mean(0)
            products = torch.zeros(wide.shape[1], wide.shape[1], dtype=torch.float64) if components else products
        count += len(wide)
        total += wide.sum(0)
        squares += wide.square().sum(0)
        if components:
            # In single precision a product of matrices is twice as fast; the sums over parts are in double. From about
            # their mean, since a large one would leave no digits for what features differ in.
            near = part - origin
            products += (near.T @ near).double()
    mean = total / count
    variance = (squares / count - mean.square()).clamp(min=0)
    # A feature that never changes has nothing to say, whatever it is divided by.
    least = (_NOISE * mean).square().clamp(min=1e-12)
    deviation = torch.where(variance > least, variance.sqrt(), torch.ones(()))
    found = None
    if components:
        apart = mean - origin
        covariance = (products / count - torch.outer(apart, apart)) / torch.outer(deviation, deviation)
        found = _leading(covariance, components)
    return Preparation(mean.float(), deviation.float(), found, torch.tensor([STEP]))


def _leading(covariance: Tensor, count: int) -> Tensor:
    """The eigenvectors (count, D) with the largest eigenvalues; only these are computed, in a third of the time."""
    from scipy.linalg import eigh

    width = len(covariance)
    _, vectors = eigh(covariance.numpy(), subset_by_index=[max(0, width - count), width - 1])
    return torch.from_numpy(np.ascontiguousarray(vectors[:, ::-1].T)).float()
