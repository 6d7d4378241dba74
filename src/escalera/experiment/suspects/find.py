"""The labels of a source that are likely wrong, with what is written and shown of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from escalera.core.csvtext import csv_text
from escalera.core.errors import DataError
from escalera.data.explore.source import Explored
from escalera.data.folds import deal
from escalera.data.groups import groups_of
from escalera.data.images import ImageSet
from escalera.evaluate.noise import Noise, find_noise, thresholds
from escalera.evaluate.noise_model import fit_noise
from escalera.experiment.suspects.out_of_fold import out_of_fold
from escalera.models.pretrained import at_hand

FOLDS = 5
_COLUMNS = ("split", "row", "place", "given", "suggested", "confidence", "of_given")
_SMALLEST = 32
"""Pixels of a side from which weights that were trained on photographs are of use."""


@dataclass(frozen=True)
class Suspects:
    """By split what confident learning found; `matrix` (K, K) is P(given label | true class), estimated on train.

    `by` names the weights whose features were used, None for a small network trained on the pictures; `accuracy` is
    how often the given label of a train row was said by a network that had not learned from it.
    """

    classes: list[str]
    found: dict[str, Noise]
    matrix: NDArray[np.float64]
    share: float
    accuracy: float
    by: str | None
    folds: int = FOLDS

    def lines(self, explored: Explored) -> list[dict[str, Any]]:
        """The suspects, the surest first, of train and then of the other splits; `index` is among those read."""
        lines = []
        for split, noise in self.found.items():
            part = explored.images.splits[split]
            for row in noise.ranked.tolist():
                line = {
                    "split": split,
                    "row": explored.images.row(split, row),
                    "place": explored.place(split, row),
                    "given": self.classes[part.labels[row]],
                    "suggested": self.classes[noise.suggested[row]],
                    "confidence": round(float(noise.confidence[row]), 4),
                    "of_given": round(float(noise.of_given[row]), 4),
                    "index": row,
                }
                lines.append(line)
        return lines

    def facts(self) -> dict[str, Any]:
        """What explore.json holds."""
        return {
            "by": self.by,
            "folds": self.folds,
            "accuracy": round(self.accuracy, 4),
            "share": round(self.share, 4),
            "suspects": {split: int(noise.flagged.sum()) for split, noise in self.found.items()},
            "matrix": [[round(value, 4) for value in row] for row in self.matrix.tolist()],
        }


def as_csv(lines: Sequence[Mapping[str, Any]]) -> str:
    """The table for a person to look through: what is left in it is a file of corrections for a ladder."""
    return csv_text(_COLUMNS, [[line[key] for key in _COLUMNS] for line in lines])


def find_suspects(
    explored: Explored, group: str | None = None, tell: Callable[[int, int], object] = lambda number, count: None
) -> Suspects:
    """Train quick networks on folds of a source, and look for labels that they contradict with confidence.

    Rows with the same value in the column `group` are in one fold. `tell` hears which network of how many begins.
    Raises DataError for a source whose rows have no classes, or a single one, and for groups that make no folds.
    """
    images = explored.images
    labels = images.splits["train"].labels
    if len(np.unique(labels)) < 2:
        raise DataError(
            f"--labels: {images.name} has {'no classes' if not images.classes else 'rows of one class alone'}: "
            "expected two or more to tell apart"
        )
    weights = _weights(explored)
    folds = _folds(images, group)
    probabilities = out_of_fold(images, weights, folds, tell=tell)
    found, matrix, share = suspects_from(probabilities, {name: part.labels for name, part in images.splits.items()})
    accuracy = float((probabilities["train"].argmax(axis=1) == labels).mean())
    return Suspects(
        images.classes, found, matrix, share, accuracy, weights.name if weights else None, int(folds.max()) + 1
    )


def suspects_from(
    probabilities: Mapping[str, NDArray[np.float64]], labels: Mapping[str, NDArray[np.int64]]
) -> tuple[dict[str, Noise], NDArray[np.float64], float]:
    """The suspects of each split; of train P(given label | true class) (K, K), and the share of wrong labels.

    What confident learning flags is suspect where the label is more likely wrong than right, too: by itself it takes
    the networks' own mistakes for wrong labels. How often labels are wrong is asked of every split by itself.
    """
    model = fit_noise(probabilities["train"], labels["train"])
    shown = {name: model.shown(some) for name, some in probabilities.items()}
    least, found, share = thresholds(shown["train"], labels["train"]), {}, 0.0
    for name, own in labels.items():
        predicted = probabilities[name]
        own_model = model if name == "train" else fit_noise(predicted, own, model.temperature)
        wrong = own_model.wrong(predicted, own)
        noise = find_noise(shown[name], own, least)
        found[name] = replace(noise, flagged=noise.flagged & (wrong > 0.5))
        share = float(wrong.mean()) if name == "train" else share
    return found, model.matrix, share


def _folds(images: ImageSet, group: str | None) -> NDArray[np.int64]:
    """(N,): the fold of each row of train; there are fewer than five where there is not enough to cut."""
    labels = images.splits["train"].labels
    if group is None:
        return deal(labels, min(FOLDS, len(labels)), seed=0)
    names, of = groups_of(images, group)
    if len(names) < 2:
        raise DataError(
            f"--labels: data.group '{group}' of {images.name} has one value in train: expected two or more, so that "
            "some rows are left to learn from. Leave out data.group."
        )
    return deal(labels, min(FOLDS, len(names)), 0, of)


def _weights(explored: Explored) -> Path | None:
    """The file of ImageNet weights that is at hand, for pictures that are large enough for them."""
    return at_hand() if min(explored.pixels.shape[:2]) >= _SMALLEST else None
