"""An ONNX file beside the run that it was made of: the same rows are asked of both, and both are timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from escalera.evaluate.compare import accuracy_interval, compare
from escalera.evaluate.speed import timed
from escalera.inference.onnx_model import ATTRIBUTES, PICTURES, OnnxModel
from escalera.inference.predictor import Predictor, answers, as_batches
from escalera.inference.run_rows import Part

Probabilities = NDArray[np.float32]
Speeds = dict[str, float]
BATCHES = (1, 32)
"""Rows asked together when a model is timed: a visitor's one, and a folder's many."""
TOLERANCE = 1e-3
"""The largest difference of a probability that is written."""
MARGIN = 0.02
"""How much of its accuracy a smaller model may lose: its 95 % interval has to lie above that."""


@dataclass(frozen=True)
class Accuracy:
    """Of a model over rows, with its 95 % interval."""

    rows: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Check:
    """How a file answers `rows` rows of `split`: "test", or "made-up" where the run's own are not at hand.

    `largest` is the largest difference of a probability to the run's answer, `agreement` the share of rows whose
    likeliest class is the run's, `apart` the number of rows that differ by more than the tolerance, as some of a vote
    may; `why` says why they were made up. `file_speed` and `run_speed` are rows a second by the rows of a batch, on one
    thread.
    """

    split: str
    rows: int
    largest: float
    agreement: float
    accuracy: Accuracy | None
    size: int
    apart: int
    file_speed: Speeds
    run_speed: Speeds
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """As the file beside the model has it."""
        return asdict(self)


@dataclass(frozen=True)
class Smaller:
    """A quantised model against the whole one on validation: what it loses, and whether that is little enough."""

    whole: Accuracy
    accuracy: Accuracy
    difference: float
    low: float
    high: float
    p: float

    @property
    def fits(self) -> bool:
        """Whether the interval of its loss stays above the margin."""
        return self.low > -MARGIN

    def to_json(self) -> dict[str, Any]:
        """As the file beside the model has it."""
        return {**asdict(self), "margin": MARGIN, "fits": self.fits}


def check(
    part: Part, found: Probabilities, expected: Probabilities, size: int, speeds: tuple[Speeds, Speeds], why: str
) -> Check:
    """What a file has `found` for the rows of a part beside what the run said, which is `expected`.

    `why` says why the rows are made up; "" where they are those of test.
    """
    agreement = float((found.argmax(1) == expected.argmax(1)).mean())
    accuracy = None if why else _accuracy(found, part.labels)
    split = "made-up" if why else "test"
    return Check(
        split, len(part), largest(found, expected), agreement, accuracy, size, apart(found, expected), *speeds, why=why
    )


def largest(found: Probabilities, expected: Probabilities) -> float:
    """The largest difference of a probability."""
    return float(np.abs(found - expected).max())


def apart(found: Probabilities, expected: Probabilities) -> int:
    """How many rows differ by more than the tolerance."""
    return int((np.abs(found - expected).max(axis=1) > TOLERANCE).sum())


def weigh(whole: OnnxModel, smaller: OnnxModel, part: Part) -> Smaller:
    """Compare two files by the rows of validation that they have right (McNemar's exact test)."""
    before, after = probabilities_of(whole, part), probabilities_of(smaller, part)
    right = [found.argmax(1) == part.labels for found in (before, after)]
    step = compare(right[0][None], right[1][None])
    whole_accuracy, accuracy = _accuracy(before, part.labels), _accuracy(after, part.labels)
    return Smaller(whole_accuracy, accuracy, step.difference, step.low, step.high, step.p)


def probabilities_of(model: OnnxModel, part: Part) -> Probabilities:
    """The probabilities (n, K) of a file for the rows of a part."""
    return np.concatenate([model.answers(given(model, pixels, vectors)) for pixels, vectors in part.batches()])


def given(model: OnnxModel, pixels: NDArray[np.uint8], vectors: NDArray[np.float32] | None) -> dict[str, NDArray[Any]]:
    """Rows as the graph of a file takes them."""
    inputs: dict[str, NDArray[Any]] = {PICTURES: pixels} if model.about.reads_pictures else {}
    return inputs if vectors is None else {**inputs, ATTRIBUTES: vectors}


def probabilities_of_run(predictor: Predictor, part: Part) -> Probabilities:
    """The probabilities (n, K) of the run itself."""
    data = predictor.trained.data
    return np.concatenate([answers(predictor, as_batches(data, pixels, vectors)) for pixels, vectors in part.batches()])


def _accuracy(found: Probabilities, labels: NDArray[np.int64]) -> Accuracy:
    share = float((found.argmax(1) == labels).mean())
    return Accuracy(len(labels), share, *accuracy_interval(share, len(labels)))


def speeds_of(predictor: Predictor, model: OnnxModel, part: Part) -> tuple[Speeds, Speeds]:
    """Rows a second by the rows of a batch, of a file and of the run, both by one thread."""
    files, runs = {}, {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    if predictor.ballot is not None:
        predictor.ballot.use_one_thread()
    try:
        for size in BATCHES:
            pixels, vectors = next(part.batches(size))
            repeats = -(-size // len(pixels))
            pixels = np.concatenate([pixels] * repeats)[:size]
            vectors = None if vectors is None else np.concatenate([vectors] * repeats)[:size]
            inputs, feed = given(model, pixels, vectors), as_batches(predictor.trained.data, pixels, vectors)
            files[str(size)] = size / _median(partial(model.answers, inputs))
            runs[str(size)] = size / _median(partial(answers, predictor, feed))
    finally:
        torch.set_num_threads(threads)
    return files, runs


def _median(call: Callable[[], object]) -> float:
    """Seconds of a call, once all is warm."""
    call()
    return median(timed(call))
