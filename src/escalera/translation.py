"""What errors and notes say, in Spanish.

They are written in English where they arise, and kept so in the files of a run; at the edge, where a person reads
them, the sentence is found again among `translations/es/*.yaml` and said in Spanish; one that is not there stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path

_FOLDER = Path(__file__).parent / "translations"
_FIELD = re.compile(r"\{(\w+)\}")
_BREAK = re.compile(r"(?<=[.;?!:])\s")
_LONGEST, _BREAKS = 5_000, 20
"""Characters of a line and breaks between sentences that are looked at; what is longer is a list of the user's own."""


@dataclass(frozen=True)
class Sentence:
    """A sentence in English, as a pattern, and in the other language; the same `{fields}` are in both."""

    english: str
    pattern: re.Pattern[str]
    other: str
    letters: int

    def say(self, text: str, language: str) -> str | None:
        """The text in the other language where it is this sentence; what fills the fields is translated too."""
        match = self.pattern.fullmatch(text)
        if match is None:
            return None
        values = {name: _said(value, language) or value for name, value in match.groupdict().items()}
        return _FIELD.sub(lambda field: values[field[1]], self.other)


def translate(text: str, language: str) -> str:
    """A text of one line or several in a language, as far as its sentences are known there."""
    if language == "en":
        return text
    return "\n".join(_line(line, language) for line in text.split("\n"))


def _line(line: str, language: str) -> str:
    bare = line.strip()
    return line.replace(bare, _said(bare, language) or bare) if bare else line


@lru_cache(maxsize=4096)
def _said(text: str, language: str) -> str | None:
    """A sentence, or several after one another, perhaps behind a place and a colon; None for what is not known."""
    if not 3 <= len(text) <= _LONGEST:
        return None
    for sentence in sentences(language):
        if (said := sentence.say(text, language)) is not None:
            return said
    for head, tail in _breaks(text):
        rest = _said(tail, language)
        first = next((said for one in sentences(language) if (said := one.say(head, language)) is not None), None)
        # A place such as a file and a line stays as it is; two sentences have to be known both.
        if rest is not None and (first is not None or head.endswith(":")):
            return f"{first or head} {rest}"
    return None


def _breaks(text: str) -> Iterator[tuple[str, str]]:
    for found in islice(_BREAK.finditer(text), _BREAKS):
        yield text[: found.start()], text[found.end() :]


@cache
def sentences(language: str) -> tuple[Sentence, ...]:
    """All that can be said, those that say most first, so that a field does not swallow what a longer one tells."""
    import yaml

    found = [
        _sentence(entry["en"], entry[language])
        for file in sorted((_FOLDER / language).glob("*.yaml"))
        for entry in yaml.safe_load(file.read_text(encoding="utf-8")) or []
    ]
    return tuple(sorted(found, key=lambda sentence: -sentence.letters))


def _sentence(english: str, other: str) -> Sentence:
    parts = _FIELD.split(english)
    pattern, seen = "", set[str]()
    for number, part in enumerate(parts):
        if number % 2 == 0:
            pattern += re.escape(part)
        else:
            pattern += f"(?P={part})" if part in seen else f"(?P<{part}>.+?)"
            seen.add(part)
    return Sentence(english, re.compile(pattern), other, sum(map(len, parts[::2])))
