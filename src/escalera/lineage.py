"""Whose weights a rung starts from: which file they are in, whether they are ready, and whether they have changed."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

from escalera.errors import EscaleraError, Problem, RunError, nearest
from escalera.ladder import schema
from escalera.ladder.read import Reading
from escalera.ladder.saved import read_config
from escalera.rundir import RunDir, read_json

KINDS = "cnn, alexnet, backbone or transfer"


def inherit(reading: Reading) -> Reading:
    """The ladder with the model that each transfer continues written into it as `like`, so that a run needs no other.

    What is wrong with the rungs and runs named there joins the problems.
    """
    problems = list(reading.problems)
    known: dict[str, schema.Rung] = {}
    for rung in reading.rungs:
        weights = _weights(rung.config)
        if isinstance(weights, schema.Weights):
            try:
                rung = _continued(rung, weights, known, reading.names)
            except EscaleraError as error:
                place = reading.locate(rung.name, "model.weights")
                problems.append(Problem(str(error), place.path, place.file, place.line))
        known[rung.name] = rung
    ladder = reading.ladder.model_copy(update={"rungs": list(known.values())})
    # A rung inherits its parent's weights: a mistake in them is told once, where it was typed.
    return dataclasses.replace(reading, ladder=ladder, problems=list(dict.fromkeys(problems)))


def source(config: schema.RungConfig) -> str | None:
    """The rung of the same ladder whose weights a rung starts from, if any."""
    weights = _weights(config)
    return weights.rung if isinstance(weights, schema.Weights) else None


def weights_file(config: schema.RungConfig, run: RunDir) -> Path | None:
    """The file that a run's weights come from; None where it makes its own or the hub has them."""
    weights = _weights(config)
    if isinstance(weights, str):
        return Path(weights) if weights.endswith(".safetensors") else None
    origin = _origin(weights, run)
    return origin.best if origin else None


def check_ready(config: schema.RungConfig, run: RunDir) -> None:
    """Raise RunError unless the run that the weights come from is finished."""
    weights = _weights(config)
    origin = _origin(weights, run) if isinstance(weights, schema.Weights) else None
    if origin is None or (origin.state() == "done" and origin.best.exists()):
        return
    assert isinstance(weights, schema.Weights)
    state = {"absent": "was never trained", "running": "was interrupted", "failed": "failed"}.get(
        origin.state(), "has lost its weights"
    )
    what = f"the rung '{weights.rung}'" if weights.rung else f"the run in {weights.run}"
    todo = f"Climb '{weights.rung}' first (--rung {weights.rung})" if weights.rung else "Let it finish first"
    raise RunError(f"it starts from the weights of {what}, which {state} ({origin.path}). {todo}.")


def has_changed(config: schema.RungConfig, run: RunDir) -> bool:
    """Whether the file of the weights that a run started from holds others now; one that is gone says nothing."""
    path = weights_file(config, run)
    if path is None or not path.is_file() or not run.record.exists():
        return False
    return bool(fingerprint(path) != (read_json(run.record).get("weights") or {}).get("sha256"))


def fingerprint(path: Path) -> str:
    """The SHA-256 of a file; raises RunError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RunError(f"could not read the weights in {path}: {error.strerror}. Look at model.weights.") from error


def _weights(config: schema.RungConfig) -> str | schema.Weights | None:
    return config.model.weights if isinstance(config.model, schema.Backbone | schema.Transfer) else None


def _origin(weights: schema.Weights | None, run: RunDir) -> RunDir | None:
    """The run that weights come from: an earlier rung's with the same seed, beside this one, or one elsewhere."""
    if weights is None:
        return None
    return RunDir(Path(weights.run) if weights.run else run.path.parents[1] / str(weights.rung) / run.path.name)


def _continued(
    rung: schema.Rung, weights: schema.Weights, earlier: dict[str, schema.Rung], names: list[str]
) -> schema.Rung:
    """The rung with the model it continues; raises EscaleraError when there is no such run or model."""
    if weights.rung is None:
        before = _elsewhere(Path(str(weights.run)))
    elif weights.rung in earlier:
        before = earlier[weights.rung].config.model
    elif weights.rung == rung.name or weights.rung in names:
        if weights.rung in names[: names.index(rung.name)]:
            return rung  # an earlier rung with mistakes of its own, told elsewhere
        raise EscaleraError(f"expected a rung that stands above this one, received '{weights.rung}'")
    else:
        raise EscaleraError(f"unknown rung '{weights.rung}'; {nearest(weights.rung, earlier)}")
    model = rung.config.model
    body = before.like if isinstance(before, schema.Transfer) else before
    if isinstance(model, schema.Backbone):
        if not (isinstance(body, schema.Backbone) and body.name == model.name):
            received = body.name if isinstance(body, schema.Backbone) else f"kind {before.kind}"
            raise EscaleraError(f"expected the run of a backbone {model.name}, received one of {received}")
        return rung
    if not isinstance(body, schema.Cnn | schema.AlexNet | schema.Backbone):
        raise EscaleraError(f"expected a run with convolutions ({KINDS}), received one of kind {before.kind}")
    like = body.model_copy(update={"head": schema.Head()})
    config = rung.config.model_copy(update={"model": model.model_copy(update={"like": like})})
    return rung.model_copy(update={"config": config})


def _elsewhere(path: Path) -> schema.Model:
    """The model of a finished run of any ladder."""
    run = RunDir(path)
    if not run.config.exists():
        inside = sorted(path.glob("seed-*/config.yaml"))
        guess = f"; did you mean {inside[0].parent}?" if inside else ", such as runs/cifar10/base/seed-0"
        raise EscaleraError(f"expected a run directory, with a config.yaml, received {path}{guess}")
    if run.state() != "done":
        raise EscaleraError(f"expected a finished run, but the one in {path} is {run.state()}; let it finish first")
    return read_config(run.config).model
