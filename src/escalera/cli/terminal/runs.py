"""The runs that are there, as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from escalera.core.language import Language

if TYPE_CHECKING:
    from escalera.experiment.inventory import Listed

_DIFFERENCES = 3
"""Settings that are said of a run that differs from the one that stands."""


def print_runs(console: Console, found: Sequence[Listed], words: Language) -> None:
    """Print each run with its state, date, accuracy and size, and all together in a line."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    for column in ("run", "test", "date", "settings", "size"):
        right = column in ("test", "size")
        table.add_column(words.say(f"runs.{column}"), justify="right" if right else "left", no_wrap=True)
    table.add_column("", overflow="fold")
    for run in found:
        accuracy = "" if run.accuracy is None else words.number(100 * run.accuracy, 2)
        date = run.date[:16].replace("T", " ")
        size = words.short(run.bytes, "B")
        table.add_row(escape(str(run.path)), accuracy, date, run.settings[:8], size, escape(_remarks(run, words)))
    if not console.is_terminal:
        console.width = max(console.width, 1000)
    console.print(table)
    total = words.short(sum(run.bytes for run in found), "B")
    kept = words.short(sum(run.bytes for run in found if run.place != "stands"), "B")
    count = words.count(sum(run.trials is None for run in found), "run")
    console.print(words.say("runs.total", runs=count, size=total, kept=kept), highlight=False)


def _remarks(run: Listed, words: Language) -> str:
    """What is to be known of a run beside its figures."""
    states = [] if run.place == "stands" else [words.say(f"runs.{run.place}")]
    if run.trials is not None:
        states.append(words.say("runs.search", trials=words.count(run.trials, "trial")))
    if run.damaged:
        states.append(words.say("runs.damaged", file=run.damaged))
    elif run.state != "done":
        states.append(words.say(f"state.{run.state}"))
    shown = [f"{path}={_typed(value)}" for path, value in list(run.differs.items())[:_DIFFERENCES]]
    more = len(run.differs) - len(shown)
    return ", ".join([*states, *shown, *([words.say("list.more", n=words.number(more))] if more > 0 else [])])


def _typed(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."
