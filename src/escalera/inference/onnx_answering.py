"""A trained network with all that a run answers by, as one module: from uint8 pixels to probabilities."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from escalera import builders
from escalera.evaluate.views import View, mean_logits
from escalera.inference.onnx_model import PROBABILITIES
from escalera.inference.predictor import Predictor
from escalera.models.inputs import Inputs


class Answering(nn.Module):
    """Pixels (N, H, W, C) uint8, attributes (N, A), or both -> probabilities (N, K), with all that a run answers by."""

    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        data = predictor.trained.data
        self.network = copy.deepcopy(predictor.network).to(memory_format=torch.contiguous_format)
        doubt = predictor.trained.doubt
        self.temperature = doubt.temperature if doubt else 1.0
        self.views: Sequence[View] = builders.views(predictor.trained.config)
        self.pictures, self.attributes = predictor.trained.reads_pictures, predictor.fitted is not None
        channels = data.shape[2]
        deviation = torch.tensor(data.deviation or [1.0] * channels)
        mean = torch.tensor(data.mean or [0.0] * channels)
        self.register_buffer("scale", (1 / (255 * deviation)).view(1, -1, 1, 1))
        self.register_buffer("bias", (-mean / deviation).view(1, -1, 1, 1))
        self.shape = data.shape

    @property
    def outputs(self) -> list[str]:
        """What its answers are called."""
        return [PROBABILITIES]

    def finished(self, model: Any) -> Any:
        """Its graph, as ONNX has it, with what the exporter could not write."""
        return model

    scale: Tensor
    bias: Tensor

    def inputs(self, given: tuple[Tensor, ...]) -> Inputs:
        """Rows as the network takes them."""
        height, width, channels = self.shape
        if self.pictures:
            # The exporter writes a mean over rows with the channels last as a gather without a limit.
            pixels = given[0].permute(0, 3, 1, 2).float().contiguous() * self.scale + self.bias
        else:
            pixels = given[0].new_zeros((given[0].shape[0], channels, height, width))
        return (pixels, given[-1]) if self.attributes else pixels

    def forward(self, *given: Tensor) -> Tensor | tuple[Tensor, ...]:
        """What a run says of rows."""
        return (mean_logits(self.network, self.inputs(given), self.views) / self.temperature).softmax(dim=1)
