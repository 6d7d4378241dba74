"""The terminal's words."""

from __future__ import annotations

from escalera.core.language import Language, load_words


def load_terminal(code: str) -> Language:
    """`en` or `es`, with plain blanks and minus signs; raises EscaleraError for another."""
    return load_words(code, "cli/terminal", plain=True)
