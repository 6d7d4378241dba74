"""Where people already look at their experiments: a file for each such place, and its word in TRACKERS."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from escalera.core.errors import EscaleraError, nearest
from escalera.experiment.tracking.log import Log

TRACKERS = {"mlflow": "MLflow", "wandb": "Weights & Biases", "trackio": "Trackio", "tensorboard": "TensorBoard"}
"""By the name of the package and of the file beside this one, which has a class `Tracker`."""


def find_log(name: str) -> Log:
    """The log of a name, as `mlflow`; raises EscaleraError for another name, and where its package is absent."""
    word = name.strip().casefold()
    if word not in TRACKERS:
        raise EscaleraError(f"--track {name}: there is no such tracker; {nearest(word, TRACKERS)}")
    if find_spec(word) is None:
        raise EscaleraError(
            f"--track {word}: expected {TRACKERS[word]}, found none. Install it: pip install 'escalera[{word}]'"
        )
    log: Log = import_module(f"escalera.experiment.tracking.{word}").Tracker()
    return log
