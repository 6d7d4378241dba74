"""Can the answers be believed: rare classes that are heard, tests that cry wolf, and wrong labels that are found.

    python benchmarks/trust.py imbalance --data DIR --weights DIR
    python benchmarks/trust.py alike RUN [--pairs 1000]
    python benchmarks/trust.py doubt --data DIR --weights DIR [--ladder digits houses clothing fashion-mnist cifar10]
        [--splits 20]
    python benchmarks/trust.py noisy --data DIR [--weights DIR] [--rows 20000] [--seeds 1] [--epochs 15]
        [--network cnn | frozen]
    python benchmarks/trust.py labels [--data DIR] [--source digits fashion_mnist] [--noise 0.05 0.1 0.2]

DIR of data holds `clothing` (folders train, validation and test of ten classes), DIR of weights
`tf_efficientnet_lite0.in1k.safetensors`. RUN is a finished run, such as the plain one of the first part.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from machine import machine
from trust_doubt import FROZEN, LADDERS, doubt
from trust_noisy import NETWORKS, noisy

import escalera as esc
from escalera.core.predictions import read_answers, read_logits
from escalera.core.rundir import RunDir
from escalera.data.folds import deal
from escalera.data.sources.open import open_source
from escalera.evaluate.metrics import SHARES, softmax
from escalera.evaluate.noise import find_noise
from escalera.evaluate.paired import judge
from escalera.experiment.suspects.find import FOLDS, suspects_from
from escalera.experiment.suspects.out_of_fold import out_of_fold

RATIO = 50
"""How many rows the most frequent class has for each of the rarest."""
RARE: dict[str, Any] = {
    "name": "rare",
    "evaluate": {"metric": "balanced_accuracy"},
    "train": {"epochs": 5, "batch_size": 64, "optimizer": {"name": "adam", "lr": 0.001}},
    "rungs": [
        {
            "name": "plain",
            "model": FROZEN,
        },
        {"name": "weights", "change": {"train.class_weights": "balanced"}},
        {"name": "sampler", "from": "plain", "change": {"train.sampler": "balanced"}},
        {"name": "focal", "from": "plain", "change": {"train.loss": {"name": "focal", "gamma": 2.0}}},
    ],
}


def imbalance(data: Path, out: Path) -> None:
    """Climb plain, weighted, evenly sampled and focal on clothes of which the rarest have a fiftieth of the rows."""
    source = _thinned(data / "clothing", out / "clothing-rare")
    ladder = {**RARE, "data": {"source": str(source), "image_size": 128}}
    started = time.perf_counter()
    esc.climb(ladder, out=out / "runs", quiet=True)
    print(f"imbalance 1:{RATIO}, {time.perf_counter() - started:.0f} s")
    from escalera.experiment.summary import outcome

    for rung in outcome(out / "runs" / "rare")["rungs"]:
        scores = RunDir(out / "runs" / "rare" / rung["name"] / "seed-0")
        low, high = rung["interval"] or (0.0, 0.0)
        print(
            f"{rung['name']:8} balanced accuracy {rung['score']:.4f}, accuracy {rung['test_accuracy']:.4f}, "
            f"difference {rung['difference'] or 0:+.4f} ({low:+.4f} to {high:+.4f}), p {rung['p_holm']}, "
            f"{rung['verdict']}, {scores.path}"
        )


def alike(run: Path, pairs: int) -> None:
    """How often two answerers that are alike are told apart: both draw their answers from a run's probabilities.

    The rows of each pair are drawn anew, from those that the run was tested on.
    """
    answers, random = read_answers(RunDir(run).predictions), np.random.default_rng(0)
    known = softmax(read_logits(RunDir(run).predictions)).cumsum(axis=1)
    found = dict.fromkeys(SHARES, 0)
    for _ in range(pairs):
        rows = random.integers(0, len(answers.rows), len(answers.rows))
        one, other = (
            (random.random((len(rows), 1)) > known[rows]).sum(axis=1).clip(max=answers.classes - 1)[None]
            for _ in range(2)
        )
        for metric in SHARES:
            p = judge(metric, answers.labels[rows], one, other, answers.classes, draws=1).p
            found[metric] += p < 0.05
    for metric, count in found.items():
        print(f"{metric}: {count} of {pairs} pairs that are alike told apart ({count / pairs:.1%}; at most 6.4 %)")


def labels(data: Path | None, rows: int, sources: Sequence[str], shares: Sequence[float]) -> None:
    """Plant wrong labels, uniformly over the other classes: how well are they ranked, and counted?"""
    from sklearn.metrics import average_precision_score

    for name in sources:
        images = open_source(name, data_root=data, image_size=None, channels=None)
        whole, count = images.splits["train"], len(images.classes)
        chosen = np.arange(min(rows, len(whole.labels)))
        for share in shares:
            random = np.random.RandomState(1)
            given = whole.labels[chosen].copy()
            wrong = random.permutation(len(given))[: round(share * len(given))]
            given[wrong] = (given[wrong] + random.randint(1, count, len(wrong))) % count
            planted = np.isin(chosen, wrong)
            part = replace(whole, images=np.asarray(whole.images[: len(chosen)]), labels=given, table=None, listed=None)
            start = time.perf_counter()
            said = out_of_fold(replace(images, splits={"train": part}), None, deal(given, FOLDS, 0))["train"]
            found, _, estimated = suspects_from({"train": said}, {"train": given})
            suspect, plain = found["train"].flagged, find_noise(said, given)
            score = average_precision_score(planted, -found["train"].of_given)
            print(
                f"{name} {len(given)} rows, {share:.0%} planted: average precision {score:.3f}, estimated "
                f"{estimated:.1%} (joint {1 - np.trace(plain.joint):.1%}), suspect {suspect.mean():.1%}, of which "
                f"{planted[suspect].mean():.0%} are planted, and {suspect[planted].mean():.0%} of the planted; "
                f"confident learning alone {plain.flagged.mean():.1%}, {planted[plain.flagged].mean():.0%} and "
                f"{plain.flagged[planted].mean():.0%}; {time.perf_counter() - start:.0f} s",
                flush=True,
            )


def _thinned(source: Path, folder: Path) -> Path:
    """A copy whose train has ever fewer rows of a class, from the most frequent down to a fiftieth of it."""
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("validation", "test"):
        shutil.copytree(source / part, folder / part)
    classes = {path.name: sorted(path.iterdir()) for path in (source / "train").iterdir()}
    most = max(map(len, classes.values()))
    for rank, name in enumerate(sorted(classes, key=lambda one: -len(classes[one]))):
        rows = round(most * RATIO ** (-rank / (len(classes) - 1)))
        (folder / "train" / name).mkdir(parents=True)
        for file in classes[name][:rows]:
            shutil.copy(file, folder / "train" / name / file.name)
        print(f"{name}: {min(rows, len(classes[name]))}", end="  ")
    print()
    return folder


def main() -> None:
    """Run the part that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    rare = parts.add_parser("imbalance")
    rare.add_argument("--data", type=Path, required=True)
    rare.add_argument("--weights", type=Path, required=True)
    rare.add_argument("--out", type=Path)
    same = parts.add_parser("alike")
    same.add_argument("run", type=Path)
    same.add_argument("--pairs", type=int, default=1000)
    sure = parts.add_parser("doubt")
    sure.add_argument("--data", type=Path, required=True)
    sure.add_argument("--weights", type=Path, required=True)
    sure.add_argument("--ladder", nargs="+", default=list(LADDERS), choices=LADDERS)
    sure.add_argument("--splits", type=int, default=1)
    sure.add_argument("--out", type=Path)
    wrong = parts.add_parser("noisy")
    wrong.add_argument("--data", type=Path, required=True)
    wrong.add_argument("--weights", type=Path)
    wrong.add_argument("--rows", type=int, default=20_000)
    wrong.add_argument("--seeds", type=int, default=1)
    wrong.add_argument("--epochs", type=int, default=15)
    wrong.add_argument("--network", default="cnn", choices=NETWORKS)
    wrong.add_argument("--out", type=Path)
    noise = parts.add_parser("labels")
    noise.add_argument("--data", type=Path)
    noise.add_argument("--rows", type=int, default=10_000)
    noise.add_argument("--source", nargs="+", default=["digits", "fashion_mnist"])
    noise.add_argument("--noise", nargs="+", type=float, default=[0.05, 0.1, 0.2])
    asked = parser.parse_args()
    print(machine())
    if asked.part == "labels":
        labels(asked.data, asked.rows, asked.source, asked.noise)
        return
    if asked.part == "alike":
        alike(asked.run, asked.pairs)
        return
    if asked.weights is not None:
        os.environ["ESCALERA_WEIGHTS"] = str(asked.weights)
    with tempfile.TemporaryDirectory() as scratch:
        out = asked.out or Path(scratch)
        if asked.part == "doubt":
            doubt(asked.data, asked.ladder, out, asked.splits)
        elif asked.part == "noisy":
            noisy(asked.data, asked.rows, out, network=asked.network, seeds=asked.seeds, epochs=asked.epochs)
        else:
            imbalance(asked.data, out)


if __name__ == "__main__":
    main()
