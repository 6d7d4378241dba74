"""Searches: what a trial costs beyond its training, what successive halving finds and saves against a full random
search, and whether searches that are killed come to the answer of one that nobody broke.

    python benchmarks/search.py overhead
    python benchmarks/search.py halving [--fashion DIR] [--repetitions 5] [--trials 30]
    python benchmarks/search.py kills [--count 30] [--seed 0]

DIR holds Fashion-MNIST's train.parquet; its first 10,000 rows are taken.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from multiprocessing.context import ForkProcess
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from machine import machine
from pyarrow import parquet
from scipy import stats

import escalera as esc
from escalera.cli import main
from escalera.experiment import climb as climbing
from escalera.experiment.executors.worker import prepare

EPOCHS = 9
TRIALS = 10
ROWS = 10_000
CLIMB = ["escalera", "climb", "kills.yaml", "--device", "cpu"]
FORK = multiprocessing.get_context("fork")
"""Each climb is a process of its own, that has all imported already."""
KILLS: dict[str, Any] = {
    "name": "kills",
    "data": {"source": "digits", "validation": 0.2, "test": 0.4},
    "train": {"epochs": EPOCHS, "batch_size": 32, "optimizer": {"name": "adam", "lr": 0.01}},
    "rungs": [
        {
            "name": "tuned",
            "model": {"kind": "mlp", "dense": [8]},
            "search": {
                "over": {
                    "train.optimizer.lr": {"log": [1e-4, 1e-1]},
                    "model": [
                        {"kind": "cnn", "blocks": [[8], [8]], "head": {"dense": [16]}},
                        {"kind": "mlp", "dense": {"choice": [[8], [16], [16, 16]]}},
                    ],
                },
                "trials": TRIALS,
                "epochs": EPOCHS,
            },
        },
    ],
}
"""A ladder with a search; how its trials are chosen and performed is what the kills differ in."""
WAYS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "tpe, pruned": ({"method": "tpe", "prune": True}, []),
    "random": ({"method": "random"}, []),
    "random, --jobs 2": ({"method": "random"}, ["--jobs", "2"]),
}
EACH = 5
"""Kills of one search, one after the other."""
SAME = ("number", "state", "settings", "value", "curve", "epochs", "error", "same")
"""What a kill must not change of a trial; the rest is a clock's."""


def ladder(source: str, seed: int, model: Mapping[str, Any], search: Mapping[str, Any]) -> dict[str, Any]:
    """A ladder of one rung, which searches."""
    return {
        "name": "searched",
        "seed": seed,
        "data": {"source": source, "validation": 0.2, "test": 0.2},
        "train": {"epochs": EPOCHS, "batch_size": 64, "optimizer": {"name": "adam", "lr": 0.001}},
        "rungs": [{"name": "tuned", "model": dict(model), "search": dict(search)}],
    }


def searched(out: Path, written: dict[str, Any], **options: Any) -> dict[str, Any]:
    """What search.json holds after a climb."""
    shutil.rmtree(out, ignore_errors=True)
    climbing.climb(esc.load_ladder(written), out=out, device="cpu", **options)
    found: dict[str, Any] = json.loads((out / "searched/tuned/search/search.json").read_text())
    return found


def overhead(folder: Path) -> None:
    """Wall-clock seconds of a search, without those of its trainings, a trial."""
    print("| trials | method | jobs | search, s | trainings, s | beyond them, s a trial |\n|---|---|---|---|---|---|")
    over = {"train.optimizer.lr": {"log": [1e-4, 1e-1]}, "model.dense": [[8], [16], [32]], "train.label_smoothing":
            {"uniform": [0.0, 0.2]}}  # fmt: skip
    ways: list[tuple[str, int, int]] = [
        ("random", 20, 1), ("tpe", 20, 1), ("tpe", 100, 1), ("tpe", 300, 1), ("grid", 300, 1), ("tpe", 20, 2),
        ("tpe", 100, 2),
    ]  # fmt: skip
    for method, trials, jobs in ways:
        search: dict[str, Any] = {"over": over, "method": method, "trials": trials, "epochs": 3}
        if method == "grid":
            search = {"over": {"train.batch_size": {"int": [101, 100 + trials]}}, "method": "grid", "epochs": 3}
        model = {"kind": "mlp", "dense": [8]}
        # More than one task is what processes are begun for; a single one is performed here.
        found = searched(folder / "runs", ladder("digits", 0, model, search), **({"jobs": jobs} if jobs > 1 else {}))
        told = found["trials"]
        each = (found["elapsed"] - found["seconds"] / jobs) / len(told)
        print(f"| {len(told)} | {method} | {jobs} | {found['elapsed']:.2f} | {found['seconds']:.2f} | {each:.3f} |")


