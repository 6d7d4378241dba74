"""Data: what `explore` knows of a source, pictures by class and split, and those of which two runs disagree."""

from __future__ import annotations

import contextlib
import importlib.metadata
import shutil
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from escalera.core.errors import EscaleraError
from escalera.core.files import write_text
from escalera.experiment.explore import explore_source, folder_name
from escalera.report.language import Language
from escalera.studio.disagreement import Kind, disagreement
from escalera.studio.i18n import translated
from escalera.studio.parts import error_html, hint_html, pictures_html
from escalera.studio.samples import Samples
from escalera.studio.service import Studio
from escalera.studio.tabs.shared import BUSY, LATEST, choices

_WALL = 36
_MADE_OF = "made-of"
"""The file beside an explored page that says what it was made of."""
_KINDS: tuple[Kind, ...] = ("first", "second", "neither")


def data(studio: Studio, words: Language) -> None:
    """Lay out the tab."""
    say = words.say
    looker = _Looker(studio, words)
    runs = [entry for entry in studio.models() if not entry.file]
    found = choices(runs)
    # The last rung, and the one below it on the same ladder, are what a person wants to compare first.
    last = found[-1][1] if found else None
    before = found[-2][1] if len(found) > 1 else last
    with gr.Tab(say("tab.data"), id="data") as tab:
        gr.HTML(f"<h3>{say('look.explore')}</h3>")
        with gr.Row():
            source = gr.Dropdown(studio.sources(), label=say("look.source"), scale=3, elem_id="source")
            explore = gr.Button(say("look.start"), scale=1, min_width=200, size="md", elem_id="explore")
        page = gr.HTML(hint_html(say("look.explore_help")), elem_id="explored")
        gr.HTML(f"<h3>{say('look.pictures')}</h3>")
        with gr.Row():
            run = gr.Dropdown(found, value=last, label=say("look.run"), elem_id="data-run")
            split = gr.Radio(
                [(say(f"split.{name}"), name) for name in ("train", "validation", "test")],
                value="train",
                label=say("split.name"),
            )
            name = gr.Dropdown([(say("look.every_class"), "")], value="", label=say("look.class"))
        more = gr.Button(say("look.more"), size="sm")
        wall = gr.HTML(elem_id="wall")
        gr.HTML(f"<h3>{say('look.differ')}</h3>")
        with gr.Row():
            first = gr.Dropdown(found, value=before, label=say("look.first"))
            second = gr.Dropdown(found, value=last, label=say("look.second"))
        kind = gr.Radio([(say(f"look.kind.{name}"), name) for name in _KINDS], value="second", label=say("look.kind"))
        differ = gr.HTML(elem_id="differ")
    explore.click(looker.explore, source, page, **BUSY)
    pictures = [run, split, name]
    tab.select(looker.refreshed, [run, first, second], [run, first, second], **BUSY, **LATEST).then(
        looker.classes, run, name, **BUSY, **LATEST
    ).then(looker.wall, pictures, wall, **BUSY, **LATEST).then(
        looker.differ, [first, second, kind], differ, **BUSY, **LATEST
    )
    run.input(looker.classes, run, name, **BUSY, **LATEST).then(looker.wall, pictures, wall, **BUSY, **LATEST)
    gr.on([split.input, name.input, more.click], looker.wall, pictures, wall, **BUSY, **LATEST)
    gr.on([first.input, second.input, kind.input], looker.differ, [first, second, kind], differ, **BUSY, **LATEST)


class _Looker:
    """The events of the tab."""

    def __init__(self, studio: Studio, words: Language) -> None:
        self.studio = studio
        self.words = words
        self.samples = Samples(studio)

    def refreshed(self, *chosen: str | None) -> list[Any]:
        """The runs there are now, in each of the places where one is chosen; for one that is gone, the last."""
        found = choices(entry for entry in self.studio.models() if not entry.file)
        keys = [key for _, key in found]
        last = keys[-1] if keys else None
        return [gr.update(choices=found, value=key if key in keys else last) for key in chosen]

    def explore(self, source: str | None) -> str:
        """What `escalera explore` says of a source, in a frame; made when it is asked for first, or has changed."""
        if not source or source not in self.studio.sources():
            return hint_html(self.words.say("look.explore_help"))
        out = self.studio.out / ".studio" / f"explored-{self.words.code}"
        try:
            folder = out / folder_name(source)
            # Looked at before the source is explored: a picture that comes meanwhile is of another state.
            made_of = _state(source, self.studio.data_root)
            if _made_of(folder) != made_of or not (folder / "explore.html").is_file():
                shutil.rmtree(folder, ignore_errors=True)
                explore_source(source, out=out, data_root=self.studio.data_root, language=self.words.code)
                write_text(folder / _MADE_OF, made_of)
        except EscaleraError as error:
            return error_html(translated(error, self.words))
        address = f"../explored/{self.words.code}/{folder_name(source)}"
        return Markup(
            '<p><a href="{}" target="_blank">{}</a></p><iframe class="explored" src="{}" title="{}"></iframe>'
        ).format(address, self.words.say("look.open"), address, source)

    def classes(self, key: str | None) -> Any:
        """The classes of a run to choose from."""
        every = [(self.words.say("look.every_class"), "")]
        try:
            names = self.studio.trained(key).classes if key else []
        except EscaleraError:
            names = []
        return gr.update(choices=[*every, *((name, name) for name in names)], value="")

    def wall(self, key: str | None, split: str, name: str | None) -> str:
        """Some pictures of a split, of one class or of all."""
        if not key:
            return hint_html(self.words.say("studio.nothing_here"))
        try:
            found = self.samples.some(key, split, name or None, _WALL)
        except EscaleraError as error:
            return error_html(translated(error, self.words))
        return pictures_html([(sample.pixels, sample.name) for sample in found], self.words.say("look.pictures"))

    def differ(self, first: str | None, second: str | None, kind: Kind) -> str:
        """The pictures that two runs disagree on."""
        if not first or not second or first == second or kind not in _KINDS:
            return hint_html(self.words.say("look.two_runs"))
        try:
            found = disagreement(self.studio, first, second, kind)
            samples = self.samples.of_rows(first, "test", found.rows[:_WALL])
        except EscaleraError as error:
            return error_html(translated(error, self.words))
        number, say = self.words.number, self.words.say
        counts = say(
            "look.counts",
            both=number(found.both),
            first=number(found.only_first),
            second=number(found.only_second),
            neither=number(found.neither),
        )
        lines = [
            (sample.pixels, say("look.line", truth=truth, first=one, second=two))
            for sample, truth, one, two in zip(samples, found.truth, found.first, found.second, strict=False)
        ]
        if not lines:
            return hint_html(counts) + hint_html(say("look.none"))
        return hint_html(counts) + pictures_html(lines, say("look.differ"))


def _state(source: str, data_root: Path | None) -> str:
    """What changes when the page of a source would: its name, its files, and the version of Escalera.

    The names of two sources may make one folder. To look at the times of 100,000 files takes 3 seconds of a core; to
    explore them anew would read and compare the pixels of all, though none is decoded again.
    """
    from escalera.data.cache.folders import key
    from escalera.data.sources.open import list_source

    states = [f"{listing.split} {listing.state()}" for listing in list_source(source, data_root=data_root)]
    return key(source, states, escalera=importlib.metadata.version("escalera"))


def _made_of(folder: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        return (folder / _MADE_OF).read_text(encoding="utf-8")
    return ""
