"""The page's words in one language: those of the report, and its own."""

from __future__ import annotations

from escalera.core import language
from escalera.core.errors import DataError, EscaleraError, LadderError, RunError
from escalera.core.language import LANGUAGES, Language
from escalera.core.translation import translate
from escalera.inference.serving.queue import BusyError


class HintError(DataError):
    """What a person mends at the next click: the page says it as it stands, and not that something was unreadable."""


def load_words(code: str) -> Language:
    """The words of `en` or `es`; raises EscaleraError for another language."""
    return language.load_words(code, "core", "report", "studio")


def preferred(accept: str) -> str:
    """The language that a browser likes best (its Accept-Language); English where it likes none of ours."""
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept.split(",")):
        tag, _, weight = part.strip().partition(";q=")
        code = tag.lower().split("-")[0]
        try:
            quality = float(weight or 1)
        except ValueError:
            quality = 0.0
        if code in LANGUAGES and quality > 0:
            ranked.append((-quality, place, code))
    return min(ranked)[2] if ranked else LANGUAGES[0]


def translated(error: EscaleraError, words: Language) -> str:
    """What went wrong, in the reader's language."""
    text = translate(str(error), words.code)
    if isinstance(error, HintError):
        return text[:1].upper() + text[1:]
    kinds: tuple[tuple[type[EscaleraError], str], ...] = (
        (BusyError, "error.busy"),
        (DataError, "error.data"),
        (RunError, "error.run"),
        (LadderError, "error.ladder"),
    )
    key = next((key for kind, key in kinds if isinstance(error, kind)), "error.other")
    return f"{words.say(key)}: {text}"
