"""Test-time augmentation: the views of a picture whose logits are averaged.

images  (B, C, H, W) float
"""

from __future__ import annotations

from collections import Counter
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
    """One pixel up and to the left; what comes in is mirrored at the border."""
    return _moved(images, (0, 1, 0, 1))[:, :, 1:, 1:].contiguous(memory_format=torch.channels_last)


def shifted_back(images: Tensor) -> Tensor:
    """One pixel down and to the right; what comes in is mirrored at the border."""
    return _moved(images, (1, 0, 1, 0))[:, :, :-1, :-1].contiguous(memory_format=torch.channels_last)


def _moved(images: Tensor, sides: tuple[int, int, int, int]) -> Tensor:
    # A side of one pixel has nothing to mirror.
    return pad(images, sides, mode="reflect" if min(images.shape[2:]) > 1 else "replicate")


def _mirrored_shifted(images: Tensor) -> Tensor:
    return mirrored(shifted(images))


def _mirrored_shifted_back(images: Tensor) -> Tensor:
    return mirrored(shifted_back(images))


VIEWS: dict[str, Sequence[View]] = {
    "none": (as_it_is,),
    "flip": (as_it_is, mirrored),
    # The six views of airbench (Jordan 2024, arXiv 2404.00498): those that are not moved count twice.
    "flip_shift": (
        as_it_is, as_it_is, mirrored, mirrored, shifted, _mirrored_shifted, shifted_back, _mirrored_shifted_back,
    ),
}  # fmt: skip
"""The views by the word of `evaluate.tta`; one that stands there twice counts twice."""


def mean_logits(network: Callable[[Inputs], Tensor], inputs: Inputs, views: Sequence[View]) -> Tensor:
    """The mean of the logits (B, K) over the views of the pictures; attributes beside them stay as they are.

    A view that is there twice is asked once.
    """
    answers = [(network(seen(view, inputs)), count) for view, count in Counter(views).items()]
    logits = answers[0][0] if answers[0][1] == 1 else answers[0][0] * answers[0][1]
    for more, count in answers[1:]:
        logits = logits + (more if count == 1 else more * count)
    return logits if len(views) == 1 else logits / len(views)


def seen(view: View, inputs: Inputs) -> Inputs:
    """A view of the pictures; attributes beside them stay as they are."""
    return view(inputs) if isinstance(inputs, Tensor) else (view(inputs[0]), inputs[1])
