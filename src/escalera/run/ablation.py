"""What each branch of a fusion is worth on the very test rows: alone, and by what is lost without its own input."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from escalera import builders
from escalera.core.errors import RunError
from escalera.core.predictions import read_answers
from escalera.core.rundir import RunDir
from escalera.data.dataset import Split
from escalera.evaluate.branches import alone, shuffled
from escalera.ladder import schema
from escalera.models.network import Network
from escalera.run import lineage

LEARNED = 10_000
"""Rows of train at most from which a branch alone is learned: a linear model needs no more, and memory counts."""


def of_branches(
    config: schema.RungConfig, train: Split, test: Split, run: RunDir, network: Network, device: torch.device
) -> dict[str, NDArray[np.int64]]:
    """Classes (R, N) of the test rows by `trained:<branch>`, `alone:<branch>` and `shuffled:<branch>`.

    `trained` is what the run that a branch comes from said of the same rows, where it was asked about them; `alone` is
    a logistic regression on the features of a branch that has no such run; `shuffled` is the fusion, the branch seeing
    another row's input.
    """

    def feed(part: Split) -> Any:
        def batches() -> Iterable[Any]:
            return builders.batches(config, part, train, seed=0, device=device, training=False).epoch(0)

        return batches

    known = {name: predictions_of(before, test) for name, before in lineage.origins(config, run).items()}
    trained = {name: predicted for name, predicted in known.items() if predicted is not None}
    probed = [name for name in config.model.parts if name not in trained]
    lone = alone(network, feed(train.drawn(LEARNED)), feed(test), probed) if probed else {}
    mixed = shuffled(network, feed(test), builders.views(config))
    return {
        **{f"trained:{name}": predicted for name, predicted in trained.items()},
        **{f"alone:{name}": predicted for name, predicted in lone.items()},
        **{f"shuffled:{name}": predicted for name, predicted in mixed.items()},
    }


def predictions_of(before: RunDir, test: Split) -> NDArray[np.int64] | None:
    """The classes (1, N) that a run said of these test rows; None where it was asked about others."""
    try:
        before.check(before.predictions.name)
        answers = read_answers(before.predictions)
    except (RunError, ValueError):
        return None
    same = np.array_equal(answers.rows, test.rows) and np.array_equal(answers.labels, test.labels[test.rows])
    return answers.predicted[None].astype(np.int64) if same else None
