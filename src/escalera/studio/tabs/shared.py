"""What the tabs share: a picture that only our decoder opens, and errors told in the reader's language."""

from __future__ import annotations

import html
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import gradio as gr
from gradio.data_classes import ImageData

from escalera.core.errors import DataError, EscaleraError
from escalera.report.language import Language
from escalera.studio.i18n import HintError, translated

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
BUSY: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
"""How an event is set up that only the page begins: one that shows at once, and one that takes a while."""
MINUTES = 24 * 60
"""The most that a ladder may take that builds itself from a page."""
LATEST: dict[str, Any] = {"trigger_mode": "always_last"}
"""For an event that shows a choice: one made while it is at work is shown after that; gradio would pass it over.

Of one component's event only one function may say so: gradio then begins all that hang on the event, and two such would
begin each other for ever. What else follows is chained to it with `then`.
"""
_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def _unopened(_: gr.Image, payload: ImageData | None) -> str | None:
    return payload.path if payload else None


# gradio would open every format that Pillow knows. Not a subclass, since it writes a stub file beside the source of
# every new component; and not the one component, since it makes them anew for each visitor.
gr.Image.preprocess = _unopened  # type: ignore[method-assign,assignment]


def picture_input(words: Language, **settings: Any) -> gr.Image:
    """A place for one picture, whose file is handed on unopened, to be decoded as every other picture is."""
    return gr.Image(
        label=words.say("classify.picture"),
        type="filepath",
        format="png",
        sources=["upload", "clipboard", "webcam"],
        placeholder=words.say("classify.drop"),
        buttons=[],
        **settings,
    )


def content(path: str) -> bytes:
    """What is in an uploaded file."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"the uploaded file is gone ({error.strerror}); upload it again") from error


def telling(words: Language, *, page: bool = True) -> Callable[[Callable[_Given, _Result]], Callable[_Given, _Result]]:
    """Make a function show its EscaleraErrors as messages over the page; as plain text where no page asks it."""

    def around(function: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
        @wraps(function)
        def inner(*given: _Given.args, **named: _Given.kwargs) -> _Result:
            try:
                return function(*given, **named)
            except EscaleraError as error:
                text = translated(error, words)
                # gradio shows a message as HTML, without what looks like a tag; its title it shows as text.
                shown = html.escape(text, quote=False).replace("\n", "<br>") if page else text
                raise gr.Error(shown, title=words.say("error.title"), print_exception=False) from None

        return inner

    return around


def number(value: Any, most: int, what: str, words: Language, *, whole: bool = True) -> float:
    """A number that is typed, from 1 on; raises HintError for another, which gradio would refuse in English alone."""
    fits = type(value) in (int, float) and 1 <= value <= most and not (whole and value % 1)
    if not fits:
        key = "error.whole" if whole else "error.number"
        given = words.say("error.no_number") if value is None else f"{value!s:.30}"
        raise HintError(words.say(key, what=words.say(what), most=words.number(most), given=given))
    return float(value)


def named(name: str | None, words: Language) -> str:
    """The set of pictures that is chosen; raises EscaleraError where none is."""
    if not name:
        raise HintError(words.say("pictures.js.no_set"))
    return name


def choices(entries: Any) -> list[tuple[str, str]]:
    """Models as a dropdown takes them."""
    return [(entry.label, entry.key) for entry in entries]
