"""Everything the doctor looks at, in its order, and the lines that tell it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from escalera.cli.doctor.check import Check
from escalera.cli.doctor.compute import computing
from escalera.cli.doctor.installed import browser, completion, extras
from escalera.cli.doctor.places import places
from escalera.core.language import Language


def checks(data_root: Path | None, words: Language) -> Iterator[Check]:
    """What is there, what is missing, and what is broken."""
    yield from extras(words)
    yield from computing(words)
    yield from places(data_root, words)
    yield completion(words)
    yield browser(words)


def table(found: Sequence[Check], words: Language) -> Iterator[str]:
    """A line for each: how it stands, its name, and what to type; the reason follows as a comment of the shell."""
    states = {check.state: words.say(f"doctor.state.{check.state}") for check in found}
    names = [words.named(f"doctor.check.{check.name}") for check in found]
    state_width, name_width = max(map(len, states.values())), max(map(len, names))
    for check, name in zip(found, names, strict=True):
        advice = f"{check.command}  # {check.text}" if check.command else check.text
        yield f"{states[check.state]:<{state_width}}  {name:<{name_width}}  {advice}"
