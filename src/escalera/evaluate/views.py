"""Test-time augmentation: the views of a picture whose logits are averaged.

images  (B, C, H, W) float
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

from escalera.models.inputs import Inputs

View = Callable[[Tensor], Tensor]


def as_it_is(images: Tensor) -> Tensor:
    """The picture itself."""
    return images


def mirrored(images: Tensor) -> Tensor:
    """Left and right exchanged."""
    return images.flip(3)


def shifted(images: Tensor) -> Tensor:
    """One pixel up and to the left; the border is repeated."""
    return pad(images, (0, 1, 0, 1), mode="replicate")[:, :, 1:, 1:].contiguous(memory_format=torch.channels_last)


def shifted_back(images: Tensor) -> Tensor:
    """One pixel down and to the right; the border is repeated."""
    return pad(images, (1, 0, 1, 0), mode="replicate")[:, :, :-1, :-1].contiguous(memory_format=torch.channels_last)


VIEWS: dict[str, Sequence[View]] = {
    "none": (as_it_is,),
    "flip": (as_it_is, mirrored),
    # The six views of airbench (Jordan 2024, arXiv 2404.00498), here with equal weights.
    "flip_shift": (
        as_it_is, shifted, shifted_back,
        mirrored, lambda images: shifted(mirrored(images)), lambda images: shifted_back(mirrored(images)),
    ),
}  # fmt: skip


def mean_logits(network: Callable[[Inputs], Tensor], inputs: Inputs, views: Sequence[View]) -> Tensor:
    """The mean of the logits (B, K) over the views of the pictures; attributes beside them stay as they are."""
    logits = network(seen(views[0], inputs))
    for view in views[1:]:
        logits = logits + network(seen(view, inputs))
    return logits if len(views) == 1 else logits / len(views)


def seen(view: View, inputs: Inputs) -> Inputs:
    """A view of the pictures; attributes beside them stay as they are."""
    return view(inputs) if isinstance(inputs, Tensor) else (view(inputs[0]), inputs[1])
