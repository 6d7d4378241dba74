"""Dropout whose mask comes from random bits of the seeded generator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Dropout(nn.Dropout):
    """Sets a share `p` of the values to zero in training and divides the rest by 1 - p (Srivastava et al. 2014).

    On a CPU `bernoulli_` asks the generator for a double for each value, one after the other, which takes ten times as
    long as this: here 64 bits are enough for eight values, or for four where 256 times p is no whole number; p is then
    rounded to 1/65,536. The values kept are divided by the share that is really kept, so that their mean stays.
    """

    def forward(self, values: Tensor) -> Tensor:
        """Any shape, which is kept; equal draws of the generator give equal masks for equal strides."""
        if not self.training or not 0 < self.p < 1 or values.device.type != "cpu":
            return super().forward(values)
        bits = 8 if self.p * 256 == int(self.p * 256) else 16
        dropped = round(self.p * 2**bits)
        if not 0 < dropped < 2**bits:
            return super().forward(values)
        masked: Tensor = _Masked.apply(values, _draw(values, bits), dropped, bits)
        return masked


class _Masked(torch.autograd.Function):
    """Values where a draw is at least `dropped`, scaled; backward reads the draws again, a byte or two for a value."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, draws: Tensor, dropped: int, bits: int) -> Tensor:
        ctx.save_for_backward(draws)
        ctx.dropped, ctx.bits = dropped, bits
        return _kept(values, draws, dropped, bits)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (draws,) = ctx.saved_tensors
        return _kept(gradient, draws, ctx.dropped, ctx.bits), None, None, None


def _draw(values: Tensor, bits: int) -> Tensor:
    """A whole number of so many bits for each value, laid out in memory as the values are."""
    count = values.numel()
    words = torch.empty(-(-count * bits // 64), dtype=torch.int64).random_(-(2**63), None)
    draws = words.view(torch.uint8 if bits == 8 else torch.int16)[:count]
    dense = values.is_contiguous() or values.is_contiguous(memory_format=torch.channels_last)
    return draws.as_strided(values.shape, values.stride() if dense else torch.empty_like(values).stride())


def _kept(values: Tensor, draws: Tensor, dropped: int, bits: int) -> Tensor:
    # In one pass, as the gradient of a threshold: the first where the second is above the limit, else zero. Whole
    # numbers of 8 bits are exact in bf16, those of 16 bits (which torch has with a sign) in fp32.
    limit = dropped - 1 if bits == 8 else dropped - 1 - 2**15
    wide = values.dtype if bits == 8 else torch.promote_types(values.dtype, torch.float32)
    kept: Tensor = torch.ops.aten.threshold_backward(values.to(wide), draws.to(wide), limit)
    return kept.mul_(2**bits / (2**bits - dropped)).to(values.dtype)
