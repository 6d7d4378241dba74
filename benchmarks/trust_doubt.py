"""Whether probabilities can be believed after the temperature, and whether sets hold what they promise."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import betabinom

import escalera as esc
from escalera.core.files import read_json
from escalera.core.predictions import read_answers, read_logits
from escalera.core.rundir import RunDir
from escalera.evaluate.doubt import Doubt
from escalera.evaluate.intervals import intervals
from escalera.evaluate.metrics import metrics, tally, total

COVERAGE = 0.9
_ADAM = {"name": "adam", "lr": 0.001}
FROZEN: dict[str, Any] = {
    "kind": "backbone", "name": "tf_efficientnet_lite0", "weights": "imagenet", "trainable": "none",
    "head": {"pool": "average"},
}  # fmt: skip
_CNN = {"kind": "cnn", "blocks": [[32], [64], [128]], "head": {"dense": [256, 128]}}
LADDERS: dict[str, dict[str, Any]] = {
    "digits": {
        "data": {"source": "digits", "validation": 0.2},
        "train": {"epochs": 20, "batch_size": 64, "optimizer": _ADAM},
        "model": {"kind": "cnn", "blocks": [[16], [32]]},
    },
    "houses": {
        "data": {"source": "houses", "target": "price", "bands": 4, "image_size": 16, "test": 0.3, "validation": 0.3,
                 "image_column": "frontal"},
        "train": {"epochs": 60, "batch_size": 32, "optimizer": _ADAM},
        "model": {"kind": "table", "dense": [64, 32], "dropout": 0.2},
    },
    "clothing": {
        "data": {"source": "clothing", "image_size": 128},
        "train": {"epochs": 20, "batch_size": 64, "optimizer": _ADAM},
        "model": FROZEN,
    },
    "fashion-mnist": {
        "data": {"source": "fashion_mnist"},
        "train": {"epochs": 3, "batch_size": 256, "optimizer": _ADAM},
        "model": _CNN,
    },
    "cifar10": {
        "data": {"source": "cifar10"},
        "train": {"epochs": 25, "batch_size": 512, "optimizer": _ADAM},
        "model": _CNN,
    },
}  # fmt: skip
"""Short trainings, without early stopping: how good a network is matters to neither promise. That of CIFAR-10 is the
shipped rung `deeper`, without its early stopping."""


def doubt(data: Path, names: list[str], out: Path, splits: int) -> None:
    """Climb each with `evaluate.coverage`; the error of calibration before and after, and the coverage of the sets.

    With several `splits` the same over other test, validation and calibrating rows, and all of them together.
    """
    for name in names:
        found = []
        for split in range(splits):
            start = time.perf_counter()
            settings = {key: value for key, value in LADDERS[name].items() if key != "model"}
            rung = {"name": "rung", "model": LADDERS[name]["model"]}
            evaluation = {"coverage": COVERAGE}
            ladder = {"name": f"{name}-{split}", "seed": split, "evaluate": evaluation, **settings, "rungs": [rung]}
            if esc.climb(ladder, out=out, data_root=data, quiet=True).failed:
                raise SystemExit(f"{name}: its rung has failed")
            run = RunDir(out / f"{name}-{split}" / "rung" / "seed-0")
            found.append(_tell(f"{name}, split {split}", run, time.perf_counter() - start))
        if splits > 1:
            coverages, within = np.array([one for one, _ in found]), sum(inside for _, inside in found)
            error = coverages.std(ddof=1) / splits**0.5
            print(
                f"{name}: over {splits} splits the coverage is {coverages.mean():.2%} (standard error {error:.2%}), "
                f"from {coverages.min():.2%} to {coverages.max():.2%}; {within} of {splits} within what is expected"
            )


def _tell(name: str, run: RunDir, seconds: float) -> tuple[float, bool]:
    """Print what one run says; its coverage, and whether that is within what is expected."""
    found = read_json(run.doubt)
    own = Doubt(found["temperature"], found["coverage"], found["least"], found["rows"])
    answers, logits = read_answers(run.predictions), read_logits(run.predictions)
    sets = own.sets(own.probabilities(logits))
    held, sizes = sets[np.arange(len(sets)), answers.labels], sets.sum(axis=1)
    # Of all draws of so many calibrating and so many test rows, 95 % have a coverage within these (Vovk 2012).
    rank = int(np.ceil((found["rows"] + 1) * COVERAGE))
    law = betabinom(len(held), rank, found["rows"] + 1 - rank)
    low, high = law.ppf([0.025, 0.975]) / len(held)
    errors = []
    for scaled in (logits, logits / own.temperature):
        tallies = tally(scaled.astype(np.float64), answers.labels)
        least, most = intervals(tallies)["calibration_error"]
        errors.append(f"{float(metrics(total(tallies))['calibration_error']):.2%} ({least:.2%} to {most:.2%})")
    print(
        f"{name}: accuracy {answers.correct.mean():.2%}, temperature {own.temperature:.3f}, calibration error "
        f"{errors[0]} before, {errors[1]} after; coverage {held.mean():.2%} of {len(held)} rows, calibrated on "
        f"{own.rows}, expected {low:.2%} to {high:.2%}: {'within' if low <= held.mean() <= high else 'OUTSIDE'}; "
        f"{sizes.mean():.2f} classes a set, {np.mean(sizes == 1):.1%} single, {np.mean(sizes == 0):.1%} empty; "
        f"{seconds:.0f} s",
        flush=True,
    )
    return float(held.mean()), bool(low <= held.mean() <= high)
