"""What `--plan` says that a climb takes, beside what it takes: both by the real command, on a quiet machine.

    python benchmarks/plan.py digits
    python benchmarks/plan.py cifar10 --rung 1-network --set train.epochs=2

The pictures are in the cache before, as of any climb but the first of all.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time

from machine import machine

from escalera.experiment.estimate import around


def escalera(*words: str) -> tuple[str, float]:
    """What a command prints, and its seconds."""
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "escalera", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"escalera {' '.join(words)} failed:\n{done.stderr[-2000:]}")
    return done.stdout, time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ladder")
    parser.add_argument("--rung", action="append", default=[])
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="PATH=VALUE")
    options = parser.parse_args()
    print(machine())
    what = [options.ladder, *(word for rung in options.rung for word in ("--rung", rung))]
    what += [word for one in options.sets for word in ("--set", one)]
    # Of a single epoch, so that the pictures are in the cache.
    with tempfile.TemporaryDirectory() as folder:
        escalera("climb", *what, "--set", "train.epochs=1", "--out", folder)
    said, looked = escalera("climb", *what, "--plan", "--json")
    rows = json.loads(said)
    with tempfile.TemporaryDirectory() as folder:
        done, taken = escalera("climb", *what, "--out", folder, "--json")
    trained = {rung["name"]: rung["seconds"] for rung in json.loads(done)["rungs"]}
    for row in rows:
        print(f"{row['name']}: training planned {row['training_seconds']:.1f} s, took {trained[row['name']]:.1f} s")
    planned = around(rows) + sum(row["seconds"] for row in rows if "error" not in row)
    print(f"{' '.join(what)}: planned {planned:.1f} s in {looked:.1f} s, took {taken:.1f} s, "
          f"planned / taken {planned / taken:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
