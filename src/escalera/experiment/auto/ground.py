"""What a ladder is built on: how much there is to learn from, and what makes sense with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

FEW = 2_000
"""Pictures of train below which batches are small and one row in five is kept for validation."""
_WORK = 120_000
"""Pictures that a full training of a small set looks at."""
_EPOCHS = 15, 60
"""The fewest and the most epochs of a full training."""


@dataclass(frozen=True)
class Ground:
    """A source as the moves see it, in plain values.

    `train` and `validation` are rows, `shape` is (C, H, W) at the size of the first rung, `native` the shorter side of
    most pictures as they are; `attributes` are the columns beside the pictures as the network reads them. `mirror` says
    whether a mirrored picture is still one of its class, `bodies` names pretrained networks whose weights are at hand.
    """

    train: int
    validation: int
    classes: int
    shape: tuple[int, int, int]
    native: int
    attributes: int = 0
    pictures: bool = True
    mirror: bool = False
    bodies: Sequence[str] = ()

    @property
    def batch(self) -> int:
        """Rows of a step: small sets need many steps."""
        return next(
            size for rows, size in ((FEW, 32), (10_000, 64), (40_000, 128), (1 << 62, 256)) if self.train < rows
        )

    @property
    def epochs(self) -> int:
        """Of a full training."""
        return max(_EPOCHS[0], min(_EPOCHS[1], round(_WORK / max(1, self.train))))

    def values(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**vars(self), "shape": list(self.shape), "bodies": list(self.bodies)}
