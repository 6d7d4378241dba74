"""CIFAR-100 with its wrong labels: how many rows are suspect, and does a network learn better without them?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from trust_doubt import FROZEN

import escalera as esc
from escalera.data.sources.open import open_source
from escalera.experiment.explore import explore_source
from escalera.experiment.summary import outcome

NETWORKS: dict[str, dict[str, Any]] = {
    "cnn": {
        "model": {
            "kind": "cnn", "blocks": [[32], [64], [128]], "batch_norm": "conv", "dropout": 0.1,
            "head": {"dense": [256], "dropout": 0.3},
        },
        "augment": {"horizontal_flip": True, "shift": 0.1},
    },
    "frozen": {
        "model": {
            **FROZEN, "head": {"pool": "average", "dense": [512], "dropout": 0.3},
        },
    },
}  # fmt: skip
_SIDE: dict[str, dict[str, int]] = {"cnn": {}, "frozen": {"image_size": 96}}
_TRAIN: dict[str, Any] = {
    "batch_size": 128, "optimizer": {"name": "adam", "lr": 0.001}, "schedule": {"name": "cosine"},
}  # fmt: skip


def noisy(data: Path, rows: int, out: Path, *, network: str, seeds: int, epochs: int) -> None:
    """Find the suspects among the first rows of train, as a user would, and climb with all rows, without the suspects,
    and with their labels corrected."""
    images = open_source("cifar100", data_root=data, image_size=None, channels=None)
    train, test = images.splits["train"], images.splits["test"]
    arrays: dict[str, Any] = {
        "train_images": train.images[:rows], "train_labels": train.labels[:rows],
        "test_images": test.images[:], "test_labels": test.labels[:],
    }  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    source = out / "noisy.npz"
    whole: dict[str, Any] = {name: np.asarray(array) for name, array in arrays.items()}
    np.savez(source, **whole)
    start = time.perf_counter()
    page, facts = explore_source(str(source), out=out / "explored", labels=True)
    found = facts["labels"]
    count = len(arrays["train_labels"])
    print(
        f"cifar100, {count} rows of train: {found['suspects']['train'] / count:.1%} suspect, estimated share of wrong "
        f"labels {found['share']:.1%}, test rows {found['suspects']['test'] / len(test.labels):.1%} suspect; the "
        f"networks say {found['accuracy']:.1%} of the labels; {time.perf_counter() - start:.0f} s",
        flush=True,
    )
    start = time.perf_counter()
    plain = {"name": "as-labelled", **NETWORKS[network]}
    ways = [
        {"name": name, "from": plain["name"], "change": {"data.labels": {way: str(page.parent / "labels.csv")}}}
        for name, way in (("without", "drop"), ("corrected", "corrections"))
    ]
    ladder: dict[str, Any] = {"name": "noisy", "data": {"source": str(source), **_SIDE[network]}}
    ladder |= {"train": {**_TRAIN, "epochs": epochs}, "rungs": [plain, *ways]}
    if esc.climb(ladder, out=out / "runs", seeds=seeds, quiet=True).failed:
        raise SystemExit("a rung has failed")
    for rung in outcome(out / "runs" / "noisy")["rungs"]:
        low, high = rung["interval"] or (0.0, 0.0)
        print(
            f"{rung['name']}: test accuracy {rung['test_accuracy']:.2%}, difference {rung['difference'] or 0:+.2%} "
            f"({low:+.2%} to {high:+.2%}), p {rung['p_holm']}, {rung['verdict']}"
        )
    print(f"{time.perf_counter() - start:.0f} s of training")
