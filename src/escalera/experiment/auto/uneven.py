"""What may be done where some classes have far fewer rows than others, and by what it is judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from escalera.experiment.auto.ground import Ground


def metric(ground: Ground) -> str:
    """What moves and rungs are judged by: accuracy hardly hears a rare class, and what helps it would be dropped."""
    return "balanced_accuracy" if ground.uneven else "accuracy"


def class_weights(ground: Ground, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Each class counts as much as any other, however few its rows."""
    return {"train.class_weights": "balanced"} if ground.uneven and not _evened(config) else None


def sampler(ground: Ground, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """Every epoch has as many rows of each class."""
    return {"train.sampler": "balanced"} if ground.uneven and not _evened(config) else None


def _evened(config: Mapping[str, Any]) -> bool:
    """Whether rare classes are made up for already."""
    return config["train"]["class_weights"] is not None or config["train"]["sampler"] == "balanced"
