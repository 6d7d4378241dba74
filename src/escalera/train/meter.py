"""The bookkeeping of one epoch: losses, hits and images a second, looked at now and then."""

from __future__ import annotations

import time
from math import isfinite

import torch
from torch import Tensor

from escalera.core.errors import TrainingError
from escalera.data.batches import Batches
from escalera.data.features import FeatureBatches
from escalera.train.shards import Whole


class Meter:
    """Counts the batches of an epoch, or this process's shards of them, on the device; only `read` waits for it."""

    def __init__(self, epoch: int, batches: Batches | FeatureBatches, shards: Whole) -> None:
        self.epoch = epoch
        self.batches = batches
        self.shards = shards
        self.losses = torch.zeros(len(batches) * len(shards.mine), device=batches.device)
        self.hits = torch.zeros((), dtype=torch.int64, device=batches.device)
        self.rates: list[float] = []
        self.seen = 0
        self.started = time.perf_counter()

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor, rate: float) -> None:
        """Count a batch: its mean loss, logits (B, K), and labels (B,) or shares (B, K), whose largest counts."""
        self.losses[len(self.rates)] = loss.detach() * len(labels)
        truth = labels if labels.ndim == 1 else labels.argmax(1)
        self.hits += (logits.detach().argmax(1) == truth).sum()
        self.rates.append(rate)
        self.seen += len(labels)

    def read(self) -> tuple[float, float, float]:
        """The mean loss and the accuracy of what all processes counted, and images a second.

        Raises TrainingError where a loss is not finite, with the first batch that was so and its learning rate.
        """
        losses = self.shards.in_order(self.losses[: len(self.rates)])
        hits, seen = self.shards.total(torch.stack((self.hits, torch.full_like(self.hits, self.seen)))).tolist()
        loss = losses.sum().item() / seen
        if not isfinite(loss):
            raise self._diverged(losses)
        return loss, hits / seen, seen / self.seconds

    @property
    def seconds(self) -> float:
        """Since the epoch began."""
        return time.perf_counter() - self.started

    def _diverged(self, losses: Tensor) -> TrainingError:
        first = int(torch.where(losses.isfinite(), losses.abs(), torch.inf).argmax())
        batch = first // self.shards.count
        return TrainingError(
            f"the loss became {losses[first].item()} at epoch {self.epoch}, step {batch + 1} of {len(self.batches)} "
            f"(batches of {self.batches.batch_size}, learning rate {self.rates[batch * len(self.shards.mine)]:.3g}). "
            "Lower train.optimizer.lr, or set train.clip_norm to 1.0."
        )
