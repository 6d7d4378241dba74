"""Pictures mixed in pairs, and their labels with them: mixup and cutmix.

images  (B, C, H, W) float
labels  (B,) int64
shares  (B, K) float32, each row sums to 1
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from escalera.data.augment.erasing import rectangles


@dataclass(frozen=True)
class Mix:
    """Mixup (Zhang et al. 2018) and cutmix (Yun et al. 2019), one decision a picture; with both, a coin chooses.

    A picture keeps the share drawn from Beta(a, a), a being `mixup` or `cutmix`, and takes the rest from the picture
    at the same place from the end of the batch: batches are shuffled, so that any two may meet.
    """

    classes: int
    mixup: float = 0.0
    cutmix: float = 0.0

    def __call__(self, images: Tensor, labels: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mixed pictures, in the memory format they had, and the share of each class in them."""
        batch, _, height, width = images.shape
        own = self._weights(batch, height, width, generator).to(images.device, non_blocking=True)
        truth = one_hot(labels, self.classes).to(torch.float32)
        # What a picture kept is the mean of its weights: for cutmix, the area outside the rectangle to the pixel.
        share = own.mean(dim=(1, 2, 3)).unsqueeze(1)
        return torch.lerp(images.flip(0), images, own), torch.lerp(truth.flip(0), truth, share)

    def _weights(self, batch: int, height: int, width: int, generator: torch.Generator) -> Tensor:
        """(B, 1, H, W): how much of its own pixels each picture keeps."""
        coin, *centre = torch.rand(3, batch, generator=generator)
        pasted = coin < 0.5 if self.mixup and self.cutmix else torch.full((batch,), self.cutmix > 0)
        # NumPy draws these, because torch has no beta distribution with a generator of its own.
        draw = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        blend, kept = (
            torch.from_numpy(draw.beta(alpha or 1.0, alpha or 1.0, batch)).to(torch.float32)
            for alpha in (self.mixup, self.cutmix)
        )
        side = (1 - kept).sqrt()
        outside = ~rectangles(side * height, side * width, centre, height, width)
        column = (batch, 1, 1, 1)
        return torch.where(pasted.view(column), outside.to(torch.float32), blend.view(column))
