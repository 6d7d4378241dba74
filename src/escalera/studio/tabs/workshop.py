"""What happens to a set in the tab `pictures`: made, looked at, its classes and pictures added, moved and removed."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
from markupsafe import Markup

from escalera.core.errors import DataError, EscaleraError
from escalera.report.language import Language
from escalera.studio.i18n import HintError
from escalera.studio.parts import hint_html
from escalera.studio.pictures.findings import Finder
from escalera.studio.pictures.wall import wall_html
from escalera.studio.service import Studio
from escalera.studio.tabs.intake import target_html
from escalera.studio.tabs.shared import named, telling

_AT_ONCE = 60
"""Pictures that are shown, the newest first, before more are asked for."""


class Workshop:
    """The events that change a set."""

    def __init__(self, studio: Studio, words: Language) -> None:
        self.kept = studio.sets
        self.words = words
        self.finder = Finder()
        self.make = telling(words)(self._make)
        self.add = telling(words)(self._add)
        self.rename = telling(words)(self._rename)
        self.move = telling(words)(self._move)
        self.delete = telling(words)(self._delete)
        self.remove = telling(words)(self._remove)

    def sets(self, name: str | None) -> Any:
        """The sets there are now; the one that is chosen stays so while it is there."""
        names = self.kept.names()
        return gr.update(choices=names, value=name if name in names else next(iter(names), None))

    def show(self, name: str | None, called: str | None, times: int) -> tuple[Any, ...]:
        """The classes with their counts, the newest pictures of the chosen one, and what can be done with them."""
        say, number = self.words.say, self.words.number
        try:
            classes = self.kept.classes(name or "")
        except EscaleraError:
            nothing, gone = gr.update(choices=[], value=None), gr.update(visible=False)
            off = (gr.update(interactive=False),) * 3
            return self.sets(name), target_html("", "", self.words, ""), nothing, "", gone, nothing, gone, *off
        assert name is not None
        called = called if called in classes else next(iter(classes), None)
        files = classes.get(called or "", [])
        shown = self.kept.files(name, called, files[: times * _AT_ONCE]) if called else []
        # A button's own count: the same label in both languages needs no plural.
        labels = [(f"{one} ({number(len(some))})", one) for one, some in classes.items()]
        wall = wall_html(shown, self.words) if shown else hint_html(say("pictures.empty"))
        return (
            self.sets(name),
            target_html(name, called or "", self.words, str(self.kept.root / name)),
            gr.update(choices=labels, value=called),
            wall,
            gr.update(visible=len(files) > len(shown)),
            gr.update(choices=[one for one in classes if one != called], value=None),
            gr.update(visible=bool(shown)),
            *(gr.update(interactive=there) for there in (True, called is not None, called is not None)),
        )

    def findings(self, name: str | None) -> str:
        """What explore finds in the set."""
        say = self.words.say
        try:
            empty = not any(self.kept.classes(name or "").values())
        except EscaleraError:
            return ""
        if empty or name is None:
            return hint_html(say("pictures.no_pictures"))
        found = self.finder.look(str(self.kept.root / name), self.words)
        faults = Markup("").join(Markup('<p class="trouble">{}</p>').format(line) for line in found.faults)
        lines = Markup("").join(Markup("<li>{}</li>").format(line) for line in [*found.found, *found.twins])
        head = say("pictures.faults" if found.faults else "pictures.fine")
        return Markup("<h4>{}</h4><p>{}</p>{}<ul>{}</ul>").format(say("pictures.findings"), head, faults, lines)

    def _make(self, text: str) -> tuple[Any, str]:
        name = self.kept.make(text)
        return gr.update(choices=self.kept.names(), value=name), ""

    def _add(self, name: str | None, text: str) -> tuple[Any, str]:
        called = self.kept.add_class(named(name, self.words), text)
        return gr.update(choices=self.kept.class_names(str(name)), value=called), ""

    def _rename(self, name: str | None, called: str | None, text: str) -> tuple[Any, str]:
        new = self.kept.rename_class(named(name, self.words), called or "", text)
        return gr.update(choices=self.kept.class_names(str(name)), value=new), ""

    def _move(self, name: str | None, called: str | None, boxes: str, to: str | None) -> None:
        if not to:
            raise HintError(self.words.say("pictures.no_target"))
        self.kept.move(named(name, self.words), called or "", self._files(boxes), to)

    def _delete(self, name: str | None, called: str | None, boxes: str, to: str | None) -> None:
        self.kept.remove_files(named(name, self.words), called or "", self._files(boxes))

    def ask_set(self, name: str | None) -> tuple[Any, str, str]:
        """Ask before a set is removed."""
        return self._question(name, None)

    def ask_class(self, name: str | None, called: str | None) -> tuple[Any, str, str]:
        """Ask before a class is removed."""
        return self._question(name, called) if called else self.leave()

    def leave(self) -> tuple[Any, str, str]:
        """Take the question back."""
        return gr.update(visible=False), "", ""

    def _question(self, name: str | None, called: str | None) -> tuple[Any, str, str]:
        try:
            classes = self.kept.classes(name or "")
        except EscaleraError:
            return self.leave()
        count = len(classes.get(called, [])) if called else sum(map(len, classes.values()))
        text = self.words.say(
            "pictures.lost_class" if called else "pictures.lost_set",
            name=called or name,
            images=self.words.count(count, "image"),
        )
        return gr.update(visible=True), hint_html(text), json.dumps([name, called])

    def _remove(self, name: str | None, lost: str) -> tuple[Any, ...]:
        """Remove what was asked about, and nothing else: another page may have chosen otherwise since."""
        confirmed, called = json.loads(lost)
        if confirmed != name:
            return gr.skip(), gr.skip(), *self.leave()
        if called is None:
            self.kept.remove(confirmed)
        else:
            self.kept.remove_class(confirmed, called)
        return self.sets(name), None, *self.leave()

    def _files(self, boxes: str) -> list[str]:
        try:
            found = json.loads(boxes or "[]")
        except ValueError:
            found = None
        if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
            raise DataError("expected the names of pictures")
        if not found:
            raise HintError(self.words.say("pictures.none_chosen"))
        return found
