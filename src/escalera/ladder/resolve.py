"""The configuration of every rung, and for every value in it the place where it was typed."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from escalera.ladder.change import apply, objections
from escalera.ladder.document import Document, Flaw, Path
from escalera.ladder.explain import Mistake, mistakes
from escalera.ladder.families import Step
from escalera.ladder.schema import RungConfig
from escalera.ladder.space import faults

SECTIONS = tuple(RungConfig.model_fields)


@dataclass
class Resolved:
    """A rung with its parents' settings; `origins` has for the paths in `config` the paths in the file."""

    step: Step
    config: dict[str, Any] = field(default_factory=dict)
    origins: dict[Path, Path] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def origin(self, path: Path) -> Path:
        """Where in the file a path of the configuration comes from; the rung itself when it was not typed."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.origins:
                return self.origins[path[:end]] + path[end:]
        return self.step.place

    def own(self, place: Path) -> bool:
        """Whether a place in the file lies within this rung."""
        return place[:2] == self.step.place

    def lay(self, section: Any, path: Path, place: Path) -> None:
        """Lay a value over what stands at `path`; mappings of the same kind are merged."""
        *above, last = path
        target = self.config
        for key in above:
            target = target[str(key)]
        old = target.get(str(last))
        if isinstance(section, dict) and isinstance(old, dict) and not _other_kind(old, section):
            for key, value in section.items():
                self.lay(value, (*path, key), (*place, key))
        else:
            target[str(last)] = copy.deepcopy(section)
            if section is None and not above:
                del target[str(last)]
            self._forget(path)
            self.origins[path] = place

    def change(self, change: Mapping[str, Any], place: Path) -> None:
        """Apply a change without objections that was typed at `place`."""
        self.config = apply(self.config, change)
        for key in change:
            path = tuple(key.split("."))
            self._forget(path)
            self.origins[path] = (*place, key)

    def _forget(self, path: Path) -> None:
        self.origins = {other: place for other, place in self.origins.items() if other[: len(path)] != path}


def resolve(
    ordered: list[Step], document: Document, answers: Mapping[str, Mapping[str, Any]] | None = None
) -> tuple[dict[int, Resolved], list[Flaw]]:
    """Every rung whose parents are known, by its index, and the flaws in what the rungs say.

    `answers` are what searches have found, by the names of their rungs: changes on top of what the rung says.
    """
    done: dict[int, Resolved] = {}
    flaws: dict[Flaw, None] = {}
    for step in ordered:
        flaws |= dict.fromkeys(_misplaced(step, document))
        parent = done.get(step.parent.index) if step.parent else None
        if step.lost or (step.parent and not parent):
            flaws |= dict.fromkeys(_objections(None, step, document))
            continue
        rung = Resolved(step)
        if parent:
            rung.config, rung.origins = copy.deepcopy(parent.config), dict(parent.origins)
            step.doubtful |= parent.step.doubtful
        flaws |= dict.fromkeys(_build(rung, document))
        rung.change((answers or {}).get(step.name, {}), (*step.place, "search", "over"))
        rung.mistakes = mistakes(RungConfig, rung.config)
        flaws |= dict.fromkeys(_typed_here(rung, parent, document))
        flaws |= dict.fromkeys(_searching(rung, document))
        done[step.index] = rung
    return done, list(flaws)


def _build(rung: Resolved, document: Document) -> Iterator[Flaw]:
    """Fill in what a rung says over its parent's configuration, or over the ladder's sections."""
    step = rung.step
    if not step.parent:
        for key in SECTIONS:
            if key != "model" and key in document.value:
                rung.lay(document.value[key], (key,), (key,))
    for key in SECTIONS:
        if key in step.entry:
            rung.lay(step.entry[key], (key,), (*step.place, key))
    objected = list(_objections(rung.config, step, document))
    yield from objected
    step.doubtful |= bool(objected)
    bad = {flaw.path[-1] for flaw in objected}
    rung.change({key: value for key, value in _change(step).items() if key not in bad}, (*step.place, "change"))


def _misplaced(step: Step, document: Document) -> Iterator[Flaw]:
    """Settings that stand beside a change though they belong in it, and a change that has nothing to change."""
    root = not (step.parent or step.lost)
    for key, value in step.entry.items():
        message = ""
        if key in SECTIONS and not root:
            example = f"{key}.{next(iter(value))}" if isinstance(value, dict) and value else key
            message = f"a rung with a parent says under change what is new; write change: {{{example}: ...}}"
        elif key not in SECTIONS and key.split(".")[0] in SECTIONS:
            message = f"a dotted path stands under change; write change: {{{key}: ...}}"
        elif key == "change" and _change(step) and root:
            message = "a rung without a parent has nothing to change; write its sections (data, model, ...) directly"
        if message:
            yield _flaw(message, (*step.place, key), document)


def _objections(config: Mapping[str, Any] | None, step: Step, document: Document) -> Iterator[Flaw]:
    for key, message in objections(config, _change(step)).items():
        yield _flaw(message, (*step.place, "change", key), document)


def _typed_here(rung: Resolved, parent: Resolved | None, document: Document) -> Iterator[Flaw]:
    """The mistakes of a configuration, without those that its parent has told."""
    for mistake in rung.mistakes:
        if len(mistake.keys) > 1 and rung.step.doubtful:
            continue
        # Of keys that do not go together, the one that this rung sets is to blame.
        places = [rung.origin((*mistake.path, *key.split("."))) for key in mistake.keys] or [rung.origin(mistake.path)]
        blamed = next((number for number, place in enumerate(places) if rung.own(place)), 0)
        if parent and mistake in parent.mistakes and not rung.own(places[blamed]):
            continue
        message = f"{mistake.keys[0]}: {mistake.message}" if blamed else mistake.message
        yield _flaw(message, places[blamed], document)


def _searching(rung: Resolved, document: Document) -> Iterator[Flaw]:
    """What is wrong with the space that a rung searches; what is wrong with the rest of a search is told elsewhere."""
    wanted = rung.step.entry.get("search")
    if not isinstance(wanted, dict) or not isinstance(over := wanted.get("over"), dict):
        return
    for path, message in faults(over, rung.config, rung.mistakes, str(wanted.get("method"))):
        yield _flaw(message, (*rung.step.place, "search", "over", *path), document)


def _flaw(message: str, path: Path, document: Document) -> Flaw:
    return Flaw(message, document.line(path), document.typed(path))


def _change(step: Step) -> dict[str, Any]:
    change = step.entry.get("change")
    return change if isinstance(change, dict) else {}


def _other_kind(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Whether both name their kind, and not the same."""
    return any(key in old and key in new and old[key] != new[key] for key in ("kind", "name"))
