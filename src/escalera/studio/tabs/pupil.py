"""What happens when a set is learned from in the tab `pictures`: begun, watched, stopped."""

from __future__ import annotations

from typing import Any

import gradio as gr

from escalera.core.errors import EscaleraError, nearest
from escalera.report.language import Language
from escalera.studio.i18n import HintError
from escalera.studio.parts import hint_html
from escalera.studio.pictures.training import WAYS, Trainer, Way
from escalera.studio.progress import ProgressView
from escalera.studio.service import Studio
from escalera.studio.tabs.shared import MINUTES, named, number, telling


class Pupil:
    """The events of training on a set."""

    def __init__(self, studio: Studio, words: Language) -> None:
        self.studio = studio
        self.words = words
        self.trainer = Trainer(studio.sets, studio.out)
        self.progress = ProgressView(words)
        self.start = telling(words)(self._start)
        self.ladder = telling(words)(self._ladder)

    def watch(self, name: str | None, known: list[str]) -> tuple[Any, ...]:
        """How far the climb is where it is one of this set, and the models there are; a new one is chosen."""
        found = self.studio.job.progress()
        running = bool(found and found.running)
        mine = found is not None and bool(name) and self.trainer.is_of(str(name), found.request.title)
        keys = self.trainer.models(name, [entry.key for entry in self.studio.models()]) if name else []
        model = (
            gr.skip()
            if keys == known
            else gr.update(
                choices=[(key.removesuffix("/seed-0").replace("/", " / "), key) for key in keys],
                value=keys[-1] if keys else None,
            )
        )
        if found is not None and mine:
            html = self.progress.html(found)
        else:
            html = hint_html(self.words.say("pictures.busy")) if running else ""
        return html, gr.update(interactive=not running), gr.update(visible=running and mine), model, keys

    def stop(self) -> None:
        """Have the climb end after the step at hand."""
        self.studio.job.stop()

    def _start(self, name: str | None, way: str, minutes: float | None) -> None:
        name, way = named(name, self.words), self._way(way)
        # Elsewhere the field is hidden, whatever stands in it.
        time = number(minutes, MINUTES, "climb.minutes", self.words, whole=False) if way == "careful" else 0.0
        request = self.trainer.request(name, way, time, self.words.code)
        self.studio.job.start(request, self.words.code)

    def _ladder(self, name: str | None, way: str) -> tuple[Any, Any]:
        """The ladder as YAML, and as a file to keep."""
        text = self.trainer.text(named(name, self.words), self._way(way), self.words.code)
        if text is None:
            raise HintError(self.words.say("pictures.not_begun"))
        path = self.studio.new_folder() / f"{self.trainer.ladder(str(name), self._way(way))}.yaml"
        path.write_text(text, encoding="utf-8")
        return gr.update(value=text, visible=True), gr.update(value=str(path), visible=True)

    def _way(self, way: str) -> Way:
        if way not in WAYS:
            raise EscaleraError(f"the studio has no way of training called '{way[:60]}'; {nearest(way[:60], WAYS)}")
        return way