def halving(folder: Path, root: Path | None, repetitions: int, trials: int) -> None:
    """Successive halving against all trials in full, over the same settings in the same order."""
    space = {
        "train.optimizer.lr": {"log": [1e-4, 1e-1]},
        "train.batch_size": [32, 64, 128, 256],
        "model.dense": [[16], [64], [128], [64, 64]],
        "model.dropout": {"uniform": [0.0, 0.5]},
        "train.label_smoothing": {"uniform": [0.0, 0.2]},
    }
    sources = {"digits": "digits"}
    if root is not None:
        file = folder / "fashion.parquet"
        parquet.write_table(parquet.read_table(root / "train.parquet").slice(0, ROWS), file)
        sources[f"{ROWS:,} rows of Fashion-MNIST"] = str(file)
    for name, source in sources.items():
        print(f"{name}: {trials} trials of {EPOCHS} epochs, random", flush=True)
        print("| seed | full, % | halved, % | rank of what it found | epochs | epochs, halved | share |")
        print("|---|---|---|---|---|---|---|", flush=True)
        less, shares, rows = [], [], 0
        for seed in range(repetitions):
            found = []
            for prune in (False, True):
                search = {"over": space, "method": "random", "trials": trials, "prune": prune}
                model = {"kind": "mlp", "dense": [16], "dropout": 0.0}
                found.append(searched(folder / "runs", ladder(source, seed, model, search)))
            full, _ = found
            values = sorted((trial["value"] for trial in full["trials"] if trial["state"] == "done"), reverse=True)
            best, other = (one["trials"][one["best"]]["value"] for one in found)
            spent = [sum(trial["epochs"] for trial in one["trials"]) for one in found]
            rows, rank = full["rows"], 1 + sum(value > other for value in values)
            less.append(100 * (other - best))
            shares.append(spent[1] / spent[0])
            figures = f"{100 * best:.2f} | {100 * other:.2f} | {rank} of {len(values)} | {spent[0]} | {spent[1]}"
            print(f"| {seed} | {figures} | {shares[-1]:.1%} |", flush=True)
        # The same settings train to the same weights: the full search can lose nowhere, and the gap is one-sided.
        half = float(stats.t.ppf(0.975, len(less) - 1)) * stdev(less) / math.sqrt(len(less)) if len(less) > 1 else 0.0
        noise = 100 * math.sqrt(best * (1 - best) / rows)
        print(
            f"difference {mean(less):+.2f} points, 95 % interval {mean(less) - half:+.2f} to {mean(less) + half:+.2f}"
        )
        print(f"deviation of one figure on {rows} rows: {noise:.2f} points; epochs {mean(shares):.1%}", flush=True)


class Place:
    """A folder with a ladder that searches, and its runs."""

    def __init__(self, folder: Path, way: str) -> None:
        self.folder, (search, self.options) = folder, WAYS[way]
        self.runs = folder / "runs/kills"
        self.search = self.runs / "tuned/search"
        folder.mkdir(parents=True)
        [rung] = KILLS["rungs"]
        rungs = [{**rung, "search": {**rung["search"], **search}}]
        (folder / "kills.yaml").write_text(json.dumps({**KILLS, "rungs": rungs}))

    def begin(self) -> ForkProcess:
        process = FORK.Process(target=_typed, args=(self.folder, [*CLIMB, *self.options]))
        process.start()
        return process

    def end(self, process: ForkProcess) -> None:
        process.join()
        assert process.exitcode == 0, (self.folder / "said.txt").read_text()

    def found(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.search / "search.json").read_text())
        return found

    def stood(self) -> tuple[str, dict[Path, int]]:
        """How many trials were asked for and told of; and when the results of each were written."""
        lines = (self.search / "journal.log").read_text().splitlines() if self.search.exists() else []
        asked = sum('"op_code":4' in line for line in lines)
        over = list(self.search.glob("trial-*/seed-*/metrics.json"))
        told = sum('"told"' in line for line in lines)
        state = "the winner" if (self.runs / "tuned/seed-0").exists() else f"{told} over of {asked}"
        return state, {path: path.stat().st_mtime_ns for path in over}


