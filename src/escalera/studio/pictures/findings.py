"""What is in a set that is being made, and what is wrong with it, as `escalera explore` finds it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from escalera.core.errors import DataError
from escalera.core.language import Language
from escalera.core.translation import translate
from escalera.data.cache.folders import cache_root
from escalera.data.cache.inventory import clear
from escalera.experiment.auto.text import words_of
from escalera.experiment.explore import look_at
from escalera.experiment.survey import found_in, sentences_of
from escalera.ladder.schema import Data

_LISTED = 6


@dataclass(frozen=True)
class Findings:
    """Sentences for people: `faults`, which a training would refuse, what else was `found`, and pairs of duplicates."""

    faults: list[str]
    found: list[str]
    twins: list[str]


class Finder:
    """Looks at sets, and remembers what it put into the cache for one, which the next look at it makes needless."""

    def __init__(self) -> None:
        self._before: dict[str, str] = {}
        self._lock = Lock()

    def look(self, source: str, words: Language) -> Findings:
        """What explore finds in a set, in the reader's language."""
        try:
            with self._lock:
                seen = look_at(Data(source=source), None)
                self._forget(source, seen.images.folder)
        except DataError as error:
            return Findings([translate(str(error), words.code)], [], [])
        facts = seen.facts()
        mine = words_of(words.code)
        faults = [translate(line, words.code) for line in facts["faults"]]
        notes = [translate(line, words.code) for line in facts["notes"]]
        found = sentences_of(found_in(facts), mine)
        # What the notes say of uneven classes, the sentences say more briefly.
        return Findings(faults, [*found, *(line for line in notes if "balanced" not in line)], _twins(facts))

    def _forget(self, source: str, folder: Path | None) -> None:
        before = self._before.get(source)
        if before is not None and (folder is None or folder.name != before):
            with contextlib.suppress(DataError):  # somebody reads it, or it is gone
                clear(cache_root(), [before])
        if folder is not None:
            self._before[source] = folder.name


def _twins(facts: dict[str, Any]) -> list[str]:
    """The first pairs of duplicates, those of two classes first."""
    pairs = sorted(facts["duplicates"]["pairs"], key=lambda pair: pair["first"]["class"] == pair["second"]["class"])
    ends = [[Path(pair[end]["place"]).parts[-2:] for end in ("first", "second")] for pair in pairs[:_LISTED]]
    return [" = ".join("/".join(parts) for parts in pair) for pair in ends]
