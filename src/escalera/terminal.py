"""What a climb says in the terminal: the rungs as they pass, and the table at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from escalera.ladder.schema import Ladder, Rung
    from escalera.models.summary import Summary
    from escalera.report.story import Story
    from escalera.train.loop import Callback

VERDICTS = {"better": "[green]▲ better[/]", "worse": "[red]▼ worse[/]", "no evidence": "[dim]· no evidence[/]"}


class Narrator:
    """Tells a climb on a console; without one it keeps quiet."""

    def __init__(self, console: Console | None = None, *, debug: bool = False) -> None:
        self.console = console or Console(quiet=True)
        self.debug = debug
        self.failed: list[tuple[str, str]] = []

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

    def rung_begins(self, ladder: Ladder, rung: Rung, seed: int, place: str, language: str) -> None:
        """Name the rung and why it is there."""
        more = f" (seed {seed})" if seed else ""
        self.console.print(f"\n[bold cyan]{place}  {escape(rung.name)}[/]{more}", highlight=False)
        if rung.why:
            self.console.print(f"  {escape(rung.why[language])}", style="dim", highlight=False)

    def layers(self, summary: Summary) -> None:
        """Print the table of layers and its totals."""
        table = Table(box=None, padding=(0, 2), header_style="dim", show_edge=False)
        for column, justify in (("layer", "left"), ("output", "left"), ("parameters", "right")):
            table.add_column(column, justify=justify)  # type: ignore[arg-type]
        for layer in summary.layers:
            shape = " x ".join(map(str, layer.output_shape))
            frozen = " (frozen)" if layer.trainable is False else ""
            table.add_row(f"{layer.kind}{frozen}", shape, f"{layer.parameters:,}" if layer.parameters else "")
        self.console.print(table)
        self.console.print(
            f"  {summary.total:,} parameters: {summary.trainable:,} trainable, {summary.non_trainable:,} not",
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
        money = record["price"]
        self.console.print(
            f"  [green]✓[/] test {100 * test['accuracy']:.2f} %  (loss {test['loss']:.3f})"
            f"  ·  epoch {record['best_epoch']} of {record['epochs']}, {record['stopped']}"
            f"  ·  {duration(record['seconds'])}"
            + (f"  ·  {money['amount']:.2f} {money['currency']}" if money else ""),
            highlight=False,
        )

    def rung_failed(self, rung: Rung, message: str, error: Exception) -> None:
        """Say it at once, and again in the last lines."""
        self.failed.append((rung.name, message))
        self.console.print(f"  [red]✗ {escape(rung.name)} failed:[/] {escape(message)}", highlight=False)
        if self.debug:
            import traceback

            self.console.print("".join(traceback.format_exception(error)), markup=False, highlight=False)

    def ladder_ends(self, folder: Path, report: Path, language: str) -> None:
        """The table of the rungs, what failed, and where the report is."""
        from escalera.report.story import read_story

        self.console.print()
        self.console.print(rungs_table(read_story(folder)))
        for name, message in self.failed:
            self.console.print(f"[red]✗ {escape(name)}:[/] {escape(message)}", highlight=False)
        self.console.print(f"\nreport: [bold]{report}[/]", highlight=False, soft_wrap=True)


def rungs_table(story: Story) -> Table:
    """The rungs of a ladder, each with its accuracy, its step over its parent, and its cost."""
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold", show_edge=False)
    table.add_column("rung", overflow="fold")
    table.add_column("test %", justify="right")
    table.add_column("step in points, 95 %", justify="right", no_wrap=True)
    table.add_column("p", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("parameters", justify="right")
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
        total = f"{parameters.total:,}" if parameters else ""
        table.add_row(rung.name, f"{100 * rung.accuracy:.2f}", *compared, total, duration(rung.seconds or 0))
    return table


def duration(seconds: float) -> str:
    """`8.3 s`, `2 min 05 s`, `1 h 07 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
