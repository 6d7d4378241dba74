"""Ladders that build themselves: what they come to, against the first rung and against the shipped ladder.

    ESCALERA_DATA=<folder> python benchmarks/auto.py digits   --minutes 3
    ESCALERA_DATA=<folder> python benchmarks/auto.py houses   --minutes 3
    ESCALERA_DATA=<folder> python benchmarks/auto.py clothing --minutes 20
    ESCALERA_DATA=<folder> ESCALERA_WEIGHTS=<folder> python benchmarks/auto.py clothing --minutes 20 --name with-weights

Prints the seconds after which the last training was over, the reads of the test rows by the call, each move with its
figures, and the best validation accuracy over time. Then the first rung of the ladder it wrote is climbed, and with
--against the shipped ladder of a name, on the same test rows.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from machine import machine

from escalera.core.rundir import RunDir
from escalera.experiment.auto.auto import auto
from escalera.experiment.auto.text import sentence, words_of
from escalera.experiment.climb import climb, load_ladder


def test_accuracies(out: Path, ladder: str, rungs: list[str]) -> dict[str, float]:
    """The test accuracy of each rung's first seed."""
    found = {}
    for rung in rungs:
        metrics = RunDir(out / ladder / rung / "seed-0").metrics
        if metrics.exists():
            found[rung] = json.loads(metrics.read_text(encoding="utf-8"))["test"]["accuracy"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source")
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--name", default="")
    parser.add_argument("--against", default="", help="a shipped ladder that is climbed beside it")
    parser.add_argument("--out", type=Path, default=None)
    given = parser.parse_args()
    print(machine())
    folder = given.out or Path(tempfile.mkdtemp())
    # Not beside the ladder: a folder of runs with the name of a source would be taken for it.
    out = folder / "runs"
    out.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    built = auto(given.source, minutes=given.minutes, name=given.name, out=out, file=folder / "auto.yaml")
    whole = time.perf_counter() - began
    diary, words = built.diary, words_of("en")
    best, curve = 0.0, []
    for attempt in sorted(diary.attempts, key=lambda one: one.ended):
        if attempt.state == "kept" and attempt.accuracy is not None:
            best = max(best, attempt.accuracy)
            curve.append(f"{attempt.ended:.0f} s {100 * best:.1f} %")
    for attempt in diary.attempts:
        print(f"  {attempt.state:8}{sentence(attempt, words)}")
    name = built.results.report.parent.name
    rungs = [key[0] for key in built.results.runs]
    looks = sum(RunDir(out / name / rung / "seed-0").read_record()["test_looks"] for rung in rungs)
    last = test_accuracies(out, name, rungs)
    print(
        f"{given.source}: {whole:.0f} s of {60 * given.minutes:.0f} in all, the report included; test rows read {looks}"
    )
    print(f"best of validation over time: {', '.join(curve)}")
    first = diary.kept[0].name
    climb(load_ladder(built.file), out=out / "again", rungs=[first], jobs=1)
    ground = test_accuracies(out / "again", name, [first])[first]
    for rung, accuracy in last.items():
        print(f"{rung}: test {100 * accuracy:.2f} %, {100 * (accuracy - ground):+.2f} points over the first rung")
    if given.against:
        climb(load_ladder(given.against), out=out / "shipped", jobs="auto")
        names = [rung.name for rung in load_ladder(given.against).rungs]
        found = test_accuracies(out / "shipped", given.against, names)
        top = max(found, key=found.__getitem__)
        print(f"the ladder {given.against}: " + ", ".join(f"{rung} {100 * one:.2f}" for rung, one in found.items()))
        print(f"its best rung: {top}, {100 * found[top]:.2f} %")


if __name__ == "__main__":
    main()
