"""What errors and notes say, in Spanish.

They are written in English where they arise, and kept so in the files of a run; at the edge, where a person reads
them, the sentence is found again among `translations/es/*.yaml` and said in Spanish; one that is not there stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path

_FOLDER = Path(__file__).parent / "translations"
_FIELD = re.compile(r"\{(\w+)\}")
_TWICE = re.compile(r"«((?:'[^'«»]*', )*'[^'«»]*')(, \.\.\.)?»")
"""Words that are in quotes already where the sentence puts them in quotes."""
_PHRASES = {"why", "hint", "what"}
_ITEM = "item"
"""A field for an item of a list, which has no colon: it does not begin with what the list is of."""
_FIGURES = "figure"
"""Fields that begin so are figures, which have a decimal comma; what the user types keeps its point."""
_COUNTS = {"a", "all", "b", "columns", "count", "item", "k", "limit", "m", "most", "n", "rows"}
"""Fields that may be counts, whose thousands have a point then."""
_THOUSANDS = re.compile(r"\d{1,3}(,\d{3})+")
_SWAPPED = str.maketrans(".,", ",.")
_NEXT = re.compile(r"[.?!] [A-Z]")
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

    def say(self, text: str, language: str) -> tuple[str, bool] | None:
        """The text in the other language where it is this sentence, and whether it is no more than that.

        What fills the fields is translated too. More than that it is where a field took in the end of another sentence.
        """
        match = self.pattern.fullmatch(text)
        if match is None:
            return None
        found = {name: (value, _translated(value, language)) for name, value in match.groupdict().items()}
        # These are phrases themselves: one that is not known makes the whole another sentence than this.
        if any(translated is None for name, (_, translated) in found.items() if name in _PHRASES):
            return None
        values = {
            name: _number(name, value) if translated is None else translated
            for name, (value, translated) in found.items()
        }
        alone = not any(translated is None and _NEXT.search(value) for value, translated in found.values())
        return _TWICE.sub(_once, _FIELD.sub(lambda field: values[field[1]], self.other)), alone


def _number(name: str, value: str) -> str:
    if name.startswith(_FIGURES) or (name in _COUNTS and _THOUSANDS.fullmatch(value)):
        return value.translate(_SWAPPED)
    return value


def _once(found: re.Match[str]) -> str:
    names = found[1][1:-1].replace("', '", "», «")
    return f"«{names}»{found[2] or ''}"


def translate(text: str, language: str) -> str:
    """A text of one line or several in a language, as far as its sentences are known there."""
    if language == "en":
        return text
    return "\n".join(_line(line, language) for line in text.split("\n"))


def _line(line: str, language: str) -> str:
    bare = line.strip()
    return line.replace(bare, _translated(bare, language) or bare) if bare else line


@lru_cache(maxsize=4096)
def _translated(text: str, language: str) -> str | None:
    """A sentence, or several after one another, perhaps behind a place and a colon; None for what is not known."""
    if not 3 <= len(text) <= _LONGEST:
        return None
    at_least = None
    for sentence in sentences(language):
        if (found := sentence.say(text, language)) is not None:
            if found[1]:
                return found[0]
            at_least = at_least or found[0]
    for head, tail in _breaks(text):
        rest = _translated(tail, language)
        # A place such as a file and a line stays as it is; two sentences have to be known both.
        first = rest and (_alone(head, language) or (head if head.endswith(":") else None))
        if rest and first:
            return f"{first} {rest}"
    return at_least


def _alone(text: str, language: str) -> str | None:
    return next((found[0] for one in sentences(language) if (found := one.say(text, language)) and found[1]), None)


def _breaks(text: str) -> list[tuple[str, str]]:
    """Where the text may be cut in two: between sentences first, then behind a colon."""
    found = [(text[: one.start()], text[one.end() :]) for one in islice(_BREAK.finditer(text), _BREAKS)]
    return sorted(found, key=lambda parts: parts[0].endswith(":"))


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
            pattern += f"(?P={part})" if part in seen else f"(?P<{part}>{'[^:]' if part == _ITEM else '.'}+?)"
            seen.add(part)
    return Sentence(english, re.compile(pattern), other, sum(map(len, parts[::2])))
