"""What a table and photos say of a house's price, each alone and together: the ladder `houses` with five seeds.

    ESCALERA_DATA=<folder> python benchmarks/houses.py [--out runs] [--seeds 5] [--splits 5]

What is finished in the folder is not trained again. All seeds answer the same test rows. The better of the two parts is
taken by those very answers, which favours the part and never the combination. As 135 houses see only large differences,
the combination and its parts are trained on other splits too, each by the ladder with another `seed`.
"""

import argparse
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
from machine import machine

from escalera.cli.terminal import load_terminal
from escalera.core.predictions import Answers
from escalera.evaluate.compare import compare
from escalera.experiment.climb import climb, load_ladder
from escalera.ladder import schema
from escalera.report.runs import Run, read_run
from escalera.run.lineage import sources

WORDS = load_terminal("en")

COMBINED = "combined"
WORDS = load_terminal("en")
MEMORY, SECONDS = 2e9, 180


def spread(values: Iterable[float | None]) -> str:
    """Mean and deviation of shares, in percent."""
    found = [100 * value for value in values if value is not None]
    return f"{fmean(found):6.2f} ± {stdev(found) if len(found) > 1 else 0.0:4.2f}"


def answers(run: Run) -> Answers:
    assert run.answers is not None, run.path
    return run.answers


def right(runs: list[Run]) -> np.ndarray:
    """Which test rows each run has right (S, N)."""
    return np.stack([answers(run).correct for run in runs])


def costs(runs: list[Run]) -> tuple[float, float]:
    """The longest training in seconds, and the highest peak of memory in bytes."""
    records = [run.record for run in runs]
    return max(record.seconds or 0.0 for record in records), max(record.peak_memory_bytes or 0 for record in records)


def said(ok: bool) -> str:
    return "reached" if ok else "NOT reached"


def parts_of(rung: schema.Rung) -> list[str]:
    return sorted(sources(rung.config))


def show(name: str, runs: list[Run]) -> None:
    seconds, memory = costs(runs)
    tests = spread(run.metrics.test.accuracy for run in runs)
    validations = spread(run.metrics.validation.accuracy for run in runs)
    prices = [run.record.price for run in runs if run.record.price]
    paid = WORDS.money(fmean(price.amount for price in prices), prices[0].currency) if prices else "none"
    took, used = WORDS.duration(seconds), WORDS.short(memory, "B")
    print(f"{name:18} {tests:>16} {validations:>16} {took:>14} {used:>9} {paid:>13}")


def against(name: str, part: list[Run], combined: list[Run]) -> None:
    found = compare(right(part), right(combined))
    low, high = 100 * found.low, 100 * found.high
    print(f"{COMBINED} less {name:15} {100 * found.difference:+.2f} points, 95 % {low:+.2f} to {high:+.2f}")


def needed(ladder: schema.Ladder, name: str) -> list[str]:
    """A rung and all that it starts from."""
    return [found for before in parts_of(ladder[name]) for found in needed(ladder, before)] + [name]


def trained(split: int, options: argparse.Namespace, rungs: Iterable[str] = ()) -> dict[str, list[Run]]:
    """The runs of some rungs, or of all, where the ladder's seed is `split`."""
    reading = load_ladder("houses")
    reading = replace(reading, ladder=reading.ladder.model_copy(update={"seed": split}))
    out = options.out / f"split-{split}"
    names = list(rungs) or reading.names
    climb(reading, out=out, seeds=options.seeds, rungs=names)
    seeds = range(options.seeds)
    return {name: [read_run(out / "houses" / name / f"seed-{seed}", seed) for seed in seeds] for name in names}


def over_splits(found: list[Mapping[str, list[Run]]], part: str) -> None:
    """The combination less a part over the test houses of all splits; the bootstrap draws houses, not answers."""
    houses = 1 + max(int(answers(runs[part][0]).rows.max()) for runs in found)
    gain, asked = np.zeros(houses), np.zeros(houses)
    for runs in found:
        rows = answers(runs[part][0]).rows
        gain[rows] += right(runs[COMBINED]).mean(axis=0) - right(runs[part]).mean(axis=0)
        asked[rows] += 1
    drawn = np.random.RandomState(0).randint(houses, size=(10_000, houses))
    low, high = np.percentile(gain[drawn].sum(axis=1) / asked[drawn].sum(axis=1), (2.5, 97.5))
    print(
        f"over {len(found)} splits, {int((asked > 0).sum())} houses: {COMBINED} less {part} "
        f"{100 * gain.sum() / asked.sum():+.2f} points, 95 % {100 * low:+.2f} to {100 * high:+.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("runs"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--splits", type=int, default=5)
    options = parser.parse_args()
    ladder = load_ladder("houses").ladder
    found = trained(0, options)
    print(machine())
    print(f"houses, {options.seeds} seeds; the longest training and the highest memory of them, the mean price")
    print(f"{'':18} {'test %':>16} {'validation %':>16} {'time':>14} {'memory':>9} {'price':>13}")
    for name, runs in found.items():
        show(name, runs)
    parts = parts_of(ladder[COMBINED])
    best = max(parts, key=lambda name: right(found[name]).mean())
    print()
    for name in parts:
        against(name, found[name], found[COMBINED])
    ahead = float(right(found[COMBINED]).mean() - right(found[best]).mean())
    seconds, memory = (max(values) for values in zip(*(costs(runs) for runs in found.values()), strict=True))
    print(f"\nthe combination beats {best}, the better of its parts, on the mean: {said(ahead > 0)}")
    print(f"every rung below {WORDS.duration(SECONDS)}: {WORDS.duration(seconds)}, {said(seconds < SECONDS)}")
    print(f"every rung below {WORDS.short(MEMORY, 'B')}: {WORDS.short(memory, 'B')}, {said(memory < MEMORY)}\n")
    others = [trained(split, options, needed(ladder, COMBINED)) for split in range(1, options.splits)]
    for split, each in enumerate([found, *others]):
        print(f"split {split}, ", end="")
        against(best, each[best], each[COMBINED])
    over_splits([found, *others], best)


if __name__ == "__main__":
    main()
