"""What a rung changes, as a person reads it: setting by setting, also inside of a section that was replaced whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from escalera.core.record import Change
from escalera.report.language import NOTHING


@dataclass(frozen=True)
class Setting:
    """A setting with its values before and after; a dash where there is none."""

    path: str
    before: str
    after: str


def settings(changes: Sequence[Change]) -> list[Setting]:
    """Every setting that differs; a section that was given whole is taken apart, its kind first."""
    return [
        Setting(path, typed(before), typed(after))
        for change in changes
        for path, before, after in _apart(change.path, change.before, change.after)
    ]


def _apart(path: str, before: Any, after: Any) -> Iterator[tuple[str, Any, Any]]:
    if not (isinstance(before, dict) or isinstance(after, dict)):
        yield path, before, after
        return
    old, new = (value if isinstance(value, dict) else {} for value in (before, after))
    if not old and not new:
        yield path, before, after
    for key in dict.fromkeys([*new, *old]):
        values = old.get(key), new.get(key)
        if values[0] != values[1]:  # None is as good as absent: both are a dash
            yield from _apart(f"{path}.{key}" if path else str(key), *values)


def typed(value: Any) -> str:
    """A value as a ladder has it, a list without the brackets around it: `256, 128`, `[32], [64]`, `conv`, `0.3`."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, list) and value:
        return ", ".join(_inner(one) for one in value)
    return json.dumps(value, ensure_ascii=False)


def _inner(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else typed(value)
