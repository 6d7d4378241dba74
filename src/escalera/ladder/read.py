"""A ladder file becomes a ladder: every rung resolved, every mistake found, each at the line where it was typed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from escalera.core.errors import LadderError, Problem
from escalera.core.html import html_table
from escalera.core.names import composed
from escalera.ladder import document as yaml
from escalera.ladder.change import difference
from escalera.ladder.document import Document, Flaw, document_of, dotted, read_document
from escalera.ladder.editor import json_schema
from escalera.ladder.explain import mistakes, without
from escalera.ladder.families import families
from escalera.ladder.resolve import SECTIONS, Resolved, resolve
from escalera.ladder.schema import Ladder, LadderEntry, Rung, RungConfig, Search, Text
from escalera.ladder.settings import Setting, lay_settings, read_setting
from escalera.ladder.shipped import LARGEST, find_ladder, read_bytes, shipped
from escalera.ladder.shown import show

MOST_RUNGS = 1_000
"""A report of them could not be read any more."""

__all__ = ["Place", "Reading", "dump_config", "json_schema", "load_config", "read_ladder", "shipped"]


class Place(NamedTuple):
    """Where a value was typed; for one from the command line `file` is empty, `line` 0 and `path` begins with --set."""

    file: str
    line: int
    path: str


@dataclass(frozen=True)
class Reading:
    """What a ladder file says: its rungs as far as they could be resolved, and everything wrong in it.

    `drafts` are rungs with mistakes, without the values that are wrong: what else is wrong in them can be found too.
    """

    ladder: Ladder
    problems: list[Problem]
    file: str = ""
    drafts: list[Rung] = field(default_factory=list, repr=False)
    _document: Document = field(default_factory=Document, repr=False)
    _resolved: dict[str, Resolved] = field(default_factory=dict, repr=False)
    _sets: Sequence[str] = ()

    @property
    def rungs(self) -> list[Rung]:
        """The rungs that could be resolved, in the order of the file."""
        return self.ladder.rungs

    @cached_property
    def names(self) -> list[str]:
        """The names of all rungs in the order of the file, those with mistakes included."""
        return sorted(self._resolved, key=lambda name: self._resolved[name].step.index)

    @property
    def folder(self) -> Path | None:
        """Where the file lies; None for a ladder that ships, whose sources are known by name."""
        return None if not self.file or Path(self.file) in (path for _, path in shipped()) else Path(self.file).parent

    def _repr_html_(self) -> str:
        """Title and rungs, each with what it changes and why."""
        configs = {rung.name: rung.config for rung in self.rungs}
        rows = []
        for rung in self.rungs:
            changes = difference(configs.get(rung.parent or ""), rung.config)
            change = "; ".join(f"{one.path}: {show(one.after)}" for one in changes)
            rows.append([rung.name, rung.parent or "", change, rung.why["en"] if rung.why else ""])
        title = self.ladder.title["en"] if self.ladder.title else self.ladder.name
        return f"<p><b>{escape(title)}</b></p>{html_table(['rung', 'parent', 'change', 'why'], rows)}"

    def answered(self, answers: Mapping[str, Mapping[str, Any]]) -> Reading:
        """The same ladder with what searches have found, by rung: changes that stand and are inherited as if typed."""
        return _reading(self._document, self._sets, self.file, self.ladder.name, answers)

    def locate(self, rung: str, path: str) -> Place:
        """Where the value at a dotted path of a rung was typed, by the rung or by the parent it inherits it from."""
        keys = tuple(int(key) if key.isdigit() else key for key in re.findall(r"[^.\[\]]+", path))
        return _place(self._resolved[rung].origin(keys), self._document, self.file)


def read_ladder(source: str | Path | Mapping[str, Any], sets: Sequence[str] = ()) -> Reading:
    """Read a ladder, shipped (by name), a file (by path) or what such a file holds, with `sets` such as
    `train.epochs=5` on all rungs they fit.

    What is wrong in it stands in the reading's problems; raises EscaleraError only when there is no file to read.
    """
    if isinstance(source, Mapping):
        return _reading(document_of(source), sets, "", "ladder")
    path = find_ladder(source)
    return _reading(_decode(read_bytes(path)), sets, str(path), path.stem)


def _reading(
    document: Document,
    sets: Sequence[str],
    file: str,
    stem: str,
    answers: Mapping[str, Mapping[str, Any]] | None = None,
) -> Reading:
    """The ladder of a document; `stem` names one that has no name."""
    if unusable := _unusable(document):
        return Reading(Ladder(name=stem, rungs=[]), _problems(unusable, document, file), file)
    ordered, unrelated = families(document)
    resolved, unresolved = resolve(ordered, document, answers)
    rungs = sorted(resolved.values(), key=lambda rung: rung.step.index)
    settings = [read_setting(text) for text in sets]
    lay_settings(settings, rungs)
    _overridden(settings, rungs)
    flaws = [*document.flaws, *_besides(document, [*_frame(document), *unrelated, *unresolved])]
    problems = _problems(flaws, document, file) + _complaints(settings)
    named = {rung.step.name: rung for rung in reversed(rungs) if rung.step.name}
    sound = [rung for rung in rungs if rung.step.name and not rung.mistakes and not rung.step.doubtful]
    fine = {rung.step.index for rung in sound}
    drafts = [draft for rung in named.values() if rung.step.index not in fine and (draft := _draft(rung))]
    return Reading(_ladder(document.value, sound, stem), problems, file, drafts, document, named, sets)


def _besides(document: Document, flaws: Sequence[Flaw]) -> list[Flaw]:
    """The flaws that do not come of a value of Python's which no YAML holds: null stands in its place."""
    unfit = [flaw.path for flaw in document.flaws if not flaw.line]
    return [flaw for flaw in flaws if not any(flaw.path[: len(path)] == path for path in unfit)]


