"""The test rows are read here and nowhere else: what a fitted model answers for them, and the files of that.

A trial of a search ends with the rows of validation instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from escalera.core.files import read_json, write_json
from escalera.core.predictions import write_predictions
from escalera.core.rundir import RESULT, RunDir
from escalera.core.runtime import now
from escalera.data.dataset import Dataset, Split
from escalera.evaluate.doubt import find_doubt
from escalera.evaluate.metrics import measure
from escalera.evaluate.predict import Predictions
from escalera.ladder.schema import RungConfig
from escalera.run.artifacts import digest_of_rows, file_answers, listed

Others = Mapping[str, NDArray[np.int64]]
"""Classes (R, N) of R draws for the same rows, by who answers so."""


class Fitted(Protocol):
    """A model of any kind that has learned from train and validation."""

    @property
    def record(self) -> dict[str, Any]:
        """What run.json says of it so far; it may be added to."""

    def checked(self) -> dict[str, dict[str, float]]:
        """The scores of the splits that it has learned from, by name; `asked` is of how many of its rows."""

    @property
    def validated(self) -> Predictions:
        """What it predicts for validation."""

    @property
    def calibrated(self) -> Predictions | None:
        """What it predicts for the rows of validation that were set aside; None where none were."""

    def answer(self, part: Split) -> tuple[Predictions, Others]:
        """What it predicts for the rows of a split, and what others do."""

    def cost(self) -> dict[str, Any]:
        """What answers cost, as run.json has it."""


Found = tuple[dict[str, Any], dict[str, Any]]
"""What run.json and metrics.json say of a run that is done."""


def validate(fitted: Fitted, data: Dataset, run: RunDir) -> Found:
    """Ask a fitted model for the validation rows alone, write its answers, and have the run done."""
    part = data.validation
    found, _ = fitted.answer(part)
    write_predictions(run.validation, part.rows, found.labels, found.logits, in_train=None, others={})
    metrics = {"validation": measure(found.logits, found.labels, data.classes)}
    write_json(run.metrics, metrics)
    record = {**fitted.record, "state": "done", "finished": now()}
    return run.write_record(record, RESULT), metrics


def evaluate(fitted: Fitted, config: RungConfig, data: Dataset, run: RunDir) -> Found:
    """Ask a fitted model for the test rows, once, write the files of its answers, and have the run done."""
    metrics = fitted.checked()
    own, aside = fitted.validated, fitted.calibrated
    calibration = None if aside is None else (aside.logits, aside.labels)
    doubt = find_doubt((own.logits, own.labels), calibration, config.evaluate.coverage)
    write_json(run.doubt, asdict(doubt))
    fitted.record["test_looks"] += 1
    run.write_record(fitted.record)
    found, others = fitted.answer(data.test)
    file_answers(run, config, data, found.logits, found.labels, metrics, others)
    # Not before: nobody looks at the pictures of test until they are answered.
    seen = {**fitted.record["data"], "test_digest": digest_of_rows(data.test), "listed": listed(data)}
    record = {**fitted.record, **fitted.cost(), "data": seen, "state": "done", "finished": now()}
    return run.write_record(record, RESULT), read_json(run.metrics)
