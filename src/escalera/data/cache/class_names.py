"""What is odd about the names of the classes: some that differ in a capital alone, some that read like two in one."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

_SHOWN = 3
_BETWEEN = re.compile(r"[\s,;|/+&]+")


def odd_names(classes: Sequence[str], *, column: str | None) -> list[str]:
    """Notes on the names of classes; `column` is the one that they come from, None for folders and arrays."""
    return [*_alike(classes), *(_together(classes, column) if column else [])]


def _alike(classes: Sequence[str]) -> list[str]:
    """Classes whose names differ only in case, blanks or accents: they are not merged unasked."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in classes:
        plain = unicodedata.normalize("NFKD", name.casefold())
        groups["".join(c for c in plain if not unicodedata.combining(c) and not c.isspace())].append(name)
    found = [names for names in groups.values() if len(names) > 1]
    if not found:
        return []
    some = "; ".join(" and ".join(map(repr, names)) for names in found[:_SHOWN]) + (
        "; ..." if len(found) > _SHOWN else ""
    )
    count = "1 group of classes differs" if len(found) == 1 else f"{len(found)} groups of classes differ"
    return [f"{count} only in case, blanks or accents: {some}. Are they the same?"]


def _together(classes: Sequence[str], column: str) -> list[str]:
    """Labels whose parts are labels of their own: several labels in one field, perhaps."""
    parts = {name: list(dict.fromkeys(filter(None, _BETWEEN.split(name)))) for name in classes}
    alone = {name for name, some in parts.items() if len(some) == 1}
    several = {name: some for name, some in parts.items() if len(some) > 1}

    def known(part: str, besides: str) -> bool:
        return part in alone or any(part in some for name, some in several.items() if name != besides)

    found = [
        name for name, some in several.items()
        if any(part in alone for part in some) and all(known(part, name) for part in some)
    ]  # fmt: skip
    if not found:
        return []
    first = found[0]
    more = f" ({len(found)} labels are so)" if len(found) > 1 else ""
    return [
        f"column '{column}': {first!r} reads like {' and '.join(map(repr, parts[first]))} together{more}; each "
        "combination is learned as a class of its own."
    ]
