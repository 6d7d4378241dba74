"""What the finished runs of a folder reached, a Markdown table for each ladder as docs/results/ has it.

    python benchmarks/accuracy.py runs

Nothing is trained and nothing computed anew: the figures are those of the report, and the commands, the hardware and
the versions are read from the runs' own files. Runs of several climbs stand in one table; a step is told where the run
of its parent is there too.
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from escalera.cli.terminal import load_terminal
from escalera.core.record import Text
from escalera.core.rundir import RunDir
from escalera.experiment.climb import load_ladder
from escalera.experiment.summary import as_values
from escalera.ladder.change import Change, difference
from escalera.ladder.read import Reading
from escalera.ladder.saved import read_config
from escalera.report.rung import Rung
from escalera.report.runs import Run, read_run
from escalera.report.story import Story, with_steps

WORDS = load_terminal("en")

LADDERS = ("cifar10", "cifar100", "fashion-mnist", "cifar100-mlp", "transfer", "cifar10-multimodal", "houses")
COLUMNS = (
    "rung", "epochs (chosen)", "train acc %, loss", "validation acc % (loss)", "test acc % (loss) [95 %]",
    "step in points [95 %]", "p (Holm)", "verdict", "parameters", "time", "peak memory",
)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """A test accuracy in % to reach (`above`: to pass) by one of some rungs."""

    ladder: str
    what: str
    percent: float
    rungs: tuple[str, ...]
    above: bool = False


WANTED = (
    Wanted("fashion-mnist", "the network of 1,813,050 parameters, at least 93.5 %", 93.5,
           ("cnn", "augmentation", "one-cycle", "second-cycle", "both-sides", "erasing", "average")),
    Wanted("cifar100", "the CNN after regularisation, above 41.1 %", 41.1,
           ("stopping", "dropout", "batch-norm", "augmentation", "one-cycle", "label-smoothing", "cutmix"), above=True),
    Wanted("cifar10", "the augmentation rung, at least 82 %", 82.0, ("augmentation",)),
)  # fmt: skip


def finished(folder: Path, reading: Reading) -> Story:
    """The story of all rungs with a finished run, whichever climb made them; ladder.json knows the last climb alone."""
    rungs = []
    for rung in reading.rungs:
        seeds = sorted(int(path.name[5:]) for path in (folder / rung.name).glob("seed-*") if path.name[5:].isdecimal())
        runs = [read_run(folder / rung.name / f"seed-{seed}", seed) for seed in seeds]
        if done := [run for run in runs if run.state == "done"]:
            rungs.append(Rung(rung.name, None, rung.parent, [], done))
    title = reading.ladder.title
    text = Text(en=title.en, es=title.es) if title else None
    return Story.of(folder, reading.ladder.name, text, "", with_steps(rungs))


def table(story: Story) -> list[str]:
    """The lines of the Markdown table."""
    facts = {rung["name"]: rung for rung in as_values(story)["rungs"]}
    lines = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|"]
    above = [None, *(rung.name for rung in story.rungs)]
    rows = [row(rung, facts[rung.name], before) for rung, before in zip(story.rungs, above, strict=False)]
    return lines + [f"| {' | '.join(cells)} |" for cells in rows]


def row(rung: Rung, told: dict[str, Any], above: str | None) -> list[str]:
    """One rung below the rung `above`; over several seeds mean ± deviation.

    Votes have neither epochs nor an accuracy on train.
    """
    runs = rung.runs
    records = [run.record for run in runs]
    train, validation, test = ([getattr(run.metrics, part) for run in runs] for part in ("train", "validation", "test"))
    epochs = ", ".join(f"{record.epochs} ({record.best_epoch})" for record in records if record.epochs)
    step = ""
    if told["interval"]:
        low, high = told["interval"]
        step = f"{points(told['difference'])} [{points(low)}, {points(high)}]"
        step += "" if rung.parent == above else f" over {rung.parent}"
    p = told["p_holm"]
    low, high = rung.interval or (0.0, 0.0)
    memory = max((record.peak_memory_bytes or 0 for record in records), default=0)
    return [
        rung.name + (f" ({len(runs)} seeds)" if len(runs) > 1 else ""),
        epochs,
        ", ".join(filter(None, (percent(s.accuracy for s in train), loss(s.loss for s in train)))),
        f"{percent(s.accuracy for s in validation)} ({loss(s.loss for s in validation)})",
        f"**{percent(s.accuracy for s in test)}** ({loss(s.loss for s in test)}) [{100 * low:.2f}, {100 * high:.2f}]",
        step,
        "" if p is None else "< .001" if p < 0.001 else f"{p:.3f}",
        told["verdict"] or "",
        f"{records[0].parameters.total:,}" if records[0].parameters.total else "",
        WORDS.duration(told["seconds"] or 0.0),
        WORDS.short(memory, "B") if memory else "",
    ]


def percent(shares: Iterable[float | None]) -> str:
    return spread([100 * share for share in shares if share is not None], 2)


def loss(values: Iterable[float | None]) -> str:
    return spread([value for value in values if value is not None], 3)


def spread(values: list[float], digits: int) -> str:
    """The mean, with the deviation between seeds where there are several."""
    if not values:
        return ""
    mean = f"{fmean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {stdev(values):.{digits}f}"


def points(share: float) -> str:
    return f"{100 * share:+.2f}"


def commands(story: Story, reading: Reading) -> list[str]:
    """What makes these runs again: the rungs that differ from the ladder in the same settings share a command."""
    groups: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for rung in story.rungs:
        for run in rung.runs:
            config = read_config(RunDir(run.path).config)
            changes = difference(reading.ladder[rung.name].config, config)
            sets = tuple(f"--set {change.path}={value(change)}" for change in changes)
            seeds = groups[sets]
            seeds[rung.name] = max(seeds.get(rung.name, 0), run.seed + 1)
    lines = []
    for sets, rungs in groups.items():
        for count in sorted(set(rungs.values())):
            names = [f"--rung {name}" for name, seeds in rungs.items() if seeds == count]
            words = names if len(names) < len(reading.rungs) else []
            several = [f"--seeds {count}"] if count > 1 else []
            lines.append(" ".join(["escalera climb", story.name, *words, *sets, *several]))
    return lines


def value(change: Change) -> str:
    """A value as the command line takes it."""
    text = json.dumps(change.after)
    return text if isinstance(change.after, int | float | bool | None) else f"'{text}'"


def shortened(story: Story, reading: Reading) -> list[str]:
    """The rungs that were trained for other epochs than the ladder asks for."""
    found: dict[str, list[str]] = defaultdict(list)
    for rung in story.rungs:
        asked = reading.ladder[rung.name].config.train.epochs
        given = {read_config(RunDir(run.path).config).train.epochs for run in rung.runs} - {asked}
        for number in sorted(given):
            found[f"{number} instead of {asked}"].append(rung.name)
    return [f"{numbers} ({', '.join(names)})" for numbers, names in found.items()]


def places(story: Story) -> list[str]:
    """Where and with what the runs were made, a line for each machine and set of versions."""
    made: dict[tuple[str, str], list[tuple[str, Run]]] = defaultdict(list)
    for rung in story.rungs:
        for run in rung.runs:
            facts = run.environment
            memory = f"{facts.memory_bytes / 1e9:.0f} GB" if facts.memory_bytes else "memory unknown"
            machine = (
                f"{facts.gpu + ', ' if facts.gpu else ''}{facts.cpu}, {facts.cores} cores, threads: {facts.threads}"
            )
            versions = f"Python {facts.python}, torch {facts.torch}, Escalera {facts.escalera}"
            made[f"{machine}, {memory}, {facts.platform}", versions].append((rung.name, run))
    lines = []
    for (machine, versions), runs in made.items():
        days = sorted({(run.environment.date or "")[:10] for _, run in runs})
        when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
        precision = "/".join(sorted({run.record.precision or "fp32" for _, run in runs}))
        which = "" if len(made) == 1 else f" ({', '.join(dict.fromkeys(name for name, _ in runs))})"
        lines.append(f"Run on {when}{which}: {machine}; {versions}; {precision}.")
    return lines


def rows(story: Story) -> str:
    """How many pictures there were, by the sets that were learned from."""
    sets = [(rung.data.source, rung.data.rows) for rung in story.rungs if rung.data]
    found = [f"{name}: {n.train:,} train, {n.validation:,} validation, {n.test:,} test" for name, n in sets]
    return "; ".join(dict.fromkeys(found)) + "."


def verdicts(story: Story) -> list[str]:
    """What is wanted of the ladder, and by each rung that may reach it whether it did; none is chosen by its test."""
    lines = []
    for wanted in WANTED:
        if wanted.ladder != story.name:
            continue
        lines.append(f"Wanted: {wanted.what}.")
        reached = [rung for rung in story.rungs if rung.name in wanted.rungs and rung.accuracy is not None]
        for rung in reached:
            got = round(100 * (rung.accuracy or 0.0), 6)
            good = got > wanted.percent if wanted.above else got >= wanted.percent
            lines.append(f"- {rung.name}: {got:.2f} %, {'reached' if good else '**not reached**'}")
        if not reached:
            lines.append(f"- not finished: {', '.join(wanted.rungs)}")
    return lines


def section(folder: Path, reading: Reading) -> list[str]:
    """A ladder as a section of Markdown; nothing for one without a finished run."""
    story = finished(folder, reading)
    if not story.rungs:
        return []
    fewer = shortened(story, reading)
    faults = [f"{rung.name}: {fault}" for rung in story.rungs for run in rung.runs for fault in run.faults]
    return [
        f"# {story.title['en'] if story.title else story.name}",
        "",
        "```",
        *(f"ESCALERA_DATA=<folder> {line}" for line in commands(story, reading)),
        "```",
        "",
        *places(story),
        rows(story),
        *([f"Epochs other than the ladder asks for: {'; '.join(fewer)}."] if fewer else []),
        "",
        *table(story),
        "",
        *verdicts(story),
        *(f"Could not be read: {fault}" for fault in faults),
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="?", default=Path("runs"), help="folder of runs (default: runs)")
    options = parser.parse_args()
    lines = [line for name in LADDERS for line in section(options.runs / name, load_ladder(name))]
    if not lines:
        sys.exit(
            f"no finished run of {', '.join(LADDERS)} in {options.runs}. Climb one of them with --out {options.runs}."
        )
    print("\n".join(lines).strip())


if __name__ == "__main__":
    main()
