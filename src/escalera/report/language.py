"""The report's words."""

from __future__ import annotations

from escalera.language import LANGUAGES, NARROW, NOTHING, Language, load_words

__all__ = ["LANGUAGES", "NARROW", "NOTHING", "Language", "load_language"]


def load_language(code: str) -> Language:
    """`en` or `es`; raises EscaleraError for another."""
    return load_words(code, "report")
