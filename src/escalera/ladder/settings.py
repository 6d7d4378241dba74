"""`--set path=value`: changes from the command line, on top of every rung they fit."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from escalera.core.errors import LadderError, Problem
from escalera.ladder.change import objections
from escalera.ladder.document import Path, dotted, read_document
from escalera.ladder.explain import Mistake, bare, mistakes
from escalera.ladder.fields import options, paths, section
from escalera.ladder.resolve import Resolved
from escalera.ladder.schema import Data, RungConfig
from escalera.ladder.shown import show

BANDS = 4
"""How many bands `explore` cuts a target into where nobody says it."""


_Refusal = tuple[bool, list[str]]
"""Why a setting does not fit a rung, and whether the rung has no such path."""


@dataclass
class Setting:
    """One `--set`: its text, its change, and what is wrong with it."""

    text: str
    change: dict[str, Any] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    @property
    def place(self) -> Path:
        """Where its value was typed."""
        return (f"--set {self.text}",)


def read_setting(text: str) -> Setting:
    """Read `path=value`; the value is YAML on one line, and nothing brings the default back.

    A value that is no YAML, as {label}_*, or no more than braces, as {label}, is a text where the path takes one.
    """
    if written := re.fullmatch(r"\s*([\w.]+):\s+(.*)", text, re.DOTALL):  # as it stands in a ladder
        meant = shlex.quote(f"{written[1]}={written[2]}")
        return Setting(text, messages=[f"expected path=value, received path: value; write --set {meant}"])
    path, equals, value = text.partition("=")
    if not equals or not path.strip():
        return Setting(text, messages=[f"expected path=value such as train.epochs=5, received {show(text)}"])
    document = read_document(value)
    if ((document.flaws and document.value is None) or bare(document.value)) and _takes_text(path.strip()):
        return Setting(text, {path.strip(): value.strip()})
    return Setting(text, {path.strip(): document.value}, [flaw.message for flaw in document.flaws])


def lay_settings(settings: Sequence[Setting], rungs: Sequence[Resolved]) -> None:
    """Apply settings to the rungs they fit, those that go together whatever their order; of one path the last stands.

    Fitting no rung is a mistake, told as by the first rung that has its path.
    """
    sound = [setting for setting in settings if not setting.messages]
    refusals: list[list[_Refusal]] = [[] for _ in sound]
    for rung in rungs:
        for number, refusal in _lay(sound, rung).items():
            refusals[number].append(refusal)
    for setting, found in zip(sound, refusals, strict=True):
        if rungs and len(found) == len(rungs):
            setting.messages = min(found, key=lambda refusal: refusal[0])[1]


def read_data(source: str, sets: Sequence[str]) -> Data:
    """A data section from a source and settings such as `data.label_column=kind`; a target is cut into four bands.

    Raises LadderError with all that is wrong.
    """
    values: dict[str, Any] = {"source": source}
    problems = []
    for setting in map(read_setting, sets):
        problems += [Problem(message, str(setting.place[0])) for message in setting.messages]
        for path, value in setting.change.items():
            section, _, key = path.partition(".")
            if section == "data" and key:
                values[key] = value
            else:
                problems.append(Problem("expected a setting of data, as data.label_column=kind", str(setting.place[0])))
    if values.get("target") is not None:
        values.setdefault("bands", BANDS)
    problems += [Problem(mistake.message, f"data.{dotted(mistake.path)}") for mistake in mistakes(Data, values)]
    if problems:
        raise LadderError(problems)
    return Data.model_validate(values)


def _takes_text(path: str) -> bool:
    """Whether any text may stand at a dotted path, and no list that may have been left open."""
    may = [option for known, node in paths(section(RungConfig.__name__)) if known == path for option in options(node)]
    texts = [
        option for option in may if option["type"] == "string" and not option.keys() & {"enum", "const", "pattern"}
    ]
    return bool(texts) and all(option["type"] != "array" for option in may)


def _lay(settings: Sequence[Setting], rung: Resolved) -> dict[int, _Refusal]:
    """Apply settings to a rung; those that do not fit, by their number, and why."""
    bare = Resolved(rung.step, rung.config, rung.origins, rung.mistakes)
    laid: list[int] = []
    refusals: dict[int, _Refusal] = {}

    def fits(*more: int) -> bool:
        """Whether the rung is no worse for these too, in the order in which all were typed: then it has them."""
        nonlocal laid
        last = not laid or more[0] > laid[-1]
        together = more if last else sorted([*laid, *more])
        changed, objected = _changed(rung if last else bare, [settings[number] for number in together])
        worse = [mistake for mistake in changed.mistakes if mistake not in rung.mistakes]
        if objected or worse:
            for number in more:
                why = objected or [_message(mistake, settings[number]) for mistake in worse]
                refusals.setdefault(number, (bool(objected), why))
            return False
        rung.config, rung.origins, rung.mistakes = changed.config, changed.origins, changed.mistakes
        laid = sorted([*laid, *more])
        return True

    def rest() -> list[int]:
        return [number for number in range(len(settings)) if number not in laid]

    # What one of them asks of another may be typed after it, and two may ask it of each other.
    while sum(map(fits, rest())) or any(fits(*pair) for pair in combinations(rest(), 2)):
        pass
    return {number: refusals[number] for number in rest()}


def _changed(rung: Resolved, settings: Sequence[Setting]) -> tuple[Resolved, list[str]]:
    """A rung with settings, one after the other; and why one of them cannot be set there."""
    changed = Resolved(rung.step, rung.config, rung.origins, rung.mistakes)
    for setting in settings:
        if objected := list(objections(changed.config, setting.change).values()):
            return changed, objected
        changed.change(setting.change, setting.place)
    changed.mistakes = mistakes(RungConfig, changed.config)
    return changed, []


def _message(mistake: Mistake, setting: Setting) -> str:
    """The mistake, after its place where that is not the path of the setting itself."""
    place = dotted((*mistake.path, mistake.keys[0]) if len(mistake.keys) > 1 else mistake.path)
    return mistake.message if place in setting.change else f"{place}: {mistake.message}"
