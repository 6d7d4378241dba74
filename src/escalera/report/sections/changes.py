"""What the rung changes, setting by setting."""

from __future__ import annotations

from typing import Any

from escalera.report.settings import settings
from escalera.report.view import RungView


def section(view: RungView) -> dict[str, Any] | None:
    """The changes; an empty list is worth saying too."""
    return {"changes": settings(view.rung.change)}
