"""What a climb says in the terminal: the rungs as they pass, and the table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from escalera.cli.lines import fold
from escalera.cli.terminal.layers import layer_table
from escalera.cli.terminal.tables import idle_lines, print_rungs
from escalera.cli.terminal.words import load_terminal
from escalera.core.translation import translate
from escalera.ladder.shown import show, whole
from escalera.run.events import Events, Progress

if TYPE_CHECKING:
    from escalera.data.dataset import Dataset
    from escalera.ladder.schema import Ladder, Rung
    from escalera.models.summary import Summary
    from escalera.run.outcome import Outcome
    from escalera.run.trial import Trial

_LISTED = 20


class Narrator(Events):
    """Tells a climb on a console, in a language; without a console it keeps quiet."""

    def __init__(self, console: Console | None = None, *, language: str = "en", debug: bool = False) -> None:
        # In a notebook rich puts every line into a display of its own, or takes it for a terminal: it is plain text.
        self.notebook = console is not None and console.is_jupyter
        plain = Console(force_jupyter=False, force_terminal=False, width=100)
        self.console = plain if self.notebook else console or Console(quiet=True)
        # A file or a pipe has no width at which a sentence would have to be broken.
        self.console.soft_wrap = not self.console.is_terminal
        self.words = load_terminal(language)
        self.debug = debug
        self.reported: set[str] = set()
        self.shown = Events()
        self.monitor = "val_accuracy"
        self.fold = 1

    def ladder_begins(self, ladder: Ladder, folder: Path, runs: int, pending: int) -> None:
        """Name the ladder, and how much of it is to do."""
        title = ladder.title[self.words.code] if ladder.title else ladder.name
        self.console.print(f"[bold]{escape(title)}[/]", highlight=False)
        if not pending:
            self._print(self.words.say("climb.finished"))
        elif pending < runs:
            done = self.words.number(runs - pending)
            self._print(self.words.say("climb.some", done=done, runs=runs, pending=pending, folder=folder))
        else:
            self._print(self.words.say("climb.all", runs=self.words.count(runs, "run"), folder=folder))

    def remark(self, text: str) -> None:
        """Say it in the reader's language."""
        self._print(self._translated(text), style="yellow")

    def data_opened(self, data: Dataset) -> None:
        """Say what a person should know of the pictures before they are learned from."""
        from escalera.data.duplicates.search import SMALLEST

        words, name = self.words, data.name
        if data.skipped:
            self._print(words.say("data.skipped", name=name, pictures=words.count(len(data.skipped), "bad")))
            rest = [words.say("list.more", n=words.number(n))] if (n := len(data.skipped) - _LISTED) > 0 else []
            for line in (*map(self._translated, data.skipped[:_LISTED]), *rest):
                self._print(f"  {line}", style="dim")
        if data.overlap and data.overlap.dropped:
            self._print(words.say("data.dropped", name=name, pictures=words.count(data.overlap.dropped, "dropped")))
        if data.overlap and data.overlap.test.any():
            n, of = data.overlap.test.sum(), words.number(len(data.overlap.test))
            key = "data.duplicate" if n == 1 else "data.duplicates"
            self._print(words.say(key, name=name, n=words.number(n), of=of), style="yellow")
        if data.overlap and not data.overlap.near_searched:
            small = min(data.shape[:2]) < SMALLEST
            self._print(words.say("data.only_exact_small" if small else "data.only_exact_many", name=name), style="dim")
        for note in data.notes:
            where = "" if note.startswith(name) else f"{name}: "
            self._print(self._translated(f"{where}{note}"), style="yellow")

    def rung_begins(self, rung: Rung, seed: int, place: str) -> None:
        """Name the rung and why it is there."""
        self.fold = 1
        more = f" ({self.words.say('rung.seed', seed=seed)})" if seed else ""
        self.console.print(f"\n[bold cyan]{place}  {escape(rung.name)}[/]{more}", highlight=False)
        if rung.why:
            self._print(f"  {rung.why[self.words.code]}", style="dim")
        for line in [] if seed else idle_lines(rung.config, self.words):
            self._print(f"  {line}", style="yellow")

    def fold_begins(self, number: int, count: int) -> None:
        """Say which part is trained."""
        self.fold = number
        self._print(f"  {self.words.say('run.fold', fold=number, folds=count)}", style="dim")

    def layers(self, summary: Summary, from_epoch: int | None = None) -> None:
        """Print the table of layers and its totals; the body may learn only `from_epoch` on. Of folds once."""
        if self.fold > 1:
            return
        words = self.words
        self.console.print(layer_table(summary, words))
        counts = [words.number(number) for number in (summary.total, summary.trainable, summary.non_trainable)]
        later = words.say("layers.later", epoch=from_epoch) if from_epoch else ""
        totals = words.say("layers.total", total=counts[0], trainable=counts[1], rest=counts[2])
        self._print(f"  {totals}{later}")

    def resumes(self, epoch: int) -> None:
        """Say that an interrupted run goes on."""
        self._print(f"  {self.words.say('run.resumes', epoch=epoch)}")

    def damaged(self, what: str, then: str) -> None:
        """Say what is damaged in a run, and what becomes of it: `made_again`, `written_again` or `not_needed`."""
        self._print(self.words.say(f"run.{then}", what=translate(what, self.words.code)), style="yellow")

    def put_back(self, kept: Path, place: Path) -> None:
        """Say that a run with these settings was there already."""
        self._print(self.words.say("run.put_back", kept=kept, place=place), style="yellow")

    def kept(self, kept: Path) -> None:
        """Say where a run went that another one has replaced, and how to get it back."""
        self._print(f"  {self.words.say('run.kept', kept=kept)}", style="yellow")

    def begins_anew(self, faults: Sequence[str], kept: Path) -> None:
        """Say that a training which was begun cannot go on."""
        what = "; ".join(translate(fault, self.words.code) for fault in faults)
        self._print(f"  {self.words.say('run.anew', what=what, kept=kept)}", style="yellow")

    def checkpoint_damaged(self, epoch: int, fault: str) -> None:
        """Say that the last checkpoint could not be gone on from, and that the one before, after `epoch`, is."""
        self._print(f"  {self.words.say('run.damaged', epoch=epoch, fault=self._translated(fault))}", style="yellow")

    def history_mended(self, file: Path) -> None:
        """Say that the history was not what the checkpoint has of it."""
        self._print(f"  {self.words.say('run.history', file=file)}", style="yellow")

    def threads_kept(self, begun: int, here: int) -> None:
        """Say that a run goes on with its own number of threads."""
        words = self.words
        self._print(f"  {words.say('run.threads', begun=words.count(begun, 'thread'), here=words.number(here))}")

    def training_begins(self, progress: Progress) -> None:
        """A bar on a terminal, a line that is renewed in a notebook, lines elsewhere."""
        from escalera.cli.terminal.progress import ProgressBar, ProgressLine, ProgressLines

        kind: type[ProgressBar | ProgressLine | ProgressLines]
        kind = ProgressBar if self.console.is_terminal else ProgressLine if self.notebook else ProgressLines
        self.shown = kind(self.console, self.words)
        self.shown.training_begins(progress)

    def step_ends(self, progress: Progress) -> None:
        """Move the bar."""
        self.shown.step_ends(progress)

    def epoch_ends(self, progress: Progress) -> None:
        """Say the epoch, when it is time for a line."""
        self.shown.epoch_ends(progress)

    def training_ends(self) -> None:
        """Take the bar away."""
        self.shown.training_ends()

    def rung_ends(self, record: dict[str, Any], metrics: dict[str, Any]) -> None:
        """One line: what came out, and what it cost."""
        words, test = self.words, metrics["test"]
        if "classifiers" in record:
            how = words.count(len(record["classifiers"]), "classifier")
        else:
            stopped = words.say(f"stopped.{record['stopped'].replace(' ', '-')}")
            how = words.say("run.epochs", best=record["best_epoch"], epochs=record["epochs"], stopped=stopped)
        result = words.say("run.test", accuracy=words.number(100 * test["accuracy"], 2), loss=words.loss(test["loss"]))
        cost = [words.duration(record["seconds"]), *([words.money(**record["price"])] if record["price"] else [])]
        if (record.get("energy") or {}).get("kwh") is not None:
            cost.append(words.energy(record["energy"]["kwh"]))
        self._line("  ·  ".join([f"[green]✓[/] {result}", how, *cost]))

    def branches_evaluated(self) -> None:
        """Say what takes its time after a fusion has learned."""
        self._print(f"  {self.words.say('run.branches')}")

    def features_ready(self, columns: int, rows: int, seconds: float) -> None:
        """Say how large the table is that the classifiers learn from."""
        number, time = self.words.number, self.words.duration(seconds)
        self._print(f"  {self.words.say('run.features', columns=number(columns), rows=number(rows), time=time)}")

    def classifier_fitted(self, name: str, accuracy: float, seconds: float) -> None:
        """One line for each of those that vote."""
        share, time = self.words.number(100 * accuracy, 2), self.words.duration(seconds)
        self._print(f"  {self.words.say('run.fitted', name=name, accuracy=share, time=time)}")

    def weights_absent(self, names: list[str], message: str) -> None:
        """Say, before anything is trained, which rungs lack the weights that they start from."""
        self.reported.add(message)
        self.console.print(
            f"[red]✗ {escape(', '.join(names))}:[/] {escape(self._translated(message))}", highlight=False
        )

    def _translated(self, text: str) -> str:
        """An error or a note in the reader's language."""
        return translate(text, self.words.code)

    def rung_failed(self, rung: Rung, message: str, trace: str) -> None:
        """Say it at once, a reason that was told before in short, and again in the last lines."""
        key = "rung.failed_as_above" if message in self.reported else "rung.failed"
        failed = self.words.say(key, rung=rung.name)
        why = "" if message in self.reported else f": {self._translated(message)}"
        self.reported.add(message)
        self._line(f"[red]✗ {escape(failed)}[/]{escape(why)}")
        if self.debug:
            self.console.print(trace, markup=False, highlight=False)

    def search_begins(self, rung: Rung, trials: int | None, ended: int, rows: int, flattery: float) -> None:
        """Say what is tried, how much of it, and by how much the best will look better than it is."""
        assert rung.search is not None
        words, self.monitor = self.words, rung.search.monitor
        self.console.print(f"\n[bold cyan]{escape(rung.name)}[/]", highlight=False)
        if rung.why:
            self._print(f"  {rung.why[words.code]}", style="dim")
        minutes = rung.search.minutes
        time = "" if minutes is None else words.say("search.minutes", time=words.wait(60 * minutes))
        count = words.say("search.as_many") if trials is None else words.count(trials, "trial")
        over = ", ".join(rung.search.over)
        self._print(f"  {words.say('search.begins', trials=count, over=over, method=rung.search.method)}{time}")
        if ended:
            self._print(f"  {words.say('search.told', told=words.count(ended, 'trial'))}")
        points = words.number(100 * flattery, 1)
        self._print(f"  {words.say('search.flattery', rows=words.number(rows), points=points)}", style="dim")

    def trial_reported(self, trial: Trial, best: Trial | None, trials: int | None) -> None:
        """One line for each trial."""
        words = self.words
        of = f"/{words.number(trials)}" if trials else ""
        name = words.say("search.trial", number=f"{words.number(trial.number + 1)}{of}")
        if trial.state == "failed":
            found = words.say("search.failed", reason=self._translated(trial.error))
        else:
            found = self._value(trial.value)
            if trial.state == "pruned":
                found = words.say("search.pruned", value=found, epochs=words.count(trial.epochs, "epoch"))
        first = ""
        if best is not None and best.number != trial.number:
            first = words.say("search.best", value=self._value(best.value), number=words.number(best.number + 1))
        same = "" if trial.same is None else words.say("search.same", number=words.number(trial.same + 1))
        tried = ", ".join(f"{path} {show(value)}" for path, value in trial.settings.items())
        took = words.duration(trial.seconds) if trial.seconds else ""
        self._print("  " + "  ·  ".join(part for part in (f"{name}: {found}", first, same, tried, took) if part))

    def search_ends(self, rung: str, best: Trial) -> None:
        """Say with what the rung is trained."""
        tried = ", ".join(f"{path}: {whole(value)}" for path, value in best.settings.items())
        number = self.words.number(best.number + 1)
        self._print(f"  {self.words.say('search.ends', number=number, settings=tried)}", style="green")

    def auto_begins(self, name: str, found: list[str]) -> None:
        """Name the ladder, and say what was found in its source."""
        self.console.print(f"[bold]{escape(name)}[/]", highlight=False)
        for line in found:
            self._print(f"  {line}")

    def move_reported(self, state: str, line: str) -> None:
        """One line for each move."""
        mark = {"kept": "[green]✓[/]", "waits": "[yellow]·[/]", "failed": "[red]✗[/]"}.get(state, "[dim]✗[/]")
        self.console.print(f"  {mark} {escape(line)}", highlight=False)

    def auto_ends(self, file: Path) -> None:
        """Say where the ladder is."""
        self._print(self.words.say("auto.written", file=file))

    def _value(self, value: float | None) -> str:
        """The figure that trials are chosen by."""
        if self.monitor == "val_loss":
            return self.words.say("search.loss", loss=self.words.loss(value))
        return self.words.say("progress.validation", accuracy=self.words.number(100 * (value or 0), 2))

    def ladder_ends(self, folder: Path, report: Path | str, failed: Sequence[Outcome]) -> None:
        """The table of the rungs, what failed, and where the report is."""
        from escalera.report.story import read_story

        self.console.print()
        print_rungs(self.console, read_story(folder), self.words)
        for message in dict.fromkeys(outcome.error for outcome in failed):
            names = ", ".join(dict.fromkeys(one.rung for one in failed if one.error == message))
            self.console.print(f"[red]✗ {escape(names)}:[/] {escape(self._translated(message))}", highlight=False)
        self.console.print(
            f"\n{self.words.say('climb.report')}: [bold]{escape(str(report))}[/]", highlight=False, soft_wrap=True
        )

    def _line(self, markup: str) -> None:
        """What became of a run."""
        self.console.print(f"  {markup}", highlight=False)

    def _print(self, text: str, style: str | None = None) -> None:
        """A line without any markup of its own."""
        folded = fold(text, self.console.width) if self.console.is_terminal else text
        self.console.print(escape(folded), style=style, highlight=False, soft_wrap=True)
