"""How a page is made of its template: escaped, and with the words and figures of one language."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from escalera.core.translation import translate
from escalera.report.language import NOTHING, Language

_TEMPLATES = Path(__file__).parent / "templates"


def environment(language: Language, **more: object) -> Environment:
    """Templates that say things in a language, by its words, `translated`, and `more`.

    A name that a template misspells is an error.
    """
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["translated"] = lambda text: translate(text, language.code)
    made.globals.update(
        language=language,
        say=language.say,
        named=language.named,
        count=language.count,
        listing=language.listing,
        number=language.number,
        points=language.points,
        percent=language.percent,
        p_value=language.p_value,
        duration=language.duration,
        nothing=NOTHING,
        **more,
    )
    return made


def style(*names: str) -> Markup:
    """The text of style sheets, one after the other."""
    return Markup("".join((_TEMPLATES / name).read_text(encoding="utf-8") for name in names))
