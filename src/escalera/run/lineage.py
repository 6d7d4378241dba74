"""Whose weights a rung starts from: which file they are in, whether they are ready, and whether they have changed."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection
from pathlib import Path

from escalera.core.errors import EscaleraError, Problem, RunError, nearest
from escalera.core.files import sha256
from escalera.core.rundir import RunDir, is_trial, standing
from escalera.ladder import schema
from escalera.ladder.read import Reading
from escalera.ladder.saved import read_config


def inherit(reading: Reading) -> Reading:
    """The ladder with the model that each transfer or vote continues written into it as `like`, so that a run needs no
    other.

    What is wrong with the rungs and runs named there joins the problems.
    """
    problems = list(reading.problems)
    places = {name: number for number, name in enumerate(reading.names)}
    known: dict[str, schema.Rung] = {}
    for rung in sorted([*reading.rungs, *reading.drafts], key=lambda rung: places[rung.name]):
        for name, weights in rung.config.model.starts_from.items():
            if not isinstance(weights, schema.Weights):
                continue
            try:
                before = _before(rung, weights, known, reading.names)
                rung = rung if before is None else _continued(rung, name, before)
            except EscaleraError as error:
                place = reading.locate(rung.name, f"model.{rung.config.model.key_of(name, 'weights')}")
                problems.append(Problem(str(error), place.path, place.file, place.line))
        known[rung.name] = rung
    ladder = reading.ladder.model_copy(update={"rungs": [known[rung.name] for rung in reading.rungs]})
    drafts = [known[rung.name] for rung in reading.drafts]
    # A rung inherits its parent's weights: a mistake in them is told once, where it was typed.
    return dataclasses.replace(reading, ladder=ladder, problems=list(dict.fromkeys(problems)), drafts=drafts)


def sources(config: schema.RungConfig) -> set[str]:
    """The rungs of the same ladder whose weights a rung starts from."""
    found = config.model.starts_from.values()
    return {weights.rung for weights in found if isinstance(weights, schema.Weights) and weights.rung}


def origins(config: schema.RungConfig, run: RunDir) -> dict[str, RunDir]:
    """The runs that a run's weights come from, by branch (`body` without branches, `features` for votes)."""
    found = config.model.starts_from.items()
    return {name: origin(weights, run) for name, weights in found if isinstance(weights, schema.Weights)}


def weights_files(config: schema.RungConfig, run: RunDir) -> dict[str, Path]:
    """The files that a run's weights come from, by branch (`body` without branches, `features` for votes).

    Not those that the run makes itself, or the hub has.
    """
    files = {}
    for name, weights in config.model.starts_from.items():
        if isinstance(weights, schema.Weights):
            files[name] = origin(weights, run).best
        elif weights.endswith(".safetensors"):
            files[name] = Path(weights)
    return files


def check_ready(config: schema.RungConfig, run: RunDir, failed: Collection[str] = ()) -> None:
    """Raise RunError unless the runs that the weights come from are finished and whole.

    Rungs that were to be trained again and `failed` are not, though an earlier run of theirs may stand.
    """
    for weights in config.model.starts_from.values():
        before = origin(weights, run) if isinstance(weights, schema.Weights) else None
        if before is None:
            continue
        assert isinstance(weights, schema.Weights)
        if before.state() == "done" and before.best.exists() and weights.rung not in failed:
            before.check(before.best.name, before.config.name)
            continue
        found = "failed" if weights.rung in failed else before.state()
        states = {"absent": "was never trained", "running": "was interrupted", "failed": "failed"}
        state = {**states, "damaged": "is damaged"}.get(found, "has lost its weights")
        what = f"the rung '{weights.rung}'" if weights.rung else f"the run in {weights.run}"
        todo = f"Climb '{weights.rung}' first (--rung {weights.rung})" if weights.rung else "Let it finish first"
        raise RunError(f"it starts from the weights of {what}, which {state} ({before.path}). {todo}.")


