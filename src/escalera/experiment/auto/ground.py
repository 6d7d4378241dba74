"""What a ladder is built on: how much there is to learn from, and what makes sense with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from escalera.core.errors import EscaleraError
from escalera.experiment.survey import SIDE, batch_size, full_epochs

BODIES = ("tf_efficientnet_lite0", "mobilenetv3_large_100", "resnet18")
"""Pretrained networks that are tried where their weights are at hand: small ones, that a laptop computes in seconds."""


@dataclass(frozen=True)
class Ground:
    """A source as the moves see it, in plain values.

    `train`, `validation` and `test` are rows, `shape` is (C, H, W) at the size of the first rung, `native` the shorter
    side of most pictures as they are; `attributes` are the columns beside the pictures as the network reads them.
    `mirror` says whether a mirrored picture is still one of its class, `bodies` names pretrained networks whose weights
    are at hand; `uneven` says that some class has far fewer rows than another. In so many `turns` all rows that are not
    test are validation once: more than one where those of a single split are too few to judge a move by. `more` says
    that the last rung learns from rows of validation too.
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
    uneven: bool = False
    test: int = 0
    turns: int = 1
    more: bool = False

    @property
    def batch(self) -> int:
        """Rows of a step."""
        return batch_size(self.train)

    @property
    def epochs(self) -> int:
        """Of a full training."""
        return full_epochs(self.train)

    def rows_evaluated(self, *, kept: bool) -> int:
        """Rows that are answered once the last rung has learned; those of train are there where a body is `kept`."""
        return self.test + (0 if kept and not self.more else self.train + self.validation)

    def values(self) -> dict[str, Any]:
        """As JSON has it."""
        return {**vars(self), "shape": list(self.shape), "bodies": list(self.bodies)}


def at_hand(native: int) -> list[str]:
    """The pretrained networks for pictures of a side whose weights are on this machine, or that the hub gives."""
    from escalera.models.pretrained import imagenet_file

    for name in BODIES if native >= SIDE // 2 else ():
        try:
            imagenet_file(name)
        except EscaleraError:
            continue
        return [name]
    return []
