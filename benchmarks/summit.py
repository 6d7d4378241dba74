"""The end of a summit ladder with some seeds: accuracy as it is and by views, and seconds of training. With --beside
FILE another script trains in turn with it, so that both see the same machine, and the ratio of their times is
printed too.

    python benchmarks/summit.py --seeds 3 --beside other.py

`python FILE SEED` ends with a line of JSON such as {"accuracy": 0.897, "tta": 0.905, "seconds": 400}.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from machine import machine

import escalera as esc
from escalera.core.rundir import RunDir


class Training(NamedTuple):
    accuracy: float
    tta: float
    seconds: float


def ours(ladder: str, sets: Sequence[str], seed: int, out: Path) -> Training:
    # Asked with other views, a network is not trained again: the last rung takes over what the one above it trained.
    plain, views = [rung.name for rung in esc.load_ladder(ladder, sets).rungs[-2:]]
    esc.climb(ladder, sets=sets, rungs=[plain, views], seeds=seed + 1, out=out, quiet=True)
    runs = [RunDir(out / ladder / name / f"seed-{seed}") for name in (plain, views)]
    accuracy, tta = (json.loads(run.metrics.read_text())["test"]["accuracy"] for run in runs)
    return Training(accuracy, tta, json.loads(runs[0].record.read_text())["seconds"])


def beside(script: Path, seed: int) -> Training:
    done = subprocess.run([sys.executable, str(script), str(seed)], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stderr[-2000:]}")
    return Training(**json.loads(done.stdout.splitlines()[-1]))


def line(name: str, found: Sequence[Training]) -> str:
    accuracy, tta, seconds = (fmean(column) for column in zip(*found, strict=True))
    return f"{name}: {100 * accuracy:.2f} %, by views {100 * tta:.2f} %, {seconds:.0f} s of training"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ladder", default="summit")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="PATH=VALUE")
    parser.add_argument("--beside", type=Path)
    options = parser.parse_args()
    print(machine())
    own: list[Training] = []
    other: list[Training] = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            own.append(ours(options.ladder, options.sets, seed, Path(folder)))
            print(line(f"{options.ladder}, seed {seed}", own[-1:]), flush=True)
            if options.beside is not None:
                other.append(beside(options.beside, seed))
                print(line(f"{options.beside.stem}, seed {seed}", other[-1:]), flush=True)
    print(line(f"{options.ladder}, mean of {options.seeds}", own))
    if other:
        print(line(f"{options.beside.stem}, mean of {options.seeds}", other))
        ratio = sum(one.seconds for one in own) / sum(one.seconds for one in other)
        print(f"{ratio:.2f} of its training time (wanted: at most 0.8)")


if __name__ == "__main__":
    main()
