"""Runs: the ladder as a picture and a table, learning curves over one another, and each run with its configuration."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import gradio as gr
from markupsafe import Markup

from escalera.core.errors import EscaleraError
from escalera.inference.illustrations import illustrated_report
from escalera.report.language import NOTHING, Language
from escalera.report.rung import Rung
from escalera.report.sections import climb as picture
from escalera.report.settings import settings
from escalera.report.story import Story, read_story
from escalera.report.view import LadderView
from escalera.studio.curves import MEASURES, curves
from escalera.studio.i18n import translated
from escalera.studio.parts import error_html, hint_html
from escalera.studio.service import Studio
from escalera.studio.sheet import SORT, Cell, sheet
from escalera.studio.tabs.export import export
from escalera.studio.tabs.shared import BUSY, LATEST, QUIET, telling

_COLUMNS = ("rung", "test", "step", "interval", "p", "verdict", "parameters", "seconds")
_ABSENT: Cell = (NOTHING, None)
_DRAWN = 8
"""Curves that are chosen by themselves."""
_FAULTS = 8
"""Of each run that are shown: a history may have one a line."""
_LIVE = 3.0
"""Seconds between two looks at the files of a ladder that is open."""
_WIDTH = 260
_NO_RUNS = (gr.update(choices=[], value=[]), gr.update(choices=[], value=None))
_Seen = tuple[str, tuple[float, ...], list[str]]
"""What a page shows: a ladder, when its files were written, and the keys of its runs."""


def runs(studio: Studio, words: Language) -> None:
    """Lay out the tab."""
    say = words.say
    viewer = _Viewer(studio, words)
    ladders = studio.ladders()
    with gr.Tab(say("tab.runs"), id="runs") as tab:
        with gr.Row():
            ladder = gr.Dropdown(ladders, value=ladders[0] if ladders else None, label=say("runs.ladder"), scale=3)
            language = gr.Button(say("runs.write"), scale=1, min_width=200, size="md", elem_id="write")
        figure = gr.HTML(elem_id="ladder-picture")
        table = gr.HTML(elem_id="rungs", js_on_load=SORT)
        gr.HTML(f"<h3>{say('runs.curves')}</h3>")
        with gr.Row():
            chosen = gr.CheckboxGroup([], label=say("runs.chosen"), min_width=_WIDTH, elem_id="curve-runs")
            measure = gr.Radio(
                [(say(f"curves.{name}"), name) for name in MEASURES], value=MEASURES[0], label=say("runs.measure"),
                min_width=_WIDTH,
            )  # fmt: skip
        plot = gr.HTML(elem_id="curves")
        gr.HTML(f"<h3>{say('runs.one')}</h3>")
        run = gr.Dropdown([], label=say("runs.run"), elem_id="run")
        details = gr.HTML(elem_id="details")
        another = export(studio, words, run, "run")
        with gr.Accordion(say("runs.configuration"), open=False):
            configuration = gr.Code(language="yaml", interactive=False, label="config.yaml", max_lines=30)
        # What a clock asks about is kept here: a name that the page still had would be one gradio no longer offers.
        timer, seen, looked = gr.Timer(_LIVE, active=False), gr.State(None), gr.State(([], MEASURES[0]))
    whole = [figure, table, chosen, run, seen]
    tab.select(viewer.ladders, ladder, ladder, **QUIET, **LATEST).then(viewer.ladder, ladder, whole, **QUIET, **LATEST)
    tab.select(lambda: gr.Timer(active=True), None, timer, **QUIET)
    ladder.change(viewer.ladder, ladder, whole, **QUIET, **LATEST)
    gr.on([chosen.change, measure.change], lambda *now: now, [chosen, measure], looked, **QUIET, **LATEST).then(
        viewer.curves, [ladder, chosen, measure], plot, **QUIET, **LATEST
    )
    timer.tick(viewer.live, [seen, looked], [*whole, plot], **QUIET)
    another.then(viewer.run, run, [details, configuration], **QUIET, **LATEST)
    language.click(viewer.write, ladder, figure, **BUSY)


class _Viewer:
    """The events of the tab."""

    def __init__(self, studio: Studio, words: Language) -> None:
        self.studio = studio
        self.words = words
        self.write = telling(words)(self._write)

    def ladders(self, name: str | None) -> Any:
        """The ladders there are now; the one that is open stays so while it is there."""
        found = self.studio.ladders()
        return gr.update(choices=found, value=name if name in found else next(iter(found), None))

    def ladder(self, name: str | None) -> tuple[Any, ...]:
        """The picture, the table, the runs to choose from, some curves chosen already, and what has been seen."""
        if not name:
            return hint_html(self.words.say("studio.nothing_here")), "", *_NO_RUNS, None
        figure, table, names, seen = self._look(name)
        keys = seen[2]
        return (
            figure,
            table,
            gr.update(choices=names, value=keys[:_DRAWN]),
            gr.update(choices=names, value=keys[-1] if keys else None),
            seen,
        )

    def live(self, seen: _Seen | None, looked: tuple[list[str], str]) -> tuple[Any, ...]:
        """The same again, and the curves, while something happens; nothing when no file has changed.

        What has been `seen` is the page's own, since others may look at the same ladder. New runs are chosen too, as
        far as there is room for their curves; what else is chosen stays.
        """
        if seen is None or self._stamp(seen[0]) == seen[1]:
            return *[gr.skip()] * 4, seen, gr.skip()
        name, (chosen, measure), before = seen[0], looked, seen[2]
        figure, table, names, now = self._look(name)
        keys = now[2]
        kept = [key for key in chosen if key in keys]
        drawn = [*kept, *[key for key in keys if key not in before][: max(0, _DRAWN - len(kept))]]
        # A choice that somebody makes meanwhile is not taken back, unless there is something to add or to leave out.
        values: dict[str, Any] = {} if drawn == chosen else {"value": drawn}
        first: dict[str, Any] = {} if before or not keys else {"value": keys[-1]}
        boxes, run = gr.update(choices=names, **values), gr.update(choices=names, **first)
        choices = (gr.skip(), gr.skip()) if keys == before else (boxes, run)
        return figure, table, *choices, now, self.curves(name, drawn, measure)

    def _stamp(self, name: str) -> tuple[float, ...]:
        """When the files were written by which a ladder's runs show that something happens."""
        patterns = ("*/seed-*/run.json", "*/seed-*/history.jsonl", "ladder.json")
        files = [path for pattern in patterns for path in (self.studio.out / name).glob(pattern)]
        times = []
        for path in files:
            with contextlib.suppress(OSError):  # set aside just now
                times.append(path.stat().st_mtime)
        return tuple(sorted(times))

    def _look(self, name: str) -> tuple[Any, Any, list[tuple[str, str]], _Seen]:
        """The picture, the table, the runs by their labels, and what has been seen."""
        # Before the files are read: what is written meanwhile is seen at the next look.
        stamp = self._stamp(name)
        try:
            story = read_story(self.studio.out / name)
        except EscaleraError as error:
            return error_html(translated(error, self.words)), "", [], (name, stamp, [])
        names = [
            (f"{rung.name}" + (f" ({self.words.say('state.seed', seed=run.seed).rstrip('.')})" if run.seed else ""),
             f"{name}/{rung.name}/seed-{run.seed}")
            for rung in story.rungs for run in rung.runs if run.state != "absent"
        ]  # fmt: skip
        return self._picture(story), self._table(story), names, (name, stamp, [key for _, key in names])

    def curves(self, name: str | None, keys: list[str], measure: str) -> str:
        """The curves of some runs of a ladder."""
        histories = {}
        for key in keys:
            try:
                run = self.studio.run(key)
            except EscaleraError:
                continue
            rung, seed = run.path.parts[-2:]
            histories[rung if seed == "seed-0" else f"{rung} {seed}"] = run.read_history()
        return curves(histories, measure, self.words) or hint_html(self.words.say("curves.none"))

    def _picture(self, story: Story) -> str:
        found = picture.section(LadderView(story, self.words, {}))
        title = story.title[self.words.code] if story.title else story.name
        link = Markup('<a class="button" href="../report/{}" target="_blank">{}</a>').format(
            story.path.name, self.words.say("runs.report")
        )
        there = (story.path / "report.html").is_file()
        drawn = hint_html(self.words.say("runs.no_accuracy"))
        if found:
            drawn = Markup('<div class="figure broad">{}</div><div class="figure narrow">{}</div>').format(
                found["figure"].svg, found["rows"].svg
            )
        return Markup('<h2>{}</h2>{}<p class="links">{}</p>').format(title, drawn, link if there else "")

    def _table(self, story: Story) -> Markup:
        heads = [self.words.say(f"runs.column.{name}") for name in _COLUMNS]
        rows = [self._row(rung) for rung in story.rungs]
        found = sheet(heads, rows, self.words.say("runs.table")) + hint_html(self.words.say("runs.sort"))
        return found + self._faults(story)

    def _faults(self, story: Story) -> Markup:
        """Which files of runs and searches are incomplete or damaged, as the report says it."""
        some = [(run.path, run.faults) for rung in story.rungs for run in rung.runs]
        some += [(rung.search.path, rung.search.faults) for rung in story.rungs if rung.search]
        return Markup("").join(
            error_html(f"{path.relative_to(story.path).as_posix()}: {fault.say(self.words)}")
            for path, faults in some for fault in faults[:_FAULTS]
        )  # fmt: skip

    def _row(self, rung: Rung) -> list[Cell]:
        words, step = self.words, rung.step
        comparison = step.comparison if step else None
        parameters = rung.done[0].record.parameters.total if rung.done else None
        if rung.accuracy is None:
            state = words.say(f"state.{rung.state}")
            return [rung.name, *[_ABSENT] * 2, NOTHING, _ABSENT, state, *[_ABSENT] * 2]
        points = words.points
        verdict = words.say("verdict." + step.verdict.replace(" ", "-")) if step and step.verdict else NOTHING
        p = step.p if step else None
        searched = f" + {words.duration(rung.search_seconds)}" if rung.search_seconds else ""
        return [
            rung.name,
            (points(rung.score), rung.score),
            (points(comparison.difference, sign=True), comparison.difference) if comparison else _ABSENT,
            f"{points(comparison.low, sign=True)} … {points(comparison.high, sign=True)}" if comparison else NOTHING,
            (words.p_value(p), p) if p is not None else _ABSENT,
            verdict,
            (words.number(parameters), parameters),
            (words.duration(rung.seconds) + searched, (rung.seconds or 0) + rung.search_seconds),
        ]

    def run(self, key: str | None) -> tuple[str, str]:
        """What one run changed, and its configuration; of one that is gone, that it is."""
        try:
            return self._run(key) if key else ("", "")
        except EscaleraError as error:
            return error_html(translated(error, self.words)), ""

    def _run(self, key: str) -> tuple[str, str]:
        run = self.studio.run(key)
        say = self.words.say
        rung = read_story(run.path.parents[1]).rung(run.path.parts[-2])
        changes = Markup("").join(
            Markup("<tr><th><code>{}</code></th><td>{}</td><td>{}</td></tr>").format(
                _breakable(change.path), _figure(change.before, self.words), _figure(change.after, self.words)
            )
            for change in settings(rung.change if rung else [])
        )
        heads = Markup("<tr><th>{}</th><th>{}</th><th>{}</th></tr>").format(
            say("word.setting"), say("word.before"), say("word.after")
        )
        whole = Markup('<div class="scroll"><table class="changes">{}{}</table></div>').format(heads, changes)
        table = whole if changes else Markup("")
        why = Markup("<p>{}</p>").format(rung.why[self.words.code]) if rung and rung.why else ""
        parent = Markup("<h4>{}</h4>").format(say("runs.changes", parent=rung.parent)) if table and rung else ""
        done = "" if run.state() == "done" else hint_html(say("state.running.text"))
        text = run.config.read_text(encoding="utf-8") if run.config.is_file() else ""
        return Markup("").join([why, parent, table, done]), text

    def _write(self, name: str | None) -> Any:
        if not name:
            return gr.skip()
        folder = self.studio.out / name
        illustrated_report(folder, self.words.code, self.studio.data_root)
        return self._picture(read_story(folder))


def _breakable(path: str) -> Markup:
    """A setting's path that a narrow page may break behind a dot or an underscore, and nowhere else."""
    return Markup("<wbr>").join(re.split(r"(?<=[._])", path))


def _figure(value: str, words: Language) -> str:
    """A value as the reader writes it: that of a number alone has the language's decimal sign."""
    return value.replace(".", ",") if words.code == "es" and re.fullmatch(r"-?\d+\.\d+", value) else value
