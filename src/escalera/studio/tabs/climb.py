"""Climb: a ladder, a few settings, the plan; start, watch, stop, and take up again."""

from __future__ import annotations

import re
from typing import Any

import gradio as gr
from markupsafe import Markup

from escalera.core.errors import EscaleraError
from escalera.experiment.climb import load_ladder, shipped_ladders
from escalera.report.language import Language
from escalera.studio.i18n import HintError, translated
from escalera.studio.job import Request, plan, settings
from escalera.studio.parts import error_html, hint_html
from escalera.studio.progress import ProgressView
from escalera.studio.service import Studio
from escalera.studio.tabs.shared import BUSY, LATEST, MINUTES, QUIET, number, telling

_WIDTH = 110
"""Pixels of a setting, at least: two stand side by side, on a phone too."""
_SEEDS = 20
_SIDE_BY_SIDE = 64
"""Runs that can be asked for at once; the climb refuses more than the memory holds."""
_NAMED = 6
"""Runs that are named before the rest is counted."""
_COMMA = re.compile(r"^(\s*\d*),(\d+(?:[eE][+-]?\d+)?\s*)$")
"""A number with a decimal comma, as one types it in Spanish."""
_PLANNED = ("rung", "parameters", "flops", "rate", "epochs", "seconds")


def climb(studio: Studio, words: Language) -> None:
    """Lay out the tab."""
    say = words.say
    climber = _Climber(studio, words)
    ladders = [(row["title"], row["name"]) for row in shipped_ladders(words.code)]
    with gr.Tab(say("tab.climb"), id="climb") as tab:
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                ladder = gr.Dropdown(ladders, value="digits", label=say("climb.ladder"), elem_id="climb-ladder")
                rungs = gr.CheckboxGroup(
                    [], label=say("climb.rungs"), info=say("climb.rungs_help"), elem_id="climb-rungs"
                )
                with gr.Row():
                    epochs = _setting(words, "epochs")
                    batch = _setting(words, "batch")
                with gr.Row():
                    rate = _setting(words, "rate")
                    # Without limits: gradio would tell them in English alone.
                    seeds = gr.Number(1, label=say("climb.seeds"), min_width=_WIDTH, elem_id="climb-seeds")
                    jobs = gr.Number(1, label=say("climb.jobs"), min_width=_WIDTH, elem_id="climb-jobs")
                more = gr.Textbox(
                    label=say("climb.more"), info=say("climb.more_help"), placeholder="model.head.dropout=0.3", lines=2,
                    elem_id="climb-more",
                )  # fmt: skip
                with gr.Row():
                    planned = gr.Button(say("climb.plan"), min_width=90, elem_id="climb-plan")
                    start = gr.Button(say("climb.start"), variant="primary", min_width=90, elem_id="climb-start")
                with gr.Accordion(say("climb.auto"), open=False):
                    source = gr.Dropdown(studio.sources(), label=say("climb.source"), elem_id="climb-source")
                    minutes = gr.Number(10, label=say("climb.minutes"), min_width=_WIDTH, elem_id="climb-minutes")
                    build = gr.Button(say("climb.build"), elem_id="climb-build")
                    gr.Markdown(say("climb.auto_help"))
                with gr.Group(visible=False) as question:
                    replaces = gr.HTML(elem_id="climb-replaces")
                    with gr.Row():
                        leave = gr.Button(say("climb.leave"), min_width=90, elem_id="climb-leave")
                        sure = gr.Button(say("climb.sure"), variant="primary", min_width=90, elem_id="climb-sure")
            with gr.Column(scale=3, min_width=320):
                with gr.Row():
                    resume = gr.Button(say("climb.resume"), visible=False, elem_id="climb-resume", size="md")
                    stop = gr.Button(say("climb.stop"), variant="stop", visible=False, elem_id="climb-stop", size="md")
                progress = gr.HTML(elem_id="climb-progress")
                plan_table = gr.HTML(elem_id="climb-planned")
        timer = gr.Timer(1.5, active=False)
    fields: list[Any] = [rungs, epochs, batch, rate, seeds, jobs, more]
    form = [ladder, *fields]
    shown = [progress, start, stop, resume]
    another = gr.on([tab.select, ladder.change], climber.rungs, ladder, rungs, **QUIET, **LATEST)
    tab.select(climber.watch, None, shown, **QUIET).then(lambda: gr.Timer(active=True), None, timer, **QUIET)
    timer.tick(climber.watch, None, shown, **QUIET)
    planned.click(climber.plan, form, plan_table, **BUSY)
    asking = [question, replaces]
    start.click(climber.ask, form, [*asking, *shown], **QUIET)
    sure.click(climber.start, form, [*asking, *shown], **QUIET)
    gr.on([leave.click, *(field.change for field in fields)], climber.leave, None, asking, **QUIET, **LATEST)
    another.then(climber.leave, None, asking, **QUIET, **LATEST)
    build.click(climber.build, [source, minutes], shown, **QUIET)
    resume.click(climber.resume, None, shown, **QUIET)
    stop.click(climber.stop, None, shown, **QUIET)


