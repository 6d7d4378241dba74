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


@dataclass(frozen=True)
class Preparation:
    """The mean and deviation (D,) of each feature, and the components (P, D) of the standardised ones, or None."""

    mean: Tensor
    deviation: Tensor
    components: Tensor | None

    def __call__(self, features: Tensor) -> NDArray[np.float32]:
        """(N, D) -> (N, D), or (N, P)."""
        scaled = (features - self.mean) / self.deviation
        prepared = scaled if self.components is None else scaled @ self.components.T
        return np.ascontiguousarray(prepared.numpy())

    def tensors(self) -> dict[str, Tensor]:
        """All of it by name."""
        named = {"mean": self.mean, "deviation": self.deviation}
        return named if self.components is None else {**named, "components": self.components}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> Preparation:
        """The same again; raises RunError for tensors of another kind."""
        try:
            return cls(tensors["mean"], tensors["deviation"], tensors.get("components"))
        except KeyError as error:
            raise RunError(f"the preparation has no {error}. {CURE}") from None


def fit(parts: Iterable[Tensor], components: int | None) -> Preparation:
    """Fit on the features of train, read once and never all in memory.

    The components are the eigenvectors of the covariance with the largest eigenvalues, as scikit-learn's
    PCA(svd_solver="covariance_eigh") has them: the one exact way that needs a single pass.
    """
    count, total, squares, products = 0, torch.zeros(0), torch.zeros(0), torch.zeros(0)
    for part in parts:
        wide = part.double()
        if not count:
            total, squares = (torch.zeros(wide.shape[1], dtype=torch.float64) for _ in range(2))
            products = torch.zeros(wide.shape[1], wide.shape[1], dtype=torch.float64) if components else products
        count += len(wide)
        total += wide.sum(0)
        squares += wide.square().sum(0)
        if components:
            # In single precision a product of matrices is twice as fast; the sums over parts are in double.
            products += (part.T @ part).double()
    mean = total / count
    variance = (squares / count - mean.square()).clamp(min=0)
    # A feature that never changes has nothing to say, whatever it is divided by.
    deviation = torch.where(variance > 1e-12, variance.sqrt(), torch.ones(()))
    found = None
    if components:
        covariance = (products / count - torch.outer(mean, mean)) / torch.outer(deviation, deviation)
        found = _leading(covariance, components)
    return Preparation(mean.float(), deviation.float(), found)


def _leading(covariance: Tensor, count: int) -> Tensor:
    """The eigenvectors (count, D) with the largest eigenvalues; only these are computed, in a third of the time."""
    from scipy.linalg import eigh

    width = len(covariance)
    _, vectors = eigh(covariance.numpy(), subset_by_index=[max(0, width - count), width - 1])
    return torch.from_numpy(np.ascontiguousarray(vectors[:, ::-1].T)).float()