def differences(place: Place, whole: Place, before: Mapping[Path, int]) -> list[str]:
    """In what a search that was killed differs from one that nobody broke."""
    one, other = place.found(), whole.found()
    found = [name for name in ("answer", "best", "state", "epochs") if one.get(name) != other.get(name)]
    if len(one["trials"]) != len(other["trials"]):
        found.append(f"{len(one['trials'])} trials")
    pairs = zip(one["trials"], other["trials"], strict=False)
    found += [f"trial {a['number']}: {name}" for a, b in pairs for name in SAME if a[name] != b[name]]
    found += [f"{path.parent} was done twice" for path, written in before.items() if path.stat().st_mtime_ns != written]
    found += [str(path) for path in place.search.glob("trial-*/seed-*.*")]
    found += [str(path) for path in place.search.parent.glob("search.*")]
    weights = "tuned/seed-0/best.safetensors"
    if (place.runs / weights).read_bytes() != (whole.runs / weights).read_bytes():
        found.append("the winner's weights")
    return found


def kills(folder: Path, count: int, draw: random.Random) -> None:
    """Kill each search at random instants, let the same command go on, and compare it in the end."""
    wholes: dict[str, Place] = {}
    spans: dict[str, float] = {}
    for way in WAYS:
        wholes[way] = Place(folder / f"whole-{len(wholes)}", way)
        process = wholes[way].begin()
        began = _searching(wholes[way], process)
        wholes[way].end(process)
        spans[way] = wholes[way].found()["elapsed"]
        print(f"{way}: unbroken, the search takes {spans[way]:.1f} s; begun after {began:.1f} s", flush=True)
    equal, total = Counter[str](), Counter[str]()
    for number in range(-(-count // EACH)):
        way = list(WAYS)[number % len(WAYS)]
        place, before = Place(folder / f"kill-{number}", way), dict[Path, int]()
        stood = []
        for kill in range(EACH):
            process = place.begin()
            # So many trials are over first: how fast a machine is would decide otherwise where a kill strikes.
            _searching(place, process, int(draw.uniform(kill, kill + 1) * TRIALS / EACH))
            time.sleep(draw.uniform(0, spans[way] / TRIALS))
            process.kill()
            process.join()
            at, over = place.stood()
            before = {**over, **before}
            stood.append(at)
        place.end(place.begin())
        differs = differences(place, wholes[way], before)
        total[way] += EACH
        equal[way] += EACH * (not differs)
        print(f"{number + 1:3}  {way:16}  {'; '.join(stood):78}  {', '.join(differs) or 'equal'}", flush=True)
        if not differs:
            shutil.rmtree(place.folder)
    print("| search | kills | equal to the unbroken one |\n|---|---|---|")
    for way in WAYS:
        print(f"| {way} | {total[way]} | {equal[way]} |")


def _typed(folder: Path, command: list[str]) -> None:
    """What a person's command does, in a folder."""
    os.chdir(folder)
    sys.argv = command
    with Path("said.txt").open("w") as said, contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        main()


def _searching(place: Place, process: ForkProcess, over: int = 0) -> float:
    """Wait until the search is at work and so many trials are over, or the climb is; the seconds that it took."""
    began, journal = time.monotonic(), place.search / "journal.log"
    before = journal.stat().st_mtime_ns if journal.exists() else 0
    while process.is_alive():
        if journal.exists() and journal.stat().st_mtime_ns > before and journal.read_bytes().count(b'"told"') >= over:
            break
        time.sleep(0.005)
    return time.monotonic() - began


def measure() -> None:
    """Measure one thing, and name the machine."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("overhead", "halving", "kills"))
    parser.add_argument("--fashion", type=Path, default=None)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="search-"))
    os.environ |= {"OMP_NUM_THREADS": "1", "ESCALERA_CACHE": str(folder / "cache")}
    if given.what == "overhead":
        overhead(folder)
    elif given.what == "halving":
        halving(folder, given.fashion, given.repetitions, given.trials)
    else:
        prepare()
        kills(folder, given.count, random.Random(given.seed))
    print(machine())


if __name__ == "__main__":
    measure()
