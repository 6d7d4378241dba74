"""My pictures: a set of one's own made in the browser, what is wrong with it, a training, and a model that answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from escalera.report.language import Language
from escalera.studio.pictures.training import WAYS
from escalera.studio.service import Studio
from escalera.studio.tabs.export import export
from escalera.studio.tabs.intake import intake_html, live_html, model_html, script, target_html
from escalera.studio.tabs.pupil import Pupil
from escalera.studio.tabs.shared import BUSY, LATEST, QUIET
from escalera.studio.tabs.workshop import Workshop

_WIDTH = 110
_CHOSEN = "document.querySelectorAll('#pictures-wall input[name=picture]:checked')"
"""The pictures that are chosen: boxes of the page, which gradio knows nothing of."""


def pictures(studio: Studio, words: Language) -> None:
    """Lay out the tab."""
    workshop, pupil = Workshop(studio, words), Pupil(studio, words)
    with gr.Tab(words.say("tab.pictures"), id="pictures") as tab:
        made = _set(studio, words)
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                classes = _classes(words)
                intake = gr.HTML(intake_html(words), js_on_load=script("camera", "intake"), elem_id="pictures-intake")
            with gr.Column(scale=3, min_width=320):
                findings = gr.HTML(elem_id="pictures-findings")
                chosen = _chosen(words)
        gr.HTML(f"<h3>{words.say('pictures.train')}</h3>")
        another = _train(tab, made.name, pupil, words)
    _change(tab, made, classes, chosen, intake, findings, workshop)
    another.then(workshop.leave, None, made.asking, **QUIET, **LATEST)


@dataclass(frozen=True)
class _Set:
    """Where a set is chosen, made and removed; `target` says where pictures go, `question` asks before much is lost."""

    name: gr.Dropdown
    new: gr.Textbox
    make: gr.Button
    remove: gr.Button
    target: gr.HTML
    question: gr.Group
    text: gr.HTML
    leave: gr.Button
    sure: gr.Button
    lost: gr.State

    @property
    def asking(self) -> list[Any]:
        """What shows the question, and what it was about."""
        return [self.question, self.text, self.lost]


def _set(studio: Studio, words: Language) -> _Set:
    say = words.say
    names = studio.sets.names()
    with gr.Row(elem_classes="beside"):
        name = gr.Dropdown(names, value=names[0] if names else None, label=say("pictures.set"), elem_id="pictures-set")
        new = gr.Textbox(label=say("pictures.new"), max_lines=1, elem_id="pictures-new")
        make = gr.Button(say("pictures.make"), min_width=_WIDTH, size="md", elem_id="pictures-make")
        # Grey until a look at the sets has found something to remove.
        remove = gr.Button(
            say("pictures.remove_set"), min_width=_WIDTH, size="md", elem_id="pictures-remove-set", interactive=False
        )
    target = gr.HTML(target_html("", "", words, ""), elem_id="pictures-target")
    with gr.Group(visible=False) as question:
        text = gr.HTML(elem_id="pictures-question")
        with gr.Row():
            leave = gr.Button(say("pictures.leave"), min_width=90, elem_id="pictures-leave")
            sure = gr.Button(say("pictures.sure"), variant="stop", min_width=90, elem_id="pictures-sure")
    return _Set(name, new, make, remove, target, question, text, leave, sure, gr.State(""))


@dataclass(frozen=True)
class _Classes:
    """The classes of a set, the one that is chosen, and what can be done with it."""

    name: gr.Radio
    text: gr.Textbox
    add: gr.Button
    rename: gr.Button
    remove: gr.Button


def _classes(words: Language) -> _Classes:
    say = words.say
    name = gr.Radio([], label=say("pictures.classes"), elem_id="pictures-classes")
    text = gr.Textbox(label=say("pictures.class"), max_lines=1, elem_id="pictures-class")
    with gr.Row():
        add = gr.Button(say("pictures.add"), variant="primary", min_width=80, size="md", elem_id="pictures-add")
        rename, remove = (
            gr.Button(say(f"pictures.{one}"), min_width=80, size="md", elem_id=f"pictures-{one}", interactive=False)
            for one in ("rename", "remove")
        )
    return _Classes(name, text, add, rename, remove)


@dataclass(frozen=True)
class _Chosen:
    """The pictures of a class, and what can be done with those whose boxes are ticked."""

    wall: gr.HTML
    more: gr.Button
    acts: gr.Row
    shown: gr.State
    boxes: gr.Textbox
    to: gr.Dropdown
    move: gr.Button
    remove: gr.Button


def _chosen(words: Language) -> _Chosen:
    say = words.say
    wall = gr.HTML(js_on_load=script("wall"), elem_id="pictures-wall")
    more = gr.Button(say("pictures.more"), size="sm", visible=False, elem_id="pictures-more")
    with gr.Row(elem_classes="beside", visible=False) as acts:
        to = gr.Dropdown([], label=say("pictures.to"), min_width=160, elem_id="pictures-to")
        move = gr.Button(say("pictures.move"), min_width=_WIDTH, size="md", elem_id="pictures-move")
        remove = gr.Button(say("pictures.delete"), min_width=_WIDTH, size="md", elem_id="pictures-delete")
    boxes = gr.Textbox(label=say("pictures.wall"), visible=False)
    return _Chosen(wall, more, acts, gr.State(1), boxes, to, move, remove)


def _change(
    tab: gr.Tab,
    made: _Set,
    classes: _Classes,
    chosen: _Chosen,
    intake: gr.HTML,
    findings: gr.HTML,
    workshop: Workshop,
) -> None:
    """Have the page follow what is done to a set, and explore it after that."""
    seen = [made.name, classes.name, chosen.shown]
    shown = [
        made.name, made.target, classes.name, chosen.wall, chosen.more, chosen.to, chosen.acts, made.remove,
        classes.rename, classes.remove,
    ]  # fmt: skip

    def then(event: Any) -> None:
        event.then(workshop.show, seen, shown, **QUIET, **LATEST).then(
            workshop.findings, made.name, findings, **QUIET, **LATEST
        )

    then(tab.select(workshop.sets, made.name, made.name, **QUIET))
    then(made.name.input(lambda: (None, 1), None, [classes.name, chosen.shown], **QUIET, **LATEST))
    classes.name.input(lambda: 1, None, chosen.shown, **QUIET, **LATEST).then(
        workshop.show, seen, shown, **QUIET, **LATEST
    )
    chosen.more.click(lambda times: times + 1, chosen.shown, chosen.shown, **QUIET).then(
        workshop.show, seen, shown, **QUIET, **LATEST
    )
    then(gr.on([made.make.click, made.new.submit], workshop.make, made.new, [made.name, made.new], **QUIET))
    then(
        gr.on(
            [classes.add.click, classes.text.submit], workshop.add, [made.name, classes.text],
            [classes.name, classes.text], **QUIET,
        )
    )  # fmt: skip
    given = [made.name, classes.name, classes.text]
    then(classes.rename.click(workshop.rename, given, [classes.name, classes.text], **QUIET))
    then(intake.sent(lambda: None, None, None, **QUIET, **LATEST))
    boxes = f"(set, name, _, to) => [set, name, JSON.stringify([...{_CHOSEN}].map(box => box.value)), to]"
    files = [made.name, classes.name, chosen.boxes, chosen.to]
    then(chosen.move.click(workshop.move, files, None, js=boxes, **BUSY))
    then(chosen.remove.click(workshop.delete, files, None, js=boxes, **BUSY))
    made.remove.click(workshop.ask_set, made.name, made.asking, **QUIET)
    classes.remove.click(workshop.ask_class, [made.name, classes.name], made.asking, **QUIET)
    gr.on([made.leave.click, classes.name.change], workshop.leave, None, made.asking, **QUIET, **LATEST)
    then(made.sure.click(workshop.remove, [made.name, made.lost], [made.name, classes.name, *made.asking], **BUSY))


def _train(tab: gr.Tab, name: gr.Dropdown, pupil: Pupil, words: Language) -> Any:
    """How a set is learned from, how far that is, and what came of it; the event of another set."""
    say, studio = words.say, pupil.studio
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            way = gr.Radio(
                [(say(f"pictures.way.{one}"), one) for one in WAYS], value=WAYS[0], label=say("pictures.way"),
                elem_id="pictures-way",
            )  # fmt: skip
            minutes = gr.Number(5, label=say("climb.minutes"), visible=False, elem_id="pictures-minutes")
            with gr.Row():
                start = gr.Button(
                    say("pictures.start"), variant="primary", min_width=90, elem_id="pictures-start", size="md"
                )
                stop = gr.Button(say("climb.stop"), variant="stop", visible=False, size="md", elem_id="pictures-stop")
                ladder = gr.Button(say("pictures.ladder"), min_width=90, size="md", elem_id="pictures-ladder")
            text = gr.Code(language="yaml", interactive=False, label=say("pictures.yaml"), visible=False, max_lines=30)
            file = gr.DownloadButton(say("pictures.download"), visible=False, elem_id="pictures-download")
            progress = gr.HTML(elem_id="pictures-progress")
        with gr.Column(scale=3, min_width=320):
            model = gr.Dropdown([], label=say("pictures.model"), elem_id="pictures-models")
            which = gr.HTML(model_html("", words), elem_id="pictures-model")
            gr.HTML(live_html(words), js_on_load=script("camera", "live"), elem_id="pictures-live")
            export(studio, words, model, "pictures").then(
                lambda key: model_html(key or "", words), model, which, **QUIET, **LATEST
            )
    timer, known = gr.Timer(1.5, active=False), gr.State([])
    # What a clock asks about is kept here: a name that the page still had would be one that gradio no longer offers.
    looked = gr.State(None)
    watched = [progress, start, stop, model, known]
    hidden = (gr.update(visible=False),) * 2
    way.change(
        lambda way: (gr.update(visible=way == "careful"), *hidden), way, [minutes, text, file], **QUIET, **LATEST
    )
    another = gr.on([tab.select, name.change], lambda name: name, name, looked, **QUIET, **LATEST)
    another.then(pupil.watch, [name, known], watched, **QUIET, **LATEST)
    another.then(lambda: hidden, None, [text, file], **QUIET, **LATEST)
    tab.select(lambda: gr.Timer(active=True), None, timer, **QUIET)
    timer.tick(pupil.watch, [looked, known], watched, **QUIET)
    start.click(pupil.start, [name, way, minutes], None, **BUSY).then(pupil.watch, [name, known], watched, **QUIET)
    stop.click(pupil.stop, None, None, **QUIET).then(pupil.watch, [name, known], watched, **QUIET)
    ladder.click(pupil.ladder, [name, way], [text, file], **BUSY)
    return another
