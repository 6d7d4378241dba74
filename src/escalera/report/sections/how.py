"""How to read the page."""

from __future__ import annotations

from typing import Any

from escalera.report.view import LadderView


def section(view: LadderView) -> dict[str, Any] | None:
    """The keys of what is explained; seeds only where there are several."""
    several = any(len(rung.runs) > 1 for rung in view.story.rungs)
    return {"keys": ["paired", "interval", "holm", "none", *(["seeds"] if several else []), "sealed"]}