def has_changed(config: schema.RungConfig, run: RunDir) -> bool:
    """Whether a file of the weights that a run started from, or of the labels that it learned from, is another now.

    One that is gone says nothing. The folds of a run are to begin alike: it has changed where any of them has.
    """
    if not run.record.exists():
        return False
    if any(has_changed(config, part) for part in run.folds() if part.state() != "damaged"):
        return True
    record = run.read_record()
    labels, before = (record.get("data") or {}).get("labels"), record.get("weights")
    if labels and Path(labels["file"]).is_file() and fingerprint(Path(labels["file"])) != labels["sha256"]:
        return True
    return before is not None and any(
        path.is_file() and fingerprint(path) != before.get(name, {}).get("sha256")
        for name, path in weights_files(config, run).items()
    )


def origin(weights: schema.Weights, run: RunDir) -> RunDir:
    """The run that weights come from: an earlier rung's with the same seed, beside this one, or one elsewhere."""
    if fold := re.fullmatch(r"fold-(\d+)", run.path.name):
        # Of the same fold, whose rows neither of the two has seen; or of a run that was not trained in folds.
        whole = origin(weights, RunDir(run.path.parent))
        return whole.fold(int(fold[1])) if whole.fold(1).exists() else whole
    # All trials of a search have one seed of their own, of which there is no other run.
    seed = 0 if is_trial(run.path.parent) else run.seed
    return RunDir(Path(weights.run) if weights.run else run.ladder / str(weights.rung) / f"seed-{seed}")


def fingerprint(path: Path) -> str:
    """The SHA-256 of a file; raises RunError when it cannot be read."""
    try:
        return sha256(path)
    except OSError as error:
        raise RunError(f"could not read the weights in {path}: {error.strerror}. Look at model.weights.") from error


def _before(
    rung: schema.Rung, weights: schema.Weights, earlier: dict[str, schema.Rung], names: list[str]
) -> schema.RungConfig | None:
    """The configuration of the run that weights come from, None for that of a rung whose mistakes are told elsewhere.

    Raises EscaleraError when there is no such run.
    """
    if weights.rung is None:
        return _elsewhere(Path(str(weights.run)))
    if weights.rung in earlier:
        return earlier[weights.rung].config
    if weights.rung == rung.name or weights.rung in names:
        if weights.rung in names[: names.index(rung.name)]:
            return None
        raise EscaleraError(f"expected a rung that stands above this one, received '{weights.rung}'")
    raise EscaleraError(f"unknown rung '{weights.rung}'; {nearest(weights.rung, names[: names.index(rung.name)])}")


def _continued(rung: schema.Rung, name: str, before: schema.RungConfig) -> schema.Rung:
    """The rung with the model that a part of it continues; raises EscaleraError when that model is not of its kind."""
    changed = rung.config.model.continuing(name, before.model)
    if not changed.trains and before.data != rung.config.data:
        # Otherwise rows that the network learned from could be among the test rows.
        raise EscaleraError("expected the run of a network that learned from the very same data as this rung")
    if before.data.source == rung.config.data.source and before.data.folds != rung.config.data.folds:
        # Otherwise its weights have learned from rows that this one is tested on.
        wanted, there = rung.config.data.folds, before.data.folds
        raise EscaleraError(
            f"expected weights of a rung with the same data.folds, {wanted}, received those of one with {there}"
        )
    if (rung.config.augment.mixup or rung.config.augment.cutmix) and changed.reads_attributes:
        raise EscaleraError(schema.NO_BLEND)
    config = rung.config.model_copy(update={"model": changed})
    if config.normalised_twice:
        raise EscaleraError(config.normalised_twice)
    return rung.model_copy(update={"config": config})


def _elsewhere(path: Path) -> schema.RungConfig:
    """The configuration of a finished run of any ladder."""
    run = RunDir(path)
    if not run.config.exists():
        inside = standing(path)
        guess = f"; did you mean {inside[0].path}?" if inside else ", such as runs/cifar10/base/seed-0"
        raise EscaleraError(f"expected a run directory, with a config.yaml, received {path}{guess}")
    state = run.read_record().get("state", "absent") if run.record.exists() else "absent"
    if state != "done":
        raise EscaleraError(f"expected a finished run, but the one in {path} is {state}; let it finish first")
    run.check(run.config.name)
    return read_config(run.config)
