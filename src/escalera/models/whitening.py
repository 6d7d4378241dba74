"""A whitening first convolution: its filters are the principal axes of patches of train, and do not learn.

images  (N, C, H, W) float
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_AT_ONCE = 1 << 26
"""Numbers in the patches that are looked at together: with a kernel of 7 they are 49 times those of the pictures."""
EPSILON = 5e-4
"""Added to the variances, so that axes of hardly any are not blown up (Jordan 2024, arXiv 2404.00498, section 3.2)."""


class Whitening(nn.Conv2d):
    """A convolution whose outputs, over patches of train, are uncorrelated and of variance 1, each with its opposite.

    2 C kernel^2 filters without padding. Until `fit` the weights are random; they are frozen, the bias learns in the
    first `bias_epochs` (tysam-code, hlb-CIFAR10; Jordan 2024, arXiv 2404.00498).
    """

    def __init__(self, channels: int, kernel: int, bias_epochs: int = 3) -> None:
        super().__init__(channels, 2 * channels * kernel**2, kernel)
        self.bias_epochs = bias_epochs
        self.weight.requires_grad_(False)
        assert self.bias is not None
        nn.init.zeros_(self.bias)

    def fit(self, images: Tensor) -> None:
        """Take the axes of all patches of (N, C, H, W)."""
        kernel = self.kernel_size[0]
        wide = self.in_channels * kernel**2
        products, count = torch.zeros((wide, wide), dtype=torch.float64), 0
        for some in torch.split(images, max(1, _AT_ONCE // (images[0].numel() * kernel**2))):
            patches = some.unfold(2, kernel, 1).unfold(3, kernel, 1).permute(0, 2, 3, 1, 4, 5)
            flat = patches.reshape(-1, wide).double()
            products, count = products + flat.T @ flat, count + len(flat)
        # Around zero and not around the mean: the sum of a patch is an axis too, and the layer's input to subtract.
        variances, axes = torch.linalg.eigh(products / count)
        filters = (axes / (variances.clamp_min(0) + EPSILON).sqrt()).T.reshape(-1, self.in_channels, kernel, kernel)
        with torch.no_grad():
            self.weight.copy_(torch.cat((filters, -filters)))


def whitenings(network: nn.Module) -> list[Whitening]:
    """The whitening convolutions of a network."""
    return [module for module in network.modules() if isinstance(module, Whitening)]


def whitened(image_shape: tuple[int, int, int], kernel: int) -> tuple[int, int, int]:
    """The shape (C, H, W) of what comes out of a whitening convolution."""
    channels, height, width = image_shape
    return 2 * channels * kernel**2, height - kernel + 1, width - kernel + 1
