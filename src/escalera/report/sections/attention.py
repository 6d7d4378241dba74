"""Where it looked: Grad-CAM over a few rows, mistakes and not."""

from __future__ import annotations

from typing import Any

from escalera.report.view import RungView


def section(view: RungView) -> dict[str, Any] | None:
    """The rows with their maps; None for a network that keeps no map of the picture."""
    if view.maps is None or not view.maps.size:
        return None
    return {"rows": list(zip(view.explained, view.maps, strict=True))}