def _setting(words: Language, name: str) -> gr.Textbox:
    return gr.Textbox(
        label=words.say(f"climb.{name}"),
        placeholder=words.say("climb.own"),
        min_width=_WIDTH,
        max_lines=1,
        elem_id=f"climb-{name}",
    )


class _Climber:
    """The events of the tab."""

    def __init__(self, studio: Studio, words: Language) -> None:
        self.studio = studio
        self.words = words
        self.job = studio.job
        self.progress = ProgressView(words)
        self.ask = telling(words)(self._ask)
        self.start = telling(words)(self._start)
        self.resume = telling(words)(self._resume)
        self.build = telling(words)(self._build)

    def rungs(self, ladder: str) -> Any:
        """The rungs of a ladder; none chosen means all."""
        if ladder not in [row["name"] for row in shipped_ladders(self.words.code)]:
            return gr.update(choices=[], value=[])
        return gr.update(choices=[rung.name for rung in load_ladder(ladder).ladder.rungs], value=[])

    def plan(self, *form: Any) -> str:
        """What it would cost, as a table."""
        try:
            request = self._request(*form)
            rows = plan(request, self.studio.data_root)
        except EscaleraError as error:
            return error_html(translated(error, self.words))
        say, words = self.words.say, self.words
        heads = Markup("").join(Markup("<th>{}</th>").format(say(f"plan.{name}")) for name in _PLANNED)
        lines = Markup("").join(
            Markup("<tr><th>{}</th>{}</tr>").format(
                row["name"],
                Markup('<td colspan="5">{}</td>').format(row["error"])
                if "error" in row
                else Markup("").join(Markup("<td>{}</td>").format(cell) for cell in self._cells(row)),
            )
            for row in rows
        )
        total = request.seeds * sum(row["seconds"] for row in rows if "error" not in row)
        return Markup('<h3>{}</h3><div class="scroll"><table class="plan"><tr>{}</tr>{}</table></div>{}').format(
            say("plan.title", total=words.duration(total)), heads, lines, hint_html(say("plan.help"))
        )

    def _cells(self, row: dict[str, Any]) -> list[str]:
        words = self.words
        return [
            words.number(row["parameters"]["total"]),
            words.short(row["flops_per_image"]),
            words.number(row["images_per_second"]),
            words.number(row["epochs"]),
            words.duration(row["seconds"]),
        ]

    def watch(self) -> tuple[Any, Any, Any, Any]:
        """How far the climb is, and what can be done about it."""
        found = self.job.progress()
        running = bool(found and found.running)
        return (
            self.progress.html(found) if found else hint_html(self.words.say("climb.nothing")),
            gr.update(interactive=not running),
            gr.update(visible=running),
            gr.update(visible=bool(found and found.unfinished)),
        )

    def stop(self) -> tuple[Any, Any, Any, Any]:
        """Have it end after the step at hand."""
        self.job.stop()
        return self.watch()

    def leave(self) -> tuple[Any, Any]:
        """Take the question back."""
        return gr.update(visible=False), ""

    def _ask(self, *form: Any) -> tuple[Any, ...]:
        """Start, unless finished runs would make room for others: then ask first."""
        replaced = self.job.replaces(self._request(*form))
        if not replaced:
            return self._start(*form)
        names = self.words.listing(replaced[:_NAMED])
        more = len(replaced) - _NAMED
        rest = self.words.say("climb.replaces_more", n=self.words.number(more)) if more > 0 else ""
        question = hint_html(self.words.say("climb.replaces", names=names, rest=rest))
        return (gr.update(visible=True), question, *self.watch())

    def _start(self, *form: Any) -> tuple[Any, ...]:
        self.job.start(self._request(*form), self.words.code)
        return (*self.leave(), *self.watch())

    def _resume(self) -> tuple[Any, Any, Any, Any]:
        request = self.job.request()
        if request is not None:
            self.job.start(request, self.words.code)
        return self.watch()

    def _build(self, source: str | None, minutes: float | None) -> tuple[Any, Any, Any, Any]:
        """Have a ladder build itself on a source."""
        if source not in self.studio.sources():  # a page names no other place of this machine
            raise HintError(self.words.say("climb.no_source"))
        time = number(minutes, MINUTES, "climb.minutes", self.words, whole=False)
        self.job.start(Request(str(source), minutes=time), self.words.code)
        return self.watch()

    def _request(
        self,
        ladder: str,
        rungs: list[str],
        epochs: str,
        batch: str,
        rate: str,
        seeds: float | None,
        jobs: float | None,
        more: str,
    ) -> Request:
        if ladder not in [row["name"] for row in shipped_ladders(self.words.code)]:
            raise HintError(self.words.say("climb.shipped"))
        values = {"train.epochs": epochs, "train.batch_size": batch, "train.optimizer.lr": rate}
        if self.words.code == "es":
            values = {path: _COMMA.sub(r"\1.\2", value) for path, value in values.items()}
        sets = settings(values, more or "")
        each = int(number(seeds, _SEEDS, "climb.seeds", self.words))
        return Request(
            ladder, list(rungs or []), each, sets, int(number(jobs, _SIDE_BY_SIDE, "climb.jobs", self.words))
        )
