"""What is amiss with a file of a run, to be said in the reader's language in the place where it matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from escalera.core.language import Language, load_words

Kind = Literal["absent", "unreadable", "json", "mapping", "value", "disagrees", "changed", "foreign", "version"]


@dataclass(frozen=True)
class Fault:
    """`kind` is what is wrong in `file`; `place` is the key or the line, `received` what stands there."""

    file: str
    kind: Kind
    place: str = ""
    received: str = ""

    def say(self, language: Language) -> str:
        """The fault in a line."""
        return language.say(f"fault.{self.kind}", file=self.file, place=self.place, received=self.received)

    def __str__(self) -> str:
        return self.say(load_words("en", "core"))
