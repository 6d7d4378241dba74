"""Tables for the terminal: the rungs of a ladder, what they would cost, the settings of a model kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from escalera.core.energy import CURABLE
from escalera.core.language import Language, load_words
from escalera.core.translation import translate

if TYPE_CHECKING:
    from escalera.ladder.schema import RungConfig
    from escalera.report.story import Story

_FAULTS = 3
"""Of each run that are said."""
_NOTICEABLE = 0.01
"""Flattery of a search that is worth a sentence."""
_VERDICTS = {"better": "[green]▲ {}[/]", "worse": "[red]▼ {}[/]", "no evidence": "[dim]· {}[/]"}


def print_rungs(console: Console, story: Story, words: Language) -> None:
    """Print the table of the rungs, with fewer columns where the terminal is too narrow for all."""
    from escalera.report.language import of_metric, of_rows
    from escalera.report.shortfall import shortfalls

    _print_whole(console, rungs_table(story, words), rungs_table(story, words, narrow=True))
    others = [rung.name for rung in story.rungs if not rung.as_asked]
    if others:
        console.print(escape(words.say("table.others", rungs=", ".join(others))), style="dim", highlight=False)
    _print_obstacles(console, story, words)
    searched = [rung for rung in story.scored if rung.search and rung.search_seconds]
    for rung in searched:
        assert rung.search is not None
        count = words.count(len(rung.search.record.trials), "trial")
        price = f", {words.money(found.amount, found.currency)}" if (found := rung.search_price) else ""
        price += f", {words.energy(rung.search_kwh)}" if rung.search_kwh is not None else ""
        spent = {"seconds": words.duration(rung.search_seconds), "trials": count, "price": price}
        console.print(escape(words.say("table.search", rung=rung.name, **spent)), style="dim", highlight=False)
    print_faults(console, story, words.code)
    report = load_words(words.code, "core", "report", plain=True)
    report = of_metric(report, story.metric)
    report = of_rows(report) if story.tabular else report
    reason = next((rung.unmeasured for rung in story.scored if rung.unmeasured in CURABLE), "")
    if reason:
        line = report.say("cost.unmeasured", why=report.say(f"energy.{reason}"))
        console.print(line, style="dim", markup=False, highlight=False)
    for rung in story.scored:
        for sentence in shortfalls(rung, report):
            line = f"{rung.name}: {sentence[0].lower()}{sentence[1:]}"
            console.print(line, style="yellow", markup=False, highlight=False)


def _print_obstacles(console: Console, story: Story, words: Language) -> None:
    """Print why a step is not compared, where nobody would look for it in the settings or in what failed."""
    for rung in story.scored:
        if rung.step is None or rung.step.obstacle not in ("other-rows", "no-predictions"):
            continue
        key = "obstacle.other_rows"
        if rung.step.obstacle == "no-predictions":
            key = "obstacle.no_predictions"
        elif any(change.path.partition(".")[0] == "data" for change in rung.change):
            key = "obstacle.other_data"
        line = words.say(key, rung=rung.name, parent=rung.step.parent)
        console.print(line, style="yellow", markup=False, highlight=False)


def print_faults(console: Console, story: Story, language: str) -> None:
    """Print which files of runs and searches are incomplete or damaged, a few of each."""
    words = load_words(language, "core")
    faults = [(run.path, run.faults) for rung in story.rungs for run in rung.runs]
    faults += [(rung.search.path, rung.search.faults) for rung in story.rungs if rung.search]
    for path, some in faults:
        for fault in some[:_FAULTS]:
            console.print(f"{path}: {fault.say(words)}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def print_plan(
    console: Console, rows: list[dict[str, Any]], seeds: int, words: Language, *, side_by_side: bool = False
) -> None:
    """Print what the rungs would cost and what the figures are, with fewer columns where the terminal is narrow.

    Where runs `side_by_side` are asked for, it says that the times are those of one after the other.
    """
    spare = ("rate", "trainable", "epochs", "memory")
    _print_whole(console, *(plan_table(rows, seeds, words, without=spare[:count]) for count in range(len(spare) + 1)))
    console.print(words.say("plan.what"), highlight=False)
    if seeds > 1:
        console.print(words.say("plan.seeds", seeds=words.number(seeds)), highlight=False)
    if side_by_side:
        console.print(words.say("plan.one_by_one"), highlight=False)
    for row in rows:
        if "error" in row:
            message = words.say("plan.failed", rung=row["name"], error=translate(row["error"], words.code))
            console.print(message, style="red", markup=False, highlight=False)
        for line in _searches(row, words):
            console.print(line, markup=False, highlight=False)
        for remark in row.get("idle", ()):
            line = words.say(f"idle.{remark['why']}", **remark["values"])
            console.print(f"{row['name']}: {line}", style="yellow", markup=False, highlight=False)


def idle_lines(config: RungConfig, words: Language) -> list[str]:
    """What is to be said of settings of a rung that change nothing, a sentence each."""
    from escalera.ladder.idle import idle

    return [words.say(f"idle.{remark.why}", **remark.values) for remark in idle(config)]


def _print_whole(console: Console, *tables: Table) -> None:
    """Print the first of the tables that fits, so that nothing is cut; a file or a pipe is as wide as it has to be."""
    options = console.options.update(max_width=1000)
    needed = [console.measure(table, options=options).maximum for table in tables]
    if not console.is_terminal:
        console.width = max(console.width, needed[0])
    fitting = (table for table, width in zip(tables, needed, strict=True) if width <= console.width)
    console.print(next(fitting, tables[-1]))


def rungs_table(story: Story, words: Language, *, narrow: bool = False) -> Table:
    """The rungs of a ladder, each with its accuracy, step over its parent and cost; fewer columns if `narrow`."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", show_edge=False)
    table.add_column(words.say("table.rung"), overflow="fold")
    heading = "table.test" if story.metric == "accuracy" else f"test.{story.metric}"
    table.add_column(words.say(heading), justify="right")
    table.add_column(words.say("table.step"), justify="right", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    table.add_column(words.say("table.verdict"), no_wrap=True)
    if not narrow:
        table.add_column(words.say("table.parameters"), justify="right", no_wrap=True)
    table.add_column(words.say("table.time"), justify="right", no_wrap=True)
    from escalera.report.shortfall import first_of, named

    report = load_words(words.code, "core", "report", plain=True)
    for baseline in story.baselines:
        name = ": ".join(filter(None, (named(baseline, report), first_of(story.beside(baseline), report))))
        table.add_row(escape(name), words.number(100 * baseline.score, 2), style="dim")
    for rung in story.rungs:
        if rung.accuracy is None:
            table.add_row(rung.name, f"[red]{words.say(f'state.{rung.state}')}[/]")
            continue
        step, compared = rung.step, ("", "", "")
        if step and step.comparison and step.p is not None and step.verdict:
            c = step.comparison
            points = [words.number(100 * share, 2, sign=True) for share in (c.difference, c.low, c.high)]
            verdict = _VERDICTS[step.verdict].format(words.say(f"verdict.{step.verdict.replace(' ', '-')}"))
            compared = (f"{points[0]} ({words.say('list.range', low=points[1], high=points[2])})",
                        words.p_value(step.p), verdict)  # fmt: skip
        parameters = rung.done[0].record.parameters
        total = [] if narrow else ["" if parameters.total is None else words.number(parameters.total)]
        seconds = words.duration(rung.seconds or 0)
        if rung.search_seconds:
            seconds += f" + {words.duration(rung.search_seconds)}"
        table.add_row(rung.name, words.number(100 * (rung.score or 0), 2), *compared, *total, seconds)
    return table


def plan_table(rows: list[dict[str, Any]], seeds: int, words: Language, *, without: Sequence[str] = ()) -> Table:
    """What the rungs would cost, and their sum, `without` some columns; an estimate is marked as one."""
    from escalera.experiment.estimate import around

    table = Table(
        box=None, padding=(0, 1, 0, 0), header_style="bold", footer_style="bold", show_footer=True, pad_edge=False
    )
    columns: dict[str, Callable[[dict[str, Any]], str]] = {
        "parameters": lambda row: words.number(row["parameters"]["total"]),
        "trainable": lambda row: words.number(row["parameters"]["trainable"]),
        "flops": lambda row: words.short(row["flops_per_image"]),
        "memory": lambda row: words.short(row["memory_bytes"], "B"),
        "rate": lambda row: words.number(row["images_per_second"]),
        "epochs": lambda row: str(row["epochs"] or ""),  # votes have none
        "time": lambda row: words.duration(row["seconds"]) + _searching(row, words),
    }
    beside = around(rows)
    total = beside + seeds * sum(row["seconds"] for row in rows if "error" not in row)
    total += sum(row["search"]["seconds"] for row in rows if "search" in row)
    table.add_column(words.say("table.rung"), words.say("plan.all"), overflow="fold")
    shown = {column: text for column, text in columns.items() if column not in without}
    for column in shown:
        heading = words.say(f"plan.{column}")
        table.add_column(heading, words.duration(total) if column == "time" else "", justify="right", no_wrap=True)
    for row in rows:
        if "error" in row:
            table.add_row(f"[red]{row['name']}[/]", "–")
        else:
            table.add_row(row["name"], *(text(row) for text in shown.values()))
    blank = [""] * (len(shown) - 1)
    table.add_row(words.say("plan.around"), *blank, words.duration(beside), style="dim")
    return table


def _searching(row: dict[str, Any], words: Language) -> str:
    return f" + {words.duration(row['search']['seconds'])}" if "search" in row else ""


def _searches(row: dict[str, Any], words: Language) -> list[str]:
    """What is to be known of the search that a rung would do, and of one that its settings come from."""
    lines = []
    if "search" in row:
        found = row["search"]
        price = f", {words.money(**found['price'])}" if found["price"] else ""
        spent = {"time": words.wait(found["seconds"]), "price": price, "method": found["method"]}
        epochs = (
            words.say("plan.search.epochs", epochs=words.count(found["epochs"], "epoch")) if found["epochs"] else ""
        )
        size = words.number(found["size"] or 0)
        key = "plan.search.grid" if found["size"] else "plan.search.minutes" if found["minutes"] else "plan.search"
        trials = words.count(found["trials"], "trial")
        lines = [words.say(key, rung=row["name"], trials=trials, size=size, epochs=epochs, **spent)]
        if found["share"] < 1:
            lines[0] += f" {words.say('plan.search.halving', share=words.number(100 * found['share']))}"
        if (found["flattery"] or 0) > _NOTICEABLE:
            rows, points = words.number(found["validation_rows"]), words.number(100 * found["flattery"], 1)
            lines[0] += f" {words.say('search.flattery', rows=rows, points=points)}"
    if "settings_from" in row:
        lines.append(words.say("plan.settings_from", rung=row["name"], search=row["settings_from"]))
    return lines


def kinds_table(kind: dict[str, Any], words: Language) -> Table:
    """The settings of a model kind: key, default, what is expected, and what it is for."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim")
    for column in (*(words.say(f"kinds.{key}") for key in ("setting", "default", "expected")), ""):
        table.add_column(column, overflow="fold")
    for setting in kind["settings"]:
        default = words.say("kinds.required") if setting["required"] else _written(setting["default"])
        cells = [translate(setting[key], words.code) for key in ("expects", "description")]
        table.add_row(*map(escape, (f"  {setting['key']}", default, *cells)))
    return table


def _written(default: Any) -> str:
    """A default as a ladder has it; sections of a list by their names alone."""
    if isinstance(default, list):
        return "[" + ", ".join(str(item["name"]) if isinstance(item, dict) else str(item) for item in default) + "]"
    return "null" if default is None else str(default).lower()
