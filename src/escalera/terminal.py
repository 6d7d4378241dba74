"""What a climb says in the terminal: the rungs as they pass, and the table at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import floor, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from escalera.data.splits import Dataset
    from escalera.ladder.schema import Ladder, Rung
    from escalera.models.summary import Summary
    from escalera.report.story import Story
    from escalera.train.loop import Callback

_LISTED = 20
VERDICTS = {"better": "[green]▲ better[/]", "worse": "[red]▼ worse[/]", "no evidence": "[dim]· no evidence[/]"}


class Narrator:
    """Tells a climb on a console; without one it keeps quiet."""

    def __init__(self, console: Console | None = None, *, debug: bool = False) -> None:
        self.console = console or Console(quiet=True)
        # A file or a pipe has no width at which a sentence would have to be broken.
        self.console.soft_wrap = not self.console.is_terminal
        self.debug = debug
        self.failed: list[tuple[str, str]] = []
        self.told: set[str] = set()

    def ladder_begins(self, ladder: Ladder, folder: Path, runs: int, pending: int, language: str) -> None:
        """Name the ladder, and how much of it is to do."""
        title = ladder.title[language] if ladder.title else ladder.name
        self.console.print(f"[bold]{escape(title)}[/]", highlight=False)
        if not pending:
            self.console.print("Every rung is finished; nothing to train. --fresh trains them again.")
        elif pending < runs:
            self.console.print(f"{runs - pending} of {runs} runs are finished; {pending} to go, into {folder}")
        else:
            self.console.print(f"{runs} run{'s' if runs > 1 else ''} to go, into {folder}")

    def data_opened(self, data: Dataset) -> None:
        """Say what a person should know of the pictures before they are learned from."""
        if data.skipped:
            self.console.print(f"{data.name}: {len(data.skipped)} bad pictures are left out:", highlight=False)
            more = len(data.skipped) - _LISTED
            for line in (*data.skipped[:_LISTED], *([f"... and {more} more"] if more > 0 else [])):
                self.console.print(f"  {escape(line)}", style="dim", highlight=False)
        if data.overlap and data.overlap.dropped:
            self.console.print(
                f"{data.name}: {data.overlap.dropped:,} train pictures are left out, being in test or validation too.",
                highlight=False,
            )
        if data.overlap and data.overlap.test.any():
            self.console.print(
                f"{data.name}: {data.overlap.test.sum():,} of {len(data.overlap.test):,} test pictures have a duplicate"
                " in train; the report gives the accuracy without them too.",
                style="yellow",
                highlight=False,
            )
        for note in data.notes:
            where = "" if note.startswith(data.name) else f"{data.name}: "
            self.console.print(f"{escape(where + note)}", style="yellow", highlight=False)

    def rung_begins(self, ladder: Ladder, rung: Rung, seed: int, place: str, language: str) -> None:
        """Name the rung and why it is there."""
        more = f" (seed {seed})" if seed else ""
        self.console.print(f"\n[bold cyan]{place}  {escape(rung.name)}[/]{more}", highlight=False)
        if rung.why:
            self.console.print(f"  {escape(rung.why[language])}", style="dim", highlight=False)

    def layers(self, summary: Summary, from_epoch: int | None = None) -> None:
        """Print the table of layers and its totals; the body may learn only `from_epoch` on."""
        table = Table(box=None, padding=(0, 2), header_style="dim", show_edge=False)
        for column, justify in (("layer", "left"), ("output", "left"), ("parameters", "right")):
            table.add_column(column, justify=justify)  # type: ignore[arg-type]
        for layer in summary.layers:
            shape = " x ".join(map(str, layer.output_shape))
            frozen = " (frozen)" if layer.trainable is False else ""
            branch = f"{layer.name.split('.')[2]}: " if layer.name.startswith("body.branches.") else ""
            table.add_row(
                f"{escape(branch)}{layer.kind}{frozen}", shape, f"{layer.parameters:,}" if layer.parameters else ""
            )
        self.console.print(table)
        later = f"; the body is frozen until epoch {from_epoch} begins" if from_epoch else ""
        self.console.print(
            f"  {summary.total:,} parameters: {summary.trainable:,} trainable, {summary.non_trainable:,} not{later}",
            highlight=False,
        )

    def resumes(self, epoch: int) -> None:
        """Say that an interrupted run goes on."""
        self.console.print(f"  goes on after epoch {epoch}, where it was interrupted", highlight=False)

    def progress(self) -> Callback:
        """A bar on a terminal, lines elsewhere."""
        from escalera.train.progress import ProgressBar, ProgressLines

        return ProgressBar(self.console) if self.console.is_terminal else ProgressLines(self.console)

    def rung_ends(self, record: dict[str, Any], metrics: dict[str, Any]) -> None:
        """One line: what came out, and what it cost."""
        test = metrics["test"]
        self.console.print(
            f"  [green]✓[/] test {100 * test['accuracy']:.2f} %  (loss {test['loss']:.3f})"
            f"  ·  epoch {record['best_epoch']} of {record['epochs']}, {record['stopped']}"
            f"  ·  {duration(record['seconds'])}" + (f"  ·  {money(**record['price'])}" if record["price"] else ""),
            highlight=False,
        )

    def says(self, text: str) -> None:
        """A line of what is going on."""
        self.console.print(f"  {escape(text)}", highlight=False)

    def votes_end(self, record: dict[str, Any], metrics: dict[str, Any]) -> None:
        """One line: what the vote came to, and what it cost."""
        self.console.print(
            f"  [green]✓[/] test {100 * metrics['test']['accuracy']:.2f} %  (loss {metrics['test']['loss']:.3f})"
            f"  ·  {len(record['classifiers'])} classifiers  ·  {duration(record['seconds'])}"
            + (f"  ·  {money(**record['price'])}" if record["price"] else ""),
            highlight=False,
        )

    def weights_absent(self, names: list[str], message: str) -> None:
        """Say, before anything is trained, which rungs lack the weights that they start from."""
        self.told.add(message)
        self.console.print(f"[red]✗ {escape(', '.join(names))}:[/] {escape(message)}", highlight=False)

    def rung_failed(self, rung: Rung, message: str, error: Exception) -> None:
        """Say it at once, a reason that was told before in short, and again in the last lines."""
        why = " for the reason above" if message in self.told else f": {message}"
        self.told.add(message)
        self.failed.append((rung.name, message))
        self.console.print(f"  [red]✗ {escape(rung.name)} failed[/]{escape(why)}", highlight=False)
        if self.debug:
            import traceback

            self.console.print("".join(traceback.format_exception(error)), markup=False, highlight=False)

    def ladder_ends(self, folder: Path, report: Path, language: str) -> None:
        """The table of the rungs, what failed, and where the report is."""
        from escalera.report.story import read_story

        self.console.print()
        print_rungs(self.console, read_story(folder))
        for message in dict.fromkeys(message for _, message in self.failed):
            names = dict.fromkeys(name for name, why in self.failed if why == message)
            self.console.print(f"[red]✗ {escape(', '.join(names))}:[/] {escape(message)}", highlight=False)
        self.console.print(f"\nreport: [bold]{report}[/]", highlight=False, soft_wrap=True)


def print_rungs(console: Console, story: Story) -> None:
    """Print the table of the rungs, with fewer columns where the terminal is too narrow for all."""
    _print_whole(console, rungs_table(story), rungs_table(story, narrow=True))


def print_plan(console: Console, rows: list[dict[str, Any]], seeds: int) -> None:
    """Print what the rungs would cost and what the figures are, with fewer columns where the terminal is narrow."""
    spare = ("images/s", "trainable", "epochs", "memory")
    _print_whole(console, *(plan_table(rows, seeds, without=spare[:count]) for count in range(len(spare) + 1)))
    console.print(
        "FLOPs are those of one picture forward; memory, speed and time are estimates, from a second or two of "
        "training on made-up pictures with the machine as busy as it is now. Early stopping may end it sooner.",
        highlight=False,
    )
    for row in rows:
        if "error" in row:
            message = f"{row['name']} cannot be built here: {row['error']}"
            console.print(message, style="red", markup=False, highlight=False)


def _print_whole(console: Console, *tables: Table) -> None:
    """Print the first of the tables that fits, so that nothing is cut; a file or a pipe is as wide as it has to be."""
    options = console.options.update(max_width=1000)
    needed = [console.measure(table, options=options).maximum for table in tables]
    if not console.is_terminal:
        console.width = max(console.width, needed[0])
    fitting = (table for table, width in zip(tables, needed, strict=True) if width <= console.width)
    console.print(next(fitting, tables[-1]))


def rungs_table(story: Story, *, narrow: bool = False) -> Table:
    """The rungs of a ladder, each with its accuracy, step over its parent and cost; fewer columns if `narrow`."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", show_edge=False)
    table.add_column("rung", overflow="fold")
    table.add_column("test %", justify="right")
    table.add_column("step in points, 95 %", justify="right", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    if not narrow:
        table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    for rung in story.rungs:
        if rung.state != "done" or rung.accuracy is None:
            table.add_row(rung.name, f"[red]{rung.state}[/]")
            continue
        step, compared = rung.step, ("", "", "")
        if step and step.comparison and step.p is not None and step.verdict:
            c = step.comparison
            interval = f"{100 * c.difference:+.2f} ({100 * c.low:+.2f}, {100 * c.high:+.2f})"
            compared = (interval, f"{step.p:.3f}" if step.p >= 0.001 else "<.001", VERDICTS[step.verdict])
        parameters = rung.done[0].record.parameters
        total = [] if narrow else [f"{parameters.total:,}" if parameters.total is not None else ""]
        table.add_row(rung.name, f"{100 * rung.accuracy:.2f}", *compared, *total, duration(rung.seconds or 0))
    return table


def plan_table(rows: list[dict[str, Any]], seeds: int, *, without: Sequence[str] = ()) -> Table:
    """What the rungs would cost, and their sum, `without` some columns; an estimate is marked as one."""
    table = Table(
        box=None, padding=(0, 1, 0, 0), header_style="bold", footer_style="bold", show_footer=True, pad_edge=False
    )
    columns: dict[str, Callable[[dict[str, Any]], str]] = {
        "parameters": lambda row: f"{row['parameters']['total']:,}",
        "trainable": lambda row: f"{row['parameters']['trainable']:,}",
        "FLOPs": lambda row: short(row["flops_per_image"]),
        "memory": lambda row: short(row["memory_bytes"], "B"),
        "images/s": lambda row: f"{row['images_per_second']:,.0f}",
        "epochs": lambda row: str(row["epochs"] or ""),  # votes have none
        "≈ time": lambda row: duration(row["seconds"]),
    }
    total = seeds * sum(row["seconds"] for row in rows if "error" not in row)
    table.add_column("rung", "all" if len(rows) > 1 else "", overflow="fold")
    shown = {column: text for column, text in columns.items() if column not in without}
    for column in shown:
        sum_up = column == "≈ time" and (len(rows) > 1 or seeds > 1)
        table.add_column(column, duration(total) if sum_up else "", justify="right", no_wrap=True)
    for row in rows:
        if "error" in row:
            table.add_row(f"[red]{row['name']}[/]", "–")
        else:
            table.add_row(row["name"], *(text(row) for text in shown.values()))
    return table


def kinds_table(kind: dict[str, Any]) -> Table:
    """The settings of a model kind: key, default, what is expected, and what it is for."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim")
    for column in ("setting", "default", "expected", ""):
        table.add_column(column, overflow="fold")
    for setting in kind["settings"]:
        value = "null" if setting["default"] is None else str(setting["default"]).lower()
        default = "required" if setting["required"] else value
        table.add_row(*map(escape, (f"  {setting['key']}", default, setting["expects"], setting["description"])))
    return table


def short(number: float, unit: str = "") -> str:
    """`314 M`, `1.31 G`: three digits and a power of a thousand."""
    for power, letter in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= power:
            return f"{number / power:.3g} {letter}{unit}"
    return f"{number:.3g} {unit}".strip()


def money(amount: float, currency: str) -> str:
    """`1.50 USD`, and two figures of less than a tenth, `0.0012 USD`: a small training is not for nothing."""
    cents = 2 if amount >= 0.1 or amount <= 0 else min(8, 1 - floor(log10(amount)))
    return f"{amount:.{cents}f} {currency}"


def duration(seconds: float) -> str:
    """`8.3 s`, `2 min 05 s`, `1 h 07 min`, `29 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes < 600 else f"{round(seconds / 3600)} h"
