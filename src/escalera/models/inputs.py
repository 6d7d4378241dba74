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


def blank(image_shape: tuple[int, int, int], attributes: int = 0, device: Any = None) -> Inputs:
    """One row of zeros: a picture (1, C, H, W), and so many attributes beside it where there are any."""
    picture = torch.zeros(1, *image_shape, device=device)
    return (picture, torch.zeros(1, attributes, device=device)) if attributes else picture
