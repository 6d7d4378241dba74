"""What differs between the epochs of a training: the size of the pictures, whether the body learns, what they cost."""

from __future__ import annotations

from escalera.ladder import schema

FORWARD_SHARE = 1 / 3
"""What computing forward takes of a whole step, about."""


def scales(train: schema.Train) -> list[float]:
    """The scale of the pictures' sides in each epoch, stage after stage; after these, and in the last, they are whole.

    Progressive resizing (Howard 2018; Tan and Le 2021, arXiv 2104.00298).
    """
    found: list[float] = []
    end = 0.0
    for stage in train.progressive:
        end += stage.share
        # Shares are sums of decimals: 0.1 + 0.2 of ten epochs are three.
        found += [stage.scale for epoch in range(len(found), train.epochs - 1) if epoch < end * train.epochs - 1e-9]
    return [*found, *(train.epochs - len(found)) * [1.0]]


def unfrozen_from(model: schema.Model) -> int | None:
    """The epoch from which on the body learns, where it does not from the first."""
    learning = [part.learns for part in model.parts.values()]
    return next((learns.from_epoch for learns in learning if isinstance(learns, schema.Trainable)), None)


def passes(config: schema.RungConfig) -> list[float]:
    """The share of a step's operations that each epoch has: a body that is still frozen has no backward pass."""
    frozen = min((unfrozen_from(config.model) or 1) - 1, config.train.epochs)
    return [*(frozen * [FORWARD_SHARE]), *((config.train.epochs - frozen) * [1.0])]


def worth(config: schema.RungConfig) -> list[float]:
    """What each epoch takes beside one of whole pictures and a body that learns, which is 1.

    The operations of a convolution go with the pixels.
    """
    return [share * scale**2 for share, scale in zip(passes(config), scales(config.train), strict=True)]
