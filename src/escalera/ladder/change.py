"""A rung is its parent plus a change; and the change is what two configurations do not share."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import PydanticUndefined, to_jsonable_python

from escalera.core.errors import LadderError, Problem
from escalera.ladder.fields import Node, meant, section, sections, tagged
from escalera.ladder.schema import RungConfig, Section, Weights
from escalera.ladder.shown import show


@dataclass(frozen=True)
class Change:
    """One dotted path and its values, plain as in JSON, before and after; None where there was nothing."""

    path: str
    before: Any
    after: Any


def apply(parent: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with dotted paths set: lists and sections are replaced whole, None brings the default back.

    The values are not checked here. Raises LadderError naming every path that does not exist or cannot be set alone.
    """
    problems = [Problem(message, path) for path, message in objections(parent, change).items()]
    if problems:
        raise LadderError(problems)
    child = copy.deepcopy(dict(parent))
    for path, value in change.items():
        _put(child, path, value)
    return child


def objections(parent: Mapping[str, Any] | None, change: Mapping[str, Any]) -> dict[str, str]:
    """The paths of a change that cannot be set on the parent, and why; without a parent, on no rung at all."""
    found = {path: _within(path, change) or _unknown(parent, path, value) for path, value in change.items()}
    return {path: message for path, message in found.items() if message}


def difference(before: RungConfig | None, after: RungConfig) -> list[Change]:
    """The settings in which two configurations differ; of a first rung (`before` None), those that it gives.

    A section of another kind is one entry, with the settings that are not its defaults.
    """
    if before is None:
        return [replace(change, before=None) for change in _compare(None, after)]
    return list(_compare(before, after))


def _within(path: str, change: Mapping[str, Any]) -> str:
    whole = next((other for other in change if path.startswith(other + ".")), None)
    return f"'{whole}' is given whole by the same change; write it there" if whole else ""


def _unknown(parent: Mapping[str, Any] | None, path: str, new: Any) -> str:
    """Why a path cannot be set, or nothing."""
    node, value = section("RungConfig"), parent
    keys = path.split(".")
    for depth, key in enumerate(keys):
        above = ".".join(keys[:depth])
        known = [name for option in sections(node, value) for name in option["properties"]]
        choice = tagged(node)
        if not known:
            return f"unknown key '{key}': '{above}' holds no keys; give its value whole"
        if key not in known:
            kind = f" for {choice[0]} {show(value[choice[0]])}" if choice and value and choice[0] in value else ""
            return f"unknown key '{key}'{kind}; {meant(keys[:depth], key, known, keys[depth + 1 :])}"
        if choice and key == choice[0]:
            return f"a section whose {key} changes is given whole: {above}: {{{key}: {new}, ...}}"
        node, value = _below(node, value, key)
    return ""


def _below(node: Node, value: Mapping[str, Any] | None, key: str) -> tuple[Node, Mapping[str, Any] | None]:
    """The schema and the value one key further down; the default stands for what is not given."""
    fits: list[Node] = [option["properties"][key] for option in sections(node, value) if key in option["properties"]]
    below: Node = fits[0] if len(fits) == 1 else {"anyOf": fits}
    if value is None:
        return below, None
    inner = value.get(key)
    return below, inner if isinstance(inner, Mapping) else below.get("default") or {}


def _put(config: dict[str, Any], path: str, value: Any) -> None:
    *above, last = path.split(".")
    node = section("RungConfig")
    for key in above:
        node, inner = _below(node, config, key)
        if not isinstance(config.get(key), dict):
            config[key] = copy.deepcopy(inner)
        config = config[key]
    if value is None:
        config.pop(last, None)
    else:
        config[last] = copy.deepcopy(value)


def _compare(before: Section | None, after: Section, prefix: str = "") -> Iterator[Change]:
    for name, field in type(after).model_fields.items():
        if name == "like" and _is_read(after):
            continue
        path, new = prefix + (field.alias or name), getattr(after, name)
        old = getattr(before, name) if before is not None else field.get_default(call_default_factory=False)
        if old == new:
            continue
        if isinstance(new, Section) and (type(old) is type(new) or (old is PydanticUndefined and not _kind(new))):
            yield from _compare(old if isinstance(old, Section) else None, new, path + ".")
        else:
            yield Change(path, _plain(old), _plain(new))


def _plain(value: Any) -> Any:
    """As JSON has it, of a section of one of several kinds without its defaults."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, Section):
        return _as_written(value.model_dump(mode="json", exclude_defaults=_kind(value)))
    return None if value is PydanticUndefined else to_jsonable_python(value)


def _as_written(value: Any) -> Any:
    """Plain values without `like` where it was read from the run that the weights or features come from."""
    if not isinstance(value, dict):
        return value
    read = isinstance(value.get("weights", value.get("features")), dict)
    return {key: _as_written(inner) for key, inner in value.items() if not (read and key == "like")}


def _is_read(section: Section) -> bool:
    """Whether a section's `like` was read from the run that its weights or features come from."""
    return isinstance(getattr(section, "weights", getattr(section, "features", None)), Weights)


def _kind(value: Section) -> bool:
    """Whether a section is one of several kinds: then its first key is required and says which."""
    return next(iter(type(value).model_fields)) in ("kind", "name")
