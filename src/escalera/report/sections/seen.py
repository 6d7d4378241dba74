"""Test pictures that the networks may have seen: the accuracy with and without those that have a duplicate in train."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from escalera.core.record import Data
from escalera.data.duplicates.search import SMALLEST
from escalera.evaluate.compare import accuracy_interval
from escalera.report.rung import Rung
from escalera.report.view import LadderView


def section(view: LadderView) -> dict[str, Any] | None:
    """A row for each rung; `looked` is whether anybody looked for duplicates at all."""
    rows = []
    counts = set()
    for rung in view.story.scored:
        if rung.unseen is None or rung.accuracy is None or rung.test_rows is None:
            continue
        accuracy, clean = rung.unseen
        counts.add((rung.test_rows, rung.test_rows - clean))
        interval = None if accuracy is None else accuracy_interval(accuracy, clean)
        rows.append((rung, accuracy, interval, rung.test_rows - clean))
    if not view.story.scored:
        return None
    some = any(twice for *_, twice in rows)
    return {"rows": rows, "some": some, "counts": sorted(counts), "looked": _looked([row[0] for row in rows], view)}


def _looked(rungs: Sequence[Rung], view: LadderView) -> list[str]:
    """What was looked for, and why for no more; with several sources, in which."""
    found: dict[str, list[str]] = {}
    for data in (rung.data for rung in rungs):
        if data is not None and data.source not in found.setdefault(looked_for(data), []):
            found[looked_for(data)].append(data.source)
    say, listing = view.language.say, view.language.listing
    if len(found) < 2:
        return [say(f"seen.{key}") for key in found]
    return [say("seen.of", sources=listing(sources), words=say(f"seen.{key}")) for key, sources in found.items()]


def looked_for(data: Data) -> str:
    """`near`; `small` or `many`, where only exact copies were looked for; `unknown` for a run that does not say."""
    searched = data.duplicates.near_searched if data.duplicates else None
    if searched is None:
        return "unknown"
    return "near" if searched else "small" if min(data.shape[:2], default=SMALLEST) < SMALLEST else "many"
