"""`--set path=value`: changes from the command line, on top of every rung they fit."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
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


def lay_setting(setting: Setting, rungs: list[Resolved]) -> None:
    """Apply a setting to the rungs it fits; fitting none is a mistake, told as by the first rung that has its path."""
    if setting.messages:
        return
    refusals: list[tuple[bool, list[str]]] = []
    for rung in rungs:
        objected = list(objections(rung.config, setting.change).values())
        found = objected or _try(setting, rung)
        if found:
            refusals.append((bool(objected), found))
    if rungs and len(refusals) == len(rungs):
        setting.messages = min(refusals, key=lambda refusal: refusal[0])[1]


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


def _try(setting: Setting, rung: Resolved) -> list[str]:
    """Apply a setting unless the rung is worse for it; what is then wrong."""
    changed = Resolved(rung.step, rung.config, rung.origins)
    changed.change(setting.change, setting.place)
    after = mistakes(RungConfig, changed.config)
    worse = [_message(mistake, setting) for mistake in after if mistake not in rung.mistakes]
    if not worse:
        rung.config, rung.origins, rung.mistakes = changed.config, changed.origins, after
    return worse


def _message(mistake: Mistake, setting: Setting) -> str:
    """The mistake, after its place where that is not the path of the setting itself."""
    place = dotted((*mistake.path, mistake.keys[0]) if len(mistake.keys) > 1 else mistake.path)
    return mistake.message if place in setting.change else f"{place}: {mistake.message}"
