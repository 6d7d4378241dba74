"""What a network takes: pictures alone, or pictures and the attributes of their rows.

pictures    (N, C, H, W) float32
attributes  (N, A) float32
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Inputs = Tensor | tuple[Tensor, Tensor]
"""Pictures, or (pictures, attributes)."""


def pictures_of(inputs: Inputs) -> Tensor:
    """The pictures, whether attributes stand beside them or not."""
    return inputs if isinstance(inputs, Tensor) else inputs[0]


def blank(image_shape: tuple[int, int, int], attributes: int = 0, device: Any = None, rows: int = 1) -> Inputs:
    """Rows of zeros: pictures (rows, C, H, W), and so many attributes beside them where there are any."""
    pictures = torch.zeros(rows, *image_shape, device=device).contiguous(memory_format=torch.channels_last)
    return (pictures, torch.zeros(rows, attributes, device=device)) if attributes else pictures
