"""Muon: momentum whose matrices are made orthogonal before each step (Jordan et al. 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from escalera.core.runtime import choose_precision

COEFFICIENTS = 3.4445, -4.7750, 2.0315
"""Of the quintic Newton-Schulz iteration: they bring small singular values up fast, into about [0.7, 1.2]."""


def orthogonalised(matrix: Tensor, steps: int) -> Tensor:
    """About U V^T of a matrix (m, n) with the singular value decomposition U S V^T, in its type.

    It is computed in bf16 where the hardware multiplies that: a processor that has to emulate it takes thirty times as
    long as for fp32.
    """
    a, b, c = COEFFICIENTS
    fast = torch.bfloat16 if choose_precision("auto", matrix.device) == "bf16" else torch.float32
    tall = matrix.size(0) > matrix.size(1)
    x = matrix.T if tall else matrix
    # Its largest singular value is then at most 1, as the iteration needs it.
    x = (x / x.norm().clamp_min(1e-7)).to(fast)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    found: Tensor = x.T if tall else x
    return found.to(matrix.dtype)


class Muon(torch.optim.SGD):
    """Muon for `matrices`, whose rows are filters, and SGD for the groups in `others`.

    With `normalize` each filter bank is brought to the norm sqrt(filters) before its step, so that the rate alone says
    how far a step turns it, and no weight decay shrinks it. Every state that it keeps is a momentum, and nothing in it
    is random.
    """

    def __init__(
        self,
        matrices: Sequence[dict[str, Any]],
        others: Sequence[dict[str, Any]],
        *,
        lr: float,
        momentum: float,
        nesterov: bool,
        steps: int,
        normalize: bool,
    ) -> None:
        own = [{"lr": lr, "momentum": momentum, "nesterov": nesterov, **group} for group in matrices if group["params"]]
        super().__init__([*own, *others], lr=lr)
        self.count, self.steps, self.normalize = len(own), steps, normalize
        for group in self.param_groups:
            for parameter in group["params"]:
                # A momentum of zero is what the first step begins with anyway.
                self.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step of all parameters that have a gradient."""
        taken: list[tuple[Tensor, Tensor]] = []
        for group in self.param_groups[: self.count]:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                self._turn(parameter, parameter.grad, group)
                taken.append((parameter, parameter.grad))
                parameter.grad = None
        super().step(closure)
        for parameter, gradient in taken:
            parameter.grad = gradient

    def _turn(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        momentum = self.state[parameter]["momentum_buffer"].mul_(group["momentum"]).add_(gradient)
        update = gradient.add(momentum, alpha=group["momentum"]) if group["nesterov"] else momentum
        if self.normalize:
            parameter.mul_(len(parameter) ** 0.5 / parameter.norm().clamp_min(1e-7))
        elif group["weight_decay"]:
            parameter.mul_(1 - group["lr"] * group["weight_decay"])
        turned = orthogonalised(update.reshape(len(update), -1), self.steps)
        parameter.add_(turned.view(update.shape), alpha=-group["lr"])
