"""The report's words."""

from __future__ import annotations

import re
from dataclasses import replace

from escalera.core.language import LANGUAGES, NARROW, NOTHING, Language, load_words

__all__ = ["LANGUAGES", "NARROW", "NOTHING", "Language", "load_language", "of_metric", "of_rows"]

_ROWS = {"en": {"image": "row", "images": "rows"}, "es": {"imagen": "fila", "imágenes": "filas"}}
_PICTURED = ("explore.", "pairs.", "shot.", "mistakes.", "data.shape", "seen.small", "baseline.nearest_mean_images")
"""Beginnings of the keys of messages that speak of images as such."""


_BY = "_by"


def load_language(code: str) -> Language:
    """`en` or `es`; raises EscaleraError for another."""
    return load_words(code, "core", "report")


def of_metric(language: Language, metric: str) -> Language:
    """The words for a ladder whose verdicts are about another metric than accuracy: those that end in `_by`."""
    if metric == "accuracy":
        return language
    name = language.messages[f"by.{metric}"]
    others = {
        key.removesuffix(_BY): text.replace("{metric}", name)
        for key, text in language.messages.items()
        if key.endswith(_BY)
    }
    return replace(language, messages={**language.messages, **others})


def of_rows(language: Language) -> Language:
    """The words for a ladder that reads a table: what it answers are rows, whether they have images or not."""
    rows = _ROWS[language.code]
    rows = {**rows, **{word.capitalize(): other.capitalize() for word, other in rows.items()}}
    words = re.compile(rf"(?<!{{)\b({'|'.join(rows)})\b(?!}})")
    return replace(
        language,
        messages={
            key: text if key.startswith(_PICTURED) else words.sub(lambda word: rows[word[0]], text)
            for key, text in language.messages.items()
        },
    )
