"""ladder.json: the rungs of a ladder as it was climbed, which runs belong to it, and what each changes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from escalera.core.errors import EscaleraError, RunError
from escalera.core.files import CURE, read_sealed, write_sealed
from escalera.core.rundir import RunDir, standing
from escalera.ladder.change import difference
from escalera.ladder.saved import read_config
from escalera.ladder.schema import Ladder, Rung, RungConfig
from escalera.run.status import fingerprint

NAME = "ladder.json"


def write_ladder(ladder: Ladder, folder: Path, chosen: Sequence[Rung], seeds: int, command: str) -> None:
    """Write ladder.json: the chosen rungs, and all that were finished by earlier climbs.

    A finished run stays, whatever settings this climb asks for, until another one has taken its place; `as_asked` says
    whether the runs of a rung are those of the ladder as it is written now.
    """
    entries = []
    for rung in ladder.rungs:
        wanted = set(range(seeds)) if rung in chosen else set()
        entry = {
            "name": rung.name,
            "why": rung.why.model_dump() if rung.why else None,
            "parent": rung.parent,
            "settings": fingerprint(rung.config),
            **({"search": True} if rung.search is not None else {}),
        }
        runs = _belonging(folder, entry, wanted)
        if runs:
            entries.append({**entry, **runs})
    title = ladder.title.model_dump() if ladder.title else None
    metric = metric_of(ladder)
    known = {"name": ladder.name, "title": title, "command": command, "metric": metric, "rungs": entries}
    _write(folder, known, ladder)


def metric_of(ladder: Ladder) -> str:
    """What the verdicts of a ladder are about: of all its rungs the same."""
    return ladder.rungs[0].config.evaluate.metric if ladder.rungs else "accuracy"


def evaluated_otherwise(ladder: Ladder, folder: Path) -> bool:
    """Whether the page in a folder is about another metric than the ladder is now."""
    with contextlib.suppress(RunError):
        return bool(read_sealed(folder / NAME).get("metric", "accuracy") != metric_of(ladder))
    return False


def fault(folder: Path) -> str:
    """What is wrong with ladder.json; "" where nothing is, or there is none yet."""
    try:
        if os.path.lexists(folder / NAME):
            read_sealed(folder / NAME)
    except RunError as error:
        return str(error).removesuffix(f". {CURE}")
    return ""


def refresh(folder: Path) -> None:
    """Bring ladder.json up to date with the runs that stand now, after one was put back or removed."""
    with contextlib.suppress(RunError):
        value = read_sealed(folder / NAME)
        entries = [{**entry, "seeds": [], **_belonging(folder, entry, set())} for entry in value["rungs"]]
        _write(folder, {**value, "rungs": [entry for entry in entries if entry["seeds"]]})


def _belonging(folder: Path, entry: Mapping[str, Any], wanted: set[int]) -> dict[str, Any]:
    """The seeds that belong to a rung, all with one and the same settings: those asked for where any has finished.

    Nothing where no seed is asked for and none has finished.
    """
    stand = standing(folder / str(entry["name"]))
    made = {run.seed: _settings(run) for run in stand if run.state() == "done"}
    damaged = {run.seed for run in stand if run.state() == "damaged"}
    as_wanted = {seed for seed, settings in made.items() if settings == entry["settings"]}
    others = made.keys() - as_wanted
    if as_wanted or not others:
        seeds = as_wanted | (wanted - others) | damaged
    else:
        seeds = {seed for seed in others if made[seed] == made[min(others)]} | damaged
    return {"seeds": sorted(seeds), "as_asked": bool(as_wanted or not others)} if seeds else {}


def _write(folder: Path, value: dict[str, Any], ladder: Ladder | None = None) -> None:
    """Write the file, unless it stands there so; what a rung changes is read off the runs that stand."""
    configs: dict[str, RungConfig] = {}
    for rung in ladder.rungs if ladder else []:
        configs[rung.name] = rung.config
    for entry in value["rungs"]:
        stands = [RunDir(folder / entry["name"] / f"seed-{seed}") for seed in entry["seeds"]]
        made = next((config for run in stands if run.state() == "done" and (config := _config(run))), None)
        if made is not None:
            configs[entry["name"]] = made
    entries = [{**entry, "change": _change(entry, configs)} for entry in value["rungs"]]
    value, path = {**value, "rungs": entries}, folder / NAME
    with contextlib.suppress(RunError):
        if read_sealed(path) == value:
            return
    write_sealed(path, value)


def _change(entry: Mapping[str, Any], configs: Mapping[str, RungConfig]) -> list[dict[str, Any]]:
    before, after = configs.get(entry["parent"] or ""), configs.get(entry["name"])
    if before is None or after is None:
        return list(entry.get("change", []))
    # What the machine cost when the one and the other were trained is no change of the rung.
    price = {name: getattr(after.evaluate, name) for name in ("price_per_hour", "currency")}
    priced = before.evaluate.model_copy(update=price)
    return [asdict(change) for change in difference(before.model_copy(update={"evaluate": priced}), after)]


def _settings(run: RunDir) -> str:
    """The settings that a finished run was made with, as a SHA-256."""
    config = _config(run)
    return str(run.read_record().get("settings")) if config is None else fingerprint(config)


def _config(run: RunDir) -> RungConfig | None:
    try:
        run.check(run.config.name)
        return read_config(run.config)
    except EscaleraError:
        return None
