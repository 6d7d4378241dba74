"""Which learning rate suits each rung: a range test of each, on rows of train alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from escalera.core.errors import EscaleraError, LadderError
from escalera.core.rundir import RunDir
from escalera.core.runtime import threads
from escalera.core.store import is_url
from escalera.experiment.climb import choose
from escalera.experiment.stage import tasks_of
from escalera.ladder.read import Reading
from escalera.ladder.schema import Rung
from escalera.run.task import data_kept, open_data
from escalera.train.range_test import Curve, smoothed


def find_rates(
    reading: Reading,
    *,
    rungs: Sequence[str] = (),
    out: str | Path = "runs",
    data_root: Path | None = None,
    device: str = "auto",
    skip_bad: bool = False,
    begins: Callable[[str], None] = lambda name: None,
) -> list[dict[str, Any]]:
    """A row for each rung that trains a network: name, rate, suggested, least, burst, rates, losses, smoothed, line.

    `suggested` is None where the loss did not fall. A rung that cannot begin has an `error` instead. `begins` hears of
    each rung. Nothing is written but what the cache keeps, and no row of test is read.
    Raises LadderError for networks that cannot be built, DataError where the pictures cannot be had, EscaleraError
    for a rung by name that trains no network.
    """
    from escalera import builders
    from escalera.run.as_begun import of_use
    from escalera.run.range_test import range_test

    chosen = choose(reading.ladder, rungs)
    for rung in chosen:
        if rungs and not rung.config.model.trains:
            raise EscaleraError(
                f"--find-lr: '{rung.name}' trains no network, and so has no learning rate. Leave it out."
            )
    learning = [rung for rung in chosen if rung.config.model.trains]
    folder = Path("runs" if is_url(out) else out) / reading.ladder.name
    rows: list[dict[str, Any]] = []
    with data_kept():
        pending = [(rung, 0) for rung in learning]
        tasks = tasks_of(reading, pending, folder, data_root, device, fresh=True, skip_bad=skip_bad)
        opened = {task.source.data: open_data(task.source) for task in tasks}
        problems = builders.shape_problems(reading, learning, opened)
        problems += builders.class_problems(reading, learning, opened)
        if problems:
            raise LadderError(problems)
        for rung, task in zip(learning, tasks, strict=True):
            begins(rung.name)
            data = opened[task.source.data]
            try:
                with threads(of_use(rung.config, data)):
                    curve = range_test(rung, data, RunDir(folder / rung.name / "seed-0"), device)
            except EscaleraError as error:
                rows.append({"name": rung.name, "error": str(error)})
                continue
            rows.append(_row(rung, curve))
    return rows


def _row(rung: Rung, curve: Curve) -> dict[str, Any]:
    suggested = None if curve.suggested is None else float(f"{curve.suggested:.1e}")
    return {
        "name": rung.name,
        "rate": rung.config.train.optimizer.lr,
        "suggested": suggested,
        "least": curve.least if curve.losses else None,
        "burst": curve.burst,
        "rates": curve.rates,
        "losses": curve.losses,
        "smoothed": smoothed(curve.losses),
        "line": None if suggested is None else ladder_line(rung, suggested),
    }


def ladder_line(rung: Rung, rate: float) -> str:
    """What to write into the rung for a rate; the optimiser's other rates keep their proportion to it."""
    optimizer = rung.config.train.optimizer
    others = ("backbone_lr", "sgd_lr")
    rates = {"lr": rate} | {
        key: of * rate / optimizer.lr for key in others if (of := getattr(optimizer, key, None)) is not None
    }
    written = {key: short_rate(of) for key, of in rates.items()}
    if rung.parent is None:
        own = ", ".join(f"{key}: {of}" for key, of in written.items())
        return f"train: {{optimizer: {{name: {optimizer.name}, {own}}}}}"
    return f"change: {{{', '.join(f'train.optimizer.{key}: {of}' for key, of in written.items())}}}"


def short_rate(rate: float) -> str:
    """A rate with two figures, as 3.2e-3, that every YAML takes for a number."""
    figures, power = f"{rate:.1e}".split("e")
    return f"{figures}e{'-' if int(power) < 0 else '+'}{abs(int(power))}"
