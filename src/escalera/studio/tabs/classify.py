"""Classify: a picture in, what a model says and why, beside another model; several pictures into a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from escalera.report.language import Language
from escalera.studio.entries import Entry
from escalera.studio.model_files import ENDINGS
from escalera.studio.parts import hint_html
from escalera.studio.service import Studio
from escalera.studio.sheet import SORT
from escalera.studio.tabs.asker import Asker
from escalera.studio.tabs.shared import BUSY, LATEST, QUIET, choices, picture_input


def classify(studio: Studio, words: Language) -> None:
    """Lay out the tab."""
    say = words.say
    asker = Asker(studio, words)
    none = (say("classify.none"), "")
    with gr.Tab(say("tab.classify"), id="classify") as tab:
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                question = _question(studio.models(), none, words)
            with gr.Column(scale=3, min_width=320):
                answer = gr.HTML(hint_html(say("classify.waiting")), elem_id="answer", label=say("classify.table"))
        with gr.Accordion(say("classify.several"), open=False):
            several = _several(question, asker, words)
        # Inside the tab: the tabs take everything beside them for a tab.
        truth = gr.State(None)
        with gr.Row(visible=False):
            _for_programs(asker)
    _answers(question, answer, truth, tab, asker).then(
        asker.stale, [question.model, several.answered], [several.answers, several.csv], **QUIET, **LATEST
    )
    tab.select(lambda: _refreshed(studio, none), None, [question.model, question.other], **BUSY)


@dataclass(frozen=True)
class _Question:
    """Where a person chooses models and gives a row."""

    model: gr.Dropdown
    other: gr.Dropdown
    picture: gr.Image
    pictures: gr.File
    attributes: gr.Dataframe
    example: gr.Button
    near: gr.Checkbox
    opened: gr.UploadButton


def _question(entries: list[Entry], none: tuple[str, str], words: Language) -> _Question:
    say = words.say
    model = gr.Dropdown(
        choices(entries), value=entries[-1].key if entries else None, label=say("classify.model"), elem_id="model"
    )
    other = gr.Dropdown(
        [none, *choices(entries)],
        value="",
        label=say("classify.other"),
        info=say("classify.other_help"),
        elem_id="other",
    )
    picture = picture_input(words, height=260, elem_id="picture")
    pictures = gr.File(
        file_count="multiple", label=say("classify.files"), visible=False, height=190, elem_id="pictures"
    )
    attributes = gr.Dataframe(
        headers=[say("classify.attribute"), say("classify.value"), say("classify.fits")],
        datatype=["str", "str", "str"],
        type="array",
        static_columns=[0, 2],
        interactive=True,
        visible=False,
        label=say("classify.attributes"),
        # Else the columns are as wide as their texts, and the last one lies beyond the box.
        column_widths=["32%", "22%", "46%"],
        wrap=True,
        buttons=[],
        elem_id="attributes",
    )
    example = gr.Button(say("classify.example"), elem_id="example", size="md")
    near = gr.Checkbox(label=say("classify.near"), elem_id="near")
    opened = gr.UploadButton(say("classify.open"), file_types=list(ENDINGS), elem_id="open-model", size="sm")
    return _Question(model, other, picture, pictures, attributes, example, near, opened)


@dataclass(frozen=True)
class _Several:
    """The answers about many files, the same as CSV, and which model gave them."""

    answers: gr.HTML
    csv: gr.DownloadButton
    answered: gr.State


def _several(question: _Question, asker: Asker, words: Language) -> _Several:
    """Many files at once, answered as a table and as CSV."""
    say = words.say
    files = gr.File(file_count="multiple", label=say("classify.files"), height=140, elem_id="files")
    start = gr.Button(say("classify.run_table"), elem_id="classify-all")
    answers = gr.HTML(elem_id="answers", js_on_load=SORT)
    csv = gr.DownloadButton(say("classify.csv"), visible=False, elem_id="csv")
    answered = gr.State(None)
    # Another model may be chosen while this one is asked.
    start.click(asker.several, [question.model, files], [answers, csv, answered], **BUSY).then(
        asker.stale, [question.model, answered], [answers, csv], **QUIET
    )
    return _Several(answers, csv, answered)


def _for_programs(asker: Asker) -> None:
    """What gradio's own interface asks: components and not gr.api, which would read any path it is given."""
    given = [
        gr.Textbox(label="model"),
        gr.File(file_count="multiple", label="pictures"),
        gr.JSON(label="attributes"),
        gr.Number(5, label="top"),
    ]
    gr.Button().click(asker.predict, given, gr.JSON(label="answer"), api_name="predict")


def _answers(question: _Question, answer: gr.HTML, truth: gr.State, tab: gr.Tab, asker: Asker) -> Any:
    """Have the answer follow whatever is chosen and given; the event of another model, once that has answered."""
    model, picture, pictures, attributes = question.model, question.picture, question.pictures, question.attributes
    given = [model, question.other, picture, pictures, attributes, question.near, truth]
    gr.on(
        [picture.change, pictures.change, attributes.change, question.other.change, question.near.change],
        asker.ask,
        given,
        answer,
        **BUSY,
        **LATEST,
    )
    adapted = gr.on([model.change, tab.select], asker.adapt, model, [picture, pictures, attributes], **BUSY, **LATEST)
    another = adapted.then(asker.ask, given, answer, **BUSY, **LATEST)
    question.example.click(asker.example, model, [picture, pictures, attributes, truth], **BUSY)
    of_ones_own = [picture.upload, picture.clear, pictures.upload, pictures.clear, attributes.input]
    gr.on(of_ones_own, lambda: None, None, truth, **BUSY, **LATEST)
    question.opened.upload(asker.open, question.opened, [model, question.other], **BUSY)
    return another


def _refreshed(studio: Studio, none: tuple[str, str]) -> tuple[Any, Any]:
    found = choices(studio.models())
    return gr.Dropdown(choices=found), gr.Dropdown(choices=[none, *found])