def _overridden(settings: Sequence[Setting], rungs: Sequence[Resolved]) -> None:
    """Complain of settings that a rung searches over: they would be laid over what it has found."""
    for rung in rungs:
        wanted = rung.step.entry.get("search")
        if not isinstance(wanted, dict) or not isinstance(over := wanted.get("over"), dict):
            continue
        for setting in settings:
            for path in setting.change:
                if any(f"{path}.".startswith(f"{one}.") or f"{one}.".startswith(f"{path}.") for one in over):
                    setting.messages.append(
                        f"the rung '{rung.step.name}' searches over it; leave it out here, or take it out of its search"
                    )


def _unusable(document: Document) -> list[Flaw]:
    """Why nothing in a document can be looked at one by one."""
    value = document.value
    if not isinstance(value, dict):
        received = "an empty file" if value is None else show(value)
        return document.flaws or [Flaw(f"expected a mapping such as {{name: ..., rungs: ...}}, received {received}", 1)]
    rungs = value.get("rungs")
    if not isinstance(rungs, list) or len(rungs) <= MOST_RUNGS:
        return []
    message = f"expected {MOST_RUNGS:,} rungs at most, received {len(rungs):,}; make several ladders of them"
    return [Flaw(message, document.line(("rungs",)), ("rungs",))]


def dump_config(config: RungConfig) -> dict[str, Any]:
    """A configuration as plain JSON values, with everything filled in."""
    return config.model_dump(mode="json")


def load_config(values: Mapping[str, Any]) -> RungConfig:
    """The configuration that `dump_config` wrote; raises LadderError with all that is wrong in it."""
    found = mistakes(RungConfig, dict(values))
    if found:
        raise LadderError([Problem(mistake.message, dotted(mistake.path)) for mistake in found])
    return RungConfig.model_validate(dict(values))


