"""What `make climb` takes, in turn with one run after the other and with another version: the ratios of each round.

Run it where nothing else is at work:

    python benchmarks/climb.py [--rounds 3] [--other path/of/another/checkout]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from statistics import mean

from jobs import climb
from machine import machine

HERE = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--other", type=Path, help="a checkout of the version to compare with")
    given = parser.parse_args()
    others: dict[str, Path] = {"one after the other": HERE}
    if given.other:
        others[f"{given.other.name}, one after the other"] = given.other.resolve()
    ratios: dict[str, list[float]] = {name: [] for name in others}
    print(machine())
    out = Path(tempfile.mkdtemp())
    for number in range(1, given.rounds + 1):
        seconds = climb(out, "--jobs", "auto", PYTHONPATH=str(HERE / "src"))
        print(f"round {number}: --jobs auto {seconds:.1f} s", end="", flush=True)
        for name, checkout in others.items():
            takes = climb(out, PYTHONPATH=str(checkout / "src"))
            ratios[name].append(seconds / takes)
            print(f"; {name} {takes:.1f} s ({seconds / takes:.2f} of it)", end="", flush=True)
        print()
    shutil.rmtree(out)
    for name, found in ratios.items():
        print(f"{mean(found):.2f} of {name}")


if __name__ == "__main__":
    main()