def _decode(content: bytes) -> Document:
    if len(content) > LARGEST:
        return Document(flaws=[Flaw(f"expected a ladder of at most {LARGEST:,} bytes; this file is larger", 1)])
    try:
        return read_document(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"expected text in UTF-8, received the byte 0x{content[error.start]:02x}; save the file as UTF-8"
        return Document(flaws=[Flaw(message, line)])


def _frame(document: Document) -> list[Flaw]:
    """What is wrong around the sections: names, texts, the seed, unknown keys. Sections are checked rung by rung."""
    frame = {key: value for key, value in document.value.items() if key not in SECTIONS or key == "model"}
    if isinstance(frame.get("rungs"), list):
        frame["rungs"] = [_without_settings(rung) if isinstance(rung, dict) else rung for rung in frame["rungs"]]
    return [
        Flaw(mistake.message, document.line(mistake.path), document.typed(mistake.path))
        for mistake in mistakes(LadderEntry, frame)
    ]


def _without_settings(rung: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rung.items() if key.split(".")[0] not in SECTIONS}


def _problems(flaws: list[Flaw], document: Document, file: str) -> list[Problem]:
    """The flaws as problems, each once, in the order of the file."""
    problems = [Problem(flaw.message, _typed(flaw.path, document), file, flaw.line) for flaw in dict.fromkeys(flaws)]
    return sorted(problems, key=lambda problem: problem.line)


def _complaints(settings: list[Setting]) -> list[Problem]:
    return [Problem(message, str(setting.place[0])) for setting in settings for message in setting.messages]


def _place(path: yaml.Path, document: Document, file: str) -> Place:
    if path and str(path[0]).startswith("--set"):
        return Place("", 0, str(path[0]))
    return Place(file, document.line(path), _typed(document.typed(path), document))


def _typed(path: yaml.Path, document: Document) -> str:
    """A path for people: `rungs[2] (deeper).change.model.blocks[1][0]`."""
    if path[:1] != ("rungs",) or len(path) < 2:
        return dotted(path)
    rung = document.value["rungs"][path[1]]
    name = rung.get("name") if isinstance(rung, dict) else None
    label = f"rungs[{path[1]}] ({name})" if isinstance(name, str) else f"rungs[{path[1]}]"
    return ".".join([label, *([dotted(path[2:])] if path[2:] else [])])


def _ladder(values: dict[str, Any], sound: list[Resolved], stem: str) -> Ladder:
    """The ladder of the rungs whose configuration holds."""
    name, seed = values.get("name"), values.get("seed", 0)
    return Ladder(
        name=composed(name) if isinstance(name, str) else stem,
        title=_text(values.get("title")),
        seed=seed if type(seed) is int else 0,
        rungs=[_rung(rung, RungConfig.model_validate(rung.config)) for rung in sound],
    )


def _rung(rung: Resolved, config: RungConfig) -> Rung:
    parent = rung.step.parent.name if rung.step.parent else None
    wanted = rung.step.entry.get("search")
    return Rung(
        name=rung.step.name,
        why=_text(rung.step.entry.get("why")),
        parent=parent,
        search=None if wanted is None or mistakes(Search, wanted) else Search.model_validate(wanted),
        config=config,
    )


def _draft(rung: Resolved) -> Rung | None:
    """A rung without the values that are wrong; None where not even its data are left."""
    config = without(rung.config, rung.mistakes)
    if mistakes(RungConfig, config):
        # Its data are looked at all the same.
        config = {"data": config.get("data"), "model": {"kind": "mlp", "dense": [1]}}
    return None if mistakes(RungConfig, config) else _rung(rung, RungConfig.model_validate(config))


def _text(value: Any) -> Text | None:
    """A text in both languages; one text alone is meant for both. One that is wrong is told elsewhere."""
    if isinstance(value, str):
        return Text(en=value, es=value)
    return None if value is None or mistakes(Text, value) else Text.model_validate(value)
